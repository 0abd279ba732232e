"""What works on this machine: what is installed, what is built in, and which devices there are."""
