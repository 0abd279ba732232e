"""Networks and everything around a prediction: fusion, losses, metrics, the colorizer. Keras 3 through `keras.ops`.

A network maps {"l": [B, H, W, 1] (L*/50 - 1), "embedding": [B, E]} to {"ab": [B, H, W, 2]} in units of a*/128, b*/128.

Doors: `networks.build`, `losses.LOSSES`, `metrics`, `colorizer.Colorizer`, `colour_file.colour_bytes`, `artefact`
(a trained network on disk).
"""
