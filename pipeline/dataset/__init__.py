"""The dataset directory: settings, records, embedder, manifest, cards."""
