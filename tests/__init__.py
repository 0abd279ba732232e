"""Tests, in the folders of what they test; `helpers` is shared. `pipeline` and the like are the rooms, not these."""
