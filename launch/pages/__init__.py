"""Pages for people, served from this machine."""
