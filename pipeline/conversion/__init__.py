"""Datasets in the formats of other libraries, one module a format, for `tintmill convert`."""

from tintmill.pipeline.conversion import array_record, parquet, webdataset
from tintmill.pipeline.conversion.format import Format

FORMATS: dict[str, Format] = {
    "array_record": array_record.FORMAT,
    "parquet": parquet.FORMAT,
    "webdataset": webdataset.FORMAT,
}
