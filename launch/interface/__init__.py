"""Tintmill: photographs to sharded Lab datasets, colorizers trained on them, pictures coloured with those.

This folder is what `import tintmill` imports. The rooms are packages below it: `tintmill.pipeline`, `tintmill.model`,
`tintmill.trainer`, `tintmill.launch`. Nothing is imported before it is asked for.
"""

__version__ = "0.2.0"
