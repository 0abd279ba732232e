"""From a changed hint to the bytes of a new preview, as `tintmill web` makes it of a photograph of 12 megapixels.

One pass of the built-in model at its working size, one painting of the preview, its JPEG. Each hint is at another
place: nothing is found among the answers that are held. Best and median of the wall time, since other work on the
machine only ever adds to it, and the CPU time of all threads.
"""

import io
import os
import statistics
import time

from PIL import Image

from tests.bench.common import photographs
from tintmill.launch.pages.colouring.gallery import Gallery
from tintmill.launch.pages.colouring.look import Look
from tintmill.model.colorizers.found import find_model
from tintmill.model.prediction.hints import Hint
from tintmill.model.prediction.hints_file import find_ab
from tintmill.pipeline.imaging import photo

REPEATS = 40
SIZE = (4000, 3000)
COLOUR = "#3a5f2b"


def main() -> None:
    gallery = Gallery(find_model().load(), photo.Limits(min_side=1), {"model": "default", "model_sha256": ""})
    gallery.warm_up()
    data = io.BytesIO()
    with Image.open(photographs()[0]) as image:
        image.convert("L").resize(SIZE, Image.Resampling.BICUBIC).save(data, "JPEG", quality=92)
    name = gallery.add(gallery.decode(data.getvalue())).name
    print(f"{len(os.sched_getaffinity(0))} cores, load of the machine {os.getloadavg()[0]:.1f}")
    for count in (1, 10):
        found = [change(gallery, name, number, count) for number in range(REPEATS)]
        walls, cpus = zip(*found, strict=True)
        best, wall, cpu = (1000 * value for value in (min(walls), statistics.median(walls), statistics.median(cpus)))
        print(f"{count:>2} hints: {best:4.0f} ms at best, {wall:4.0f} ms median, {cpu:4.0f} CPU-ms", flush=True)


def change(gallery: Gallery, name: str, number: int, count: int) -> tuple[float, float]:
    """Seconds and CPU-seconds until hints, one of which has a new place, are seen."""
    places = [(100 + 300 * i, 200 + 250 * i) for i in range(count - 1)] + [(1500 + 7 * number, 1200 + 5 * number)]
    look = Look(tuple(Hint(x, y, find_ab(COLOUR), 30, COLOUR) for x, y in places))
    began, cpu = time.perf_counter(), time.process_time()
    gallery.predict(name, look)
    gallery.view(name, look, None, None)
    return time.perf_counter() - began, time.process_time() - cpu


if __name__ == "__main__":
    main()
