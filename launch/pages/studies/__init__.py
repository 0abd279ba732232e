"""The parts of `tintmill study`: its settings and pictures, who is shown what, the answers, the pages, the result."""
