"""Freed memory is kept: the next batch costs no new pages."""

import platform

import pytest

from tests import helpers

# 80 batches of 3 MB through tf.data, new memory each; prints how many pages the last 40 touched for the first
# time. NumPy asks for huge pages from 4 MB on, which are few even where all of them are new.
_READ = """
import resource
from pipeline.quiet import import_tensorflow
tf = import_tensorflow()
import numpy as np
from trainer import memory

assert memory.keep_freed()
spec = tf.TensorSpec([3 << 20], tf.uint8)
stream = tf.data.Dataset.from_generator(lambda: (np.ones(3 << 20, np.uint8) for _ in range(80)), output_signature=spec)
counts = [resource.getrusage(resource.RUSAGE_SELF).ru_minflt for _ in stream.prefetch(4)]
print(counts[-1] - counts[40])
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="a setting of glibc")
def test_what_is_freed_is_used_again():
    """Without the setting all pages of 40 batches are new (31,600 of them, measured); with it next to none (40)."""
    pages = 40 * (3 << 20) // 4096
    assert int(helpers.run_python(_READ)) < pages / 10
