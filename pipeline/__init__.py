"""Photographs -> dataset directory, on Apache Beam.

Doors: `prepare` (the job), `verify` and `peek` (reading without TensorFlow), `dataset.open_dataset` (for trainer and
model), `photo`, `lab`, `embed` (a picture's way from bytes to what a network sees; the colorizer goes the same way).
"""
