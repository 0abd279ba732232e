"""A grey picture's colours at the network's resolution."""
