"""The TIFF library inside Pillow, which writes what is wrong with a file to stderr, in the middle of progress bars."""

import ctypes
import functools
from pathlib import Path

import PIL
from PIL import Image


@functools.cache
def silence() -> None:
    """Makes the library silent, for the whole process: that a file is damaged is said by its reason code, in our line.

    Where Pillow came without a library of its own, the system's is not touched, and may go on talking.
    """
    Image.core  # noqa: B018  loads the library, or the handle below would be of a second copy
    for path in Path(PIL.__file__).parents[1].glob("pillow.libs/libtiff*"):
        library = ctypes.CDLL(str(path))
        for name in ("TIFFSetErrorHandler", "TIFFSetWarningHandler"):
            handler = getattr(library, name)
            handler.argtypes, handler.restype = [ctypes.c_void_p], ctypes.c_void_p
            handler(None)
