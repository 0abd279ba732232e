"""The run directory: settings, checkpoints, starts, the best network."""
