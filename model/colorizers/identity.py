"""Who colours: its name, its version and the sha256 of its file.

A coloured file names it (`provenance`), and so does each line of colorize.jsonl.
"""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Identity:
    """Which model it is.

    Attributes:
      name: of the network; of a model that is known by a name, that name.
      sha256: of the model's file, hexadecimal.
      version: of a model that is known by a name.
    """

    name: str
    sha256: str
    version: str = ""

    @property
    def provenance(self) -> dict[str, str]:
        """What a coloured file says of it."""
        version = {"model_version": self.version} if self.version else {}
        return {"model": self.name} | version | {"model_sha256": self.sha256}
