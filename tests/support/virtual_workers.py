"""`tests.toy_networks` for workers of several virtual CPUs each; TensorFlow itself gives a worker one CPU or all GPUs.

TF_CONFIG=... python -m tests.support.virtual_workers train --replicas=2 ...
"""

import sys

from tests.support.toy_networks import import_tensorflow, main

tf = import_tensorflow()

from tensorflow.python.distribute.collective_all_reduce_strategy import CollectiveAllReduceExtended  # noqa: E402


def _virtual_cpus(strategy, cluster_resolver, worker_device: str) -> tuple[tuple[str, ...], str]:
    cpu = tf.config.list_physical_devices("CPU")[0]
    count = len(tf.config.get_logical_device_configuration(cpu))
    return tuple(f"{worker_device}/device:CPU:{i}" for i in range(count)), "CPU"


CollectiveAllReduceExtended._initialize_local_devices = _virtual_cpus

if __name__ == "__main__":
    sys.exit(main())
