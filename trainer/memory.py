"""What the process does with memory that it frees."""

import ctypes
import functools

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3  # of glibc's malloc.h


@functools.cache
def keep_freed() -> bool:
    """Keeps freed memory for the next batch; glibc else gives it back, and the system clears it page by page.

    A batch of 32 pictures of 224x224 is 1,200 pages, touched several times on its way: without this they are most of
    the work of reading. It costs what the batches under way take (some tens of MB), which a training needs anyway.

    Returns:
      False where the C library has no such setting.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:
        return False
    settings = ((_MMAP_THRESHOLD, 32 << 20), (_TRIM_THRESHOLD, 1 << 30), (_TOP_PAD, 16 << 20))
    return all(mallopt(name, value) for name, value in settings)
