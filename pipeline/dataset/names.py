"""Names of the files in a dataset directory."""

PLAN, MANIFEST = "plan.json", "manifest.json"

# What a worker says before it fails: an engine that tries again may tell the command only of its own last trouble.
LAST_ERROR = "last_error.txt"
