"""The settings of a dataset from the flags of `tintmill prepare`."""

from absl import flags

from tintmill.pipeline.common import options
from tintmill.pipeline.dataset import embed
from tintmill.pipeline.dataset.settings import NO_EMBEDDER, EmbedderSettings, Settings
from tintmill.pipeline.sources import SOURCES, reuse_lab


def read_settings(values: flags.FlagValues, files_are_here: bool = True) -> Settings:
    """The settings that the flags describe, checked.

    Args:
      files_are_here: whether the files that the flags name can be looked at; False: other machines see them.
    Raises:
      TintmillError: a value is senseless, or a file that it names is not there.
    """
    embedder = None
    if values["embedder"].value != NO_EMBEDDER:
        embedder = options.read(EmbedderSettings, values)
        if files_are_here:
            embed.check(embedder)
    reused = values["reuse_lab"].value
    given = _read_taken_over(reused, values) if reused and files_are_here else {}
    source = "reuse_lab" if reused else values["source"].value
    source_options = options.read(SOURCES[source].options, values)
    return options.read(Settings, values, source=source, embedder=embedder, options=source_options, **given)


def _read_taken_over(folder: str, values: flags.FlagValues) -> dict:
    """Values of the settings that the records of `folder` decide, and that no flag gives.

    Raises:
      TintmillError: no dataset there.
    """
    kept = reuse_lab.read_manifest(folder).settings
    return {name: getattr(kept, name) for name in reuse_lab.SAME if not options.is_given(values, name)}
