"""The parts of `tintmill web`: the pictures it holds for its visitors, and the page."""
