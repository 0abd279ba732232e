"""Scores of coloured pictures, their means and intervals; distances by a feature network."""
