"""Starts the other rooms: the `tintmill` command, experiments, job files, clusters on this machine, pages, the demo.

It holds no logic of the other rooms. `cli` is the `tintmill` command; `interface` is what `import tintmill` imports.
"""
