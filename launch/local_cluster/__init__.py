"""Clusters on this machine, for first steps and for tests: real Flink and Spark, each node a process of its own.

`engines` fetches what they are made of, `processes` keeps them, `flink` and `spark` say how they are started. The door
is the command `tintmill cluster` (`launch/cluster.py`).
"""
