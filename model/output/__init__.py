"""What `tintmill colorize` is given, where its answers go, and the log of what is done."""
