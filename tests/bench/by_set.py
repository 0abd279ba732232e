"""The scores of an evaluation for each top folder of its pictures: which sets a model is good at.

python -m tests.bench.by_set RUN/evaluation/test/metrics.json
"""

import collections
import json
import statistics
import sys
from pathlib import Path

_COLUMNS = ("psnr", "ssim", "ciede2000", "auc", "auc_rebalanced", "colourfulness")


def main() -> None:
    for path in sys.argv[1:]:
        print(path)
        print(f"{'set':24s} {'pictures':>8s} " + " ".join(f"{name:>14s}" for name in _COLUMNS))
        for name, scores in sorted(group(json.loads(Path(path).read_text())["pictures"]).items()):
            print(f"{name:24.24s} {len(scores):8d} " + " ".join(f"{_mean(scores, each):14.2f}" for each in _COLUMNS))


def group(scores: list[dict]) -> dict[str, list[dict]]:
    """Scores of pictures by the first part of their ids, which holds the archive's or folder's name."""
    sets = collections.defaultdict(list)
    for each in scores:
        sets[each["id"].split("/")[0]].append(each)
    return sets


def _mean(scores: list[dict], name: str) -> float:
    """Without what is null, as an infinite PSNR is."""
    return statistics.mean([each[name] for each in scores if each[name] is not None] or [float("nan")])


if __name__ == "__main__":
    main()
