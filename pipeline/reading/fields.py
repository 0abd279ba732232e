"""What a record of a dataset holds: names, shapes and dtypes of its fields."""

import numpy as np

from tintmill.pipeline.dataset.manifest import Dataset
from tintmill.pipeline.dataset.record import embedding_names


def list_fields(dataset: Dataset) -> dict[str, tuple[tuple[int, ...], type]]:
    """Name: (shape, dtype) of each field of a record as `Records` gives it; the dtype of `id` is str."""
    settings = dataset.settings
    side, pixel = settings.size, np.int16 if settings.encoding == "lab16" else np.uint8
    fields = {"id": ((), str), "lab": ((side, side, 3), pixel)}
    fields |= dict.fromkeys(embedding_names(settings), ((dataset.embedder.dimension,), np.float16))
    if dataset.manifest.attribute_names:
        fields["attributes"] = ((len(dataset.manifest.attribute_names),), np.int8)
    if dataset.class_names:
        fields["label"] = ((), np.int64)
    return fields | {"height": ((), np.int64), "width": ((), np.int64)}
