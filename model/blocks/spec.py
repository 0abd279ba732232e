"""What a network is built for; every network's `build` takes one."""

import dataclasses

HEADS = ("ab", "bins")


@dataclasses.dataclass(frozen=True)
class NetworkSpec:
    """What the data and the loss ask of a network.

    Attributes:
      embedding: length of the dataset's embedding; None where it has none.
      height, width: fixed input size in pixels; None for any.
      head: `ab` (regression) or `bins` (classification over the 313 ab bins).
      classes: number of picture classes for a classification head; 0 for none.
      encoder_weights: for networks with a pretrained encoder: `imagenet` (downloaded), `random`, or a weights file.
      trains_encoder: whether the weights of such an encoder are trained too, where the network can.
      hints: whether the network takes hints: colours that are known at some places.
      global_size: side in pixels of the small copy from which `iizuka` learns what the whole picture is.
    """

    embedding: int | None = None
    height: int | None = None
    width: int | None = None
    head: str = "ab"
    classes: int = 0
    encoder_weights: str = "imagenet"
    trains_encoder: bool = False
    hints: bool = False
    global_size: int = 224

    def __post_init__(self):
        if self.head not in HEADS:
            raise ValueError(f"head={self.head!r}: wanted one of {', '.join(HEADS)}")
        if self.global_size <= 0 or self.global_size % 32:
            raise ValueError(f"global_size={self.global_size}: wanted a multiple of 32")
