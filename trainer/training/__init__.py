"""The compiled step and all that surrounds it."""
