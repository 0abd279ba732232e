"""Colours onto a picture of any size, its own L* kept."""
