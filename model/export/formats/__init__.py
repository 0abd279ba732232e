"""The formats of an exported network, a module each; `registry` knows them by name."""
