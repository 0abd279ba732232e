"""Freed memory is kept: the next batch costs no new pages."""

import platform

import pytest

from tests import helpers

# Batches of 4 MB through tf.data, as training reads them; prints how many pages were touched for the first time.
_READ = """
import resource, sys
from pipeline.quiet import import_tensorflow
tf = import_tensorflow()
import numpy as np
from trainer import memory

if sys.argv[1] == "kept":
    assert memory.keep_freed()
spec = tf.TensorSpec([4 << 20], tf.uint8)
stream = tf.data.Dataset.from_generator(lambda: (np.ones(4 << 20, np.uint8) for _ in range(60)), output_signature=spec)
counts = [resource.getrusage(resource.RUSAGE_SELF).ru_minflt for _ in stream.prefetch(4)]
print(counts[-1] - counts[20])
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="a setting of glibc")
def test_what_is_freed_is_used_again():
    kept, returned = (int(helpers.run_python(_READ, name)) for name in ("kept", "returned"))
    assert kept * 5 < returned, (kept, returned)
