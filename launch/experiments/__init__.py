"""Known experiments: their catalogue, the work that they come to, their table; the demo's photographs and weights.

`subcommand` starts the other commands. `presets/` holds flag files.
"""
