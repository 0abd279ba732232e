"""Which picture of a command each of the given hints is for.

A name in the file of hints is a picture's name below the output: of a file that was given by itself its base name, of a
folder's files and an archive's members their path in it. Where two pictures have one name, or none has it, the name is
a path: as given on the command line, or absolute.
"""

from collections.abc import Sequence

from tintmill.model.files import video
from tintmill.model.output.task import PictureHints, locate
from tintmill.model.prediction import hints_file
from tintmill.pipeline.common import files
from tintmill.pipeline.common.checked_json import show
from tintmill.pipeline.common.display import display_name
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.listing.reference import Reference


def read_hints(path: str, references: Sequence[Reference]) -> dict[Reference, PictureHints]:
    """The hints of a file, by the pictures that they are for; pictures without hints are left out.

    Raises:
      TintmillError: the file cannot be read or is not what it must be; or a name in it is none of the references', that
        of several or that of a video.
    """
    found = hints_file.read_hints(path)
    named = {name: _find(path, name, references) for name, hints in found.pictures.items() if hints}
    taken: dict[Reference, str] = {}
    for name, reference in named.items():
        other = taken.setdefault(reference, name)
        if other != name:
            raise TintmillError(f"--hints={path}: {show(other)} and {show(name)} are one picture; name it once")
    return {reference: PictureHints(tuple(found.pictures[name]), found.sha256) for reference, name in taken.items()}


def _find(path: str, name: str, references: Sequence[Reference]) -> Reference:
    fitting = [reference for reference in references if reference.id == name]
    if len(fitting) != 1:
        absolute = files.absolute(name)
        fitting = [reference for reference in references if locate(reference) == absolute] or fitting
    if len(fitting) > 1:
        paths = " and ".join(display_name(locate(reference)) for reference in fitting[:2])
        raise TintmillError(f"--hints={path}: {show(name)} is the name of {paths}; give its path in place of the name")
    if not fitting:
        raise TintmillError(
            f"--hints={path}: {show(name)} is none of the pictures given, such as "
            f"{display_name(references[0].id)}; correct the name, or leave its hints out"
        )
    if video.is_video_name(fitting[0].id):
        raise TintmillError(f"--hints={path}: {show(name)} is a video; hints are for pictures")
    return fitting[0]
