"""Pictures in memory: decode, resize, sRGB <-> CIELAB, the 313 ab bins, fidelity, what teaches nothing."""
