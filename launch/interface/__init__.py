"""Tintmill: photographs to sharded Lab datasets, colorizers trained on them, pictures coloured with those.

    import tintmill

    tintmill.colorize("old.jpg")  # writes old_coloured.jpg beside it, and returns its path
    colorizer = tintmill.Colorizer()  # for many pictures: the model is loaded once
    coloured = colorizer(PIL.Image.open("old.jpg"), hints=[{"x": 120, "y": 80, "color": "#3a5f2b"}])

This folder is what `import tintmill` imports. The rooms are packages below it: `tintmill.pipeline`, `tintmill.model`,
`tintmill.trainer`, `tintmill.launch`. Nothing is imported before it is asked for.
"""

__version__ = "0.2.0"
__all__ = ["Colorizer", "TintmillError", "colorize", "open_dataset"]

_PLACES = {
    "Colorizer": "tintmill.launch.programs.picture_colorizer",
    "TintmillError": "tintmill.pipeline.common.errors",
    "colorize": "tintmill.launch.programs.picture_colorizer",
    "open_dataset": "tintmill.pipeline.reading.records",
}


def __getattr__(name: str):
    if name not in _PLACES:
        raise AttributeError(f"module 'tintmill' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
