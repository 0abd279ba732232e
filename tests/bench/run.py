"""All benchmarks, or those named, one after the other, each in a process of its own: `make bench`, `make bench-train`.

Numbers are CPU-seconds (user + system, all threads) and ratios within one process, medians of REPEATS; wall time on a
shared machine says little. Photographs: TINTMILL_TEST_DATA's ImageNet samples where set, else scikit-image's.
"""

import os
import platform
import subprocess
import sys

SECTIONS = ("plan", "prepare", "workers", "memory", "read", "step", "networks", "colour", "first_picture")


def main() -> None:
    with open("/proc/cpuinfo") as f:
        cpu = next((line.split(":")[1].strip() for line in f if line.startswith("model name")), platform.machine())
    print(f"machine: {os.cpu_count()} cores, {cpu}, Python {platform.python_version()}; no GPU used", flush=True)
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    for section in sys.argv[1:] or SECTIONS:
        print(f"\n== {section}", flush=True)
        subprocess.run([sys.executable, "-m", f"tests.bench.{section}"], check=True, env=environment)


if __name__ == "__main__":
    main()
