"""Dataset directory -> run directory: input, step, checkpoint, train, evaluate, report.

Doors: the commands `train`, `evaluate`, `report`, `runs`; `input.batches`, `read_ahead.ReadAhead` and
`step.make_steps` for programs of one's own.
"""
