"""Photographs -> dataset directory, on Apache Beam. The commands are `prepare`, `verify`, `peek` and `convert`.

Doors for other rooms:
  `dataset.manifest`: `open_dataset`, and what a manifest says.
  `reading.records`: the records of a dataset, by number and id.
  `imaging.photo`, `imaging.lab`, `dataset.embed`: a picture's way from bytes to what a network sees. A picture that is
    coloured goes the same way.
  `common`: files by path or URL, flags from settings, the one error that is meant for people.
"""
