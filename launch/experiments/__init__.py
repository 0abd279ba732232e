"""The catalogue of experiments, and how they start the other commands."""
