"""Batches by step: staging, records by number, augmentation, reading ahead."""
