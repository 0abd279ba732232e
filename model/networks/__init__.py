"""The networks, a module each; `registry` knows them by name."""
