"""Dataset directory -> run directory. The commands are `train`, `evaluate`, `report`, `runs` and `export`.

Doors for programs:
  `run.folder`: the files of a run, with readers of what they hold.
  `input.batches`, `input.read_ahead`: batches by step.
  `training.step`: the compiled step, the same on one device and on many.
"""
