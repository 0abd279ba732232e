"""Tintmill in other people's programs: what `import tintmill` offers, imported when it is first asked for."""
