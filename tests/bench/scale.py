"""How training would scale from 1 to 64 GPUs, on paper: `python -m tests.bench.scale --records_per_cpu_second=N`.

Nothing of this ran on a GPU. What a picture costs is counted from the code; what reading costs a core is measured
(`tests.bench.read`); what a machine gives is what its maker publishes; which share of it a training comes to is
assumed, and marked so. What makes all-reduce shorter here than it is: no latency. What makes it longer: nothing of it
overlaps with the backward pass, and of a machine's network ports one is used.
"""

import dataclasses
import math
import sys

import numpy as np
from absl import flags

from tintmill.pipeline.common.tensorflow import import_tensorflow
from tintmill.pipeline.dataset import record
from tintmill.pipeline.dataset.settings import Settings

GPUS = (1, 2, 4, 8, 16, 32, 64)
SIDE, EMBEDDING = 224, 1000  # the defaults of prepare: Inception-ResNet-v2's logits

# ASSUMPTIONS: not measured, there was no GPU to measure on.
SHARES = (0.10, 0.25, 0.40)  # of the peak that the multiply-adds come to, all else a GPU does in a step included
LINK_SHARE = 0.5  # of the published rate that a link comes to

# NVIDIA's data sheet of the H200 SXM. Operations/s, dense: half of what it prints with sparsity. `train
# --precision=float32` multiplies in TF32, TensorFlow's default; float32 here is with that switched off.
PEAK = {"bfloat16": 989e12, "tf32": 494e12, "float32": 67e12}
NVLINK = 450e9  # bytes/s one way; the sheet's 900 GB/s are both ways
PCIE = 64e9  # bytes/s one way; the sheet's 128 GB/s are both ways
# NVIDIA's specifications of the DGX H200.
GPUS_A_MACHINE = 8
NETWORK = 50e9  # bytes/s one way: one port of 400 Gbit/s a GPU
CORES = 112  # a machine

# A step multiplies three times what a forward pass does: the gradients of inputs and of weights are as much each.
OPERATIONS = 3 * 2  # a multiply-add of the forward pass
# ASSUMPTION: cores that the threads of one process keep busy with reading. Half of a record's CPU time (reading a file,
# copying into the batch) does without the interpreter's lock, timed part by part; there were two cores to try.
READERS = 2

FLAGS = flags.FlagValues()
flags.DEFINE_float("records_per_cpu_second", 7_431, "What one core reads, by tests.bench.read.", 1, flag_values=FLAGS)
flags.DEFINE_integer(
    "gpu_batch", 64, "Pictures a GPU and step; --global_batch grows with the GPUs.", 1, flag_values=FLAGS
)
flags.DEFINE_enum("arithmetic", "bfloat16", list(PEAK), "Of the multiply-adds.", flag_values=FLAGS)


@dataclasses.dataclass(frozen=True)
class Work:
    """What the network and its data ask for, counted: of a picture, and `parameters`, float32, of a step."""

    multiply_adds: int
    parameters: int
    record_bytes: int
    device_bytes: int


@dataclasses.dataclass(frozen=True)
class Training:
    """`work` on GPUs of `operations` multiplications and additions a second, in batches of `batch` pictures each.

    `read`: records that a core reads in a second.
    """

    work: Work
    operations: float
    batch: int
    read: float

    @property
    def gpu_pictures(self) -> float:
        """Pictures/s of one GPU that waits for nothing."""
        return self.operations / (OPERATIONS * self.work.multiply_adds)

    def gradient_bytes(self, gpus: int) -> float:
        """What each GPU sends in a step, by ring all-reduce."""
        return 4 * self.work.parameters * 2 * (gpus - 1) / gpus

    def all_reduce_seconds(self, gpus: int) -> float:
        """One ring over all GPUs, at the rate of its slowest link."""
        link = NVLINK if gpus <= GPUS_A_MACHINE else NETWORK
        return self.gradient_bytes(gpus) / (LINK_SHARE * link)

    def wanted(self, gpus: int) -> float:
        """Pictures/s that the GPUs take: a step, then its all-reduce."""
        return gpus * self.batch / (self.batch / self.gpu_pictures + self.all_reduce_seconds(gpus))

    def reached(self, gpus: int) -> float:
        """Pictures/s with `READERS` a machine."""
        return min(self.wanted(gpus), machines(gpus) * READERS * self.read)


def machines(gpus: int) -> int:
    return math.ceil(gpus / GPUS_A_MACHINE)


def main() -> None:
    FLAGS(sys.argv)
    work = count_work()
    print(
        f"koalarization at {SIDE}x{SIDE}, {FLAGS.arithmetic}, {FLAGS.gpu_batch} pictures a GPU and step: "
        f"{work.parameters:,} parameters, {work.multiply_adds:,} multiply-adds a picture, {work.record_bytes:,} bytes "
        f"a record, {work.device_bytes:,} bytes of it to a device; a core reads {FLAGS.records_per_cpu_second:,.0f} "
        "records/s. Disk, devices and cores are a machine's.\n"
    )
    trainings = {
        share: Training(work, share * PEAK[FLAGS.arithmetic], FLAGS.gpu_batch, FLAGS.records_per_cpu_second)
        for share in SHARES
    }
    print(format_table([row(share, training, gpus) for share, training in trainings.items() for gpus in GPUS]))
    print("\n" + format_table([limits(share, training) for share, training in trainings.items()]))


def count_work() -> Work:
    """Of `koalarization`, and of a record of the default settings."""
    import_tensorflow()
    from tintmill.model.blocks import cost
    from tintmill.model.blocks.spec import NetworkSpec
    from tintmill.model.networks import registry as networks

    model = networks.build("koalarization", NetworkSpec(EMBEDDING, SIDE, SIDE))
    example = {"id": f"class/{0:012d}.jpg", "height": 375, "width": 500, "label": 0}
    example |= {"lab": np.zeros((SIDE, SIDE, 3), np.uint8), "embedding": np.ones(EMBEDDING, np.float16)}
    encode = record.encoder(record.features(Settings(name="scale"), ("class",), EMBEDDING))
    return Work(
        multiply_adds=cost.multiply_adds(model),
        parameters=model.count_params(),
        record_bytes=len(record.frame(encode(example))),
        device_bytes=example["lab"].nbytes + example["embedding"].nbytes + np.int64().nbytes,  # the record's number
    )


def row(share: float, training: Training, gpus: int) -> dict[str, str]:
    """What `gpus` GPUs take of everything, and what reading in one process a machine leaves of it."""
    wanted, reached = training.wanted(gpus), training.reached(gpus)
    per_machine = wanted / machines(gpus)
    return {
        "share of peak": f"{share:.0%}",
        "GPUs": f"{gpus}",
        "pictures/s": f"{wanted:,.0f}",
        "efficiency": f"{wanted / gpus / training.wanted(1):.2f}",
        "gradient, MB": f"{training.gradient_bytes(gpus) / 1e6:.1f}",
        "all-reduce, ms": f"{1e3 * training.all_reduce_seconds(gpus):.2f}",
        "disk, GB/s": f"{per_machine * training.work.record_bytes / 1e9:.1f}",
        "devices, GB/s": f"{per_machine * training.work.device_bytes / 1e9:.1f}",
        "reading cores": f"{per_machine / training.read:.1f}",
        "pictures/s, one process": f"{reached:,.0f}",
        "its efficiency": f"{reached / gpus / training.reached(1):.2f}",
        "ended by": "reading" if reached < wanted else "GPUs",
    }


def limits(share: float, training: Training) -> dict[str, str]:
    """What a machine of 8 GPUs takes, and what each resource could give it, in pictures/s."""
    return {
        "share of peak": f"{share:.0%}",
        "8 GPUs take": f"{training.wanted(GPUS_A_MACHINE):,.0f}",
        "one process reads": f"{READERS * training.read:,.0f}",
        "that feeds GPUs": f"{READERS * training.read / training.gpu_pictures:.1f}",
        f"{CORES} cores give": f"{CORES * training.read:,.0f}",
        "PCIe gives": f"{GPUS_A_MACHINE * LINK_SHARE * PCIE / training.work.device_bytes:,.0f}",
        "all-reduce, share of a step of 64": f"{1 - training.wanted(64) / 64 / training.gpu_pictures:.0%}",
    }


def format_table(rows: list[dict[str, str]]) -> str:
    """Rows of one kind in Markdown."""
    lines = [list(rows[0]), ["---:"] * len(rows[0]), *(list(row.values()) for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


if __name__ == "__main__":
    main()
