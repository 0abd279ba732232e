"""Names of the files in a dataset directory, OUTPUT/NAME/VERSION. No other module spells one of them.

README.md beside this file says what each file holds.
"""

PLAN = "plan.json"
MANIFEST = "manifest.json"
CROISSANT = "croissant.json"
CONTACT_SHEET = "contact_sheet.png"

# Folders with one file for each shard.
REPORTS = "reports"
REJECTS = "rejects"

# Folder with one file for each split: where its records are.
INDEX = "index"

# Metadata of TFDS. `DATASET_INFO` is written last of all files: a directory that has it is complete.
FEATURES = "features.json"
DATASET_INFO = "dataset_info.json"

# What a worker says before it fails: an engine that tries again may tell the command only of its own last trouble.
LAST_ERROR = "last_error.txt"

_SHARD_MARK = ".tfrecord-"  # TFDS finds shards by it

# Regular expressions of what a shard's file and a split may be called.
SHARD = r"[a-z0-9_]+-[a-z0-9_]+\.tfrecord-\d+-of-\d+"
SPLIT = r"[a-z][a-z0-9_]{0,63}"
MOST_SHARDS = 10**7  # of a split


def name_shard(dataset: str, split: str, index: int, count: int) -> str:
    """The file name of shard `index` of the `count` shards of a split: `mine-train.tfrecord-00000-of-00016`."""
    return f"{dataset}-{split}{_SHARD_MARK}{index:05d}-of-{count:05d}"


def is_shard_name(name: str) -> bool:
    """Whether a file of this name is a shard, of this dataset or another one."""
    return _SHARD_MARK in name


def name_report(split: str, index: int) -> str:
    """The name of a shard's report inside `REPORTS`."""
    return f"{split}-{index:05d}.json"


def name_rejects(split: str, index: int) -> str:
    """The name of the list of a shard's rejects inside `REJECTS`."""
    return f"{split}-{index:05d}.jsonl"


def name_index(split: str) -> str:
    """The name of a split's index inside `INDEX`."""
    return f"{split}.bin"
