"""Grey picture -> coloured picture: networks, losses, metrics, and what colours. Keras 3 through `keras.ops`.

A network maps {"l": [B, H, W, 1] (L*/50 - 1), "embedding": [B, E]} to {"ab": [B, H, W, 2]} in units of a*/128, b*/128.

The commands are `colorize` and `networks`. Doors for other rooms:
  `networks.registry`, `losses.building`, `metrics.registry`: what there is by name, and how it is built.
  `prediction.colorizer`: a grey picture's colours by a run; `export.reader`: by an exported model.
  `files.colour_file`: the bytes of a picture file in, those of the coloured one out.
  `prediction.saved_model`: a trained network on the disk.
"""
