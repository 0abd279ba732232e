"""Scores of a run or of other people's pictures, and their comparison."""
