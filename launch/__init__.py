"""The `tintmill` command and the demo: starts the other rooms, holds no logic of theirs."""
