"""A run as one artefact for other programs: written, compared, read back."""
