"""Clusters on this machine, for first steps and for tests: real Flink and Spark, each node a process of its own.

`clusters` starts one. `engines` and `jars` fetch what it is made of, `processes` keeps its processes, `standalone` says
what all clusters have in common, `flink` and `spark` how their nodes are started, and `worker_pool` starts the Python
workers.
"""
