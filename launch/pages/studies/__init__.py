"""The parts of `tintmill study`: settings, pictures, who is shown what, the answers, the pages, the result."""
