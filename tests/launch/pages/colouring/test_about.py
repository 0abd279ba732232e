"""What the page says of a model, from its card."""

from tintmill.launch.pages.colouring import about
from tintmill.model.colorizers.found import find_model

CARD = """# m

## Known failures

An early
version.

- Cows come out *blue*,
  or L\\*.
- Skin.

## How to use it

Not this.
"""


def test_failures_are_plain_sentences_of_their_section():
    assert about.read_failures(CARD) == ("An early version.", "Cows come out blue, or L.", "Skin.")
    assert about.read_failures("# m\n\n## Other\n\ntext\n") == ()


def test_the_built_in_model_says_what_it_is_not_good_at():
    told = about.describe(None, None, find_model().identity)
    assert told.model.startswith("default ")
    assert told.failures
