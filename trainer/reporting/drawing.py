"""A plot of the report: an SVG inside a data URL, and what it shows in words.

Plots are small and many, not one wide one: side by side on a desk, below each other on a phone, and legible on both.
"""

import base64
import dataclasses
import io


@dataclasses.dataclass(frozen=True)
class Drawing:
    """`alt` says what is to be seen, for those who do not see it."""

    title: str
    alt: str
    url: str


def new_plot(**options):
    """(figure, its axes), of the size at which the letters are legible on a phone."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.6, 3.4), layout="constrained")
    axes = figure.add_subplot()
    axes.set(**options)
    axes.grid(alpha=0.3)
    return figure, axes


def add_legend(axes, names: list[str]) -> None:
    """Names the axes' lines, in their order.

    Names are what people call their folders: `$` begins no formula in them, and a leading `_` does not hide them.
    """
    legend = axes.legend([str(number) for number in range(len(names))], fontsize="small")
    for text, name in zip(legend.get_texts(), names, strict=True):
        text.set_parse_math(False)
        text.set_text(shorten(name))


def shorten(name: str) -> str:
    """At most 32 characters, and all of them such as can be drawn; an SVG with a control character in it is none."""
    name = "".join(letter if letter.isprintable() else "?" for letter in name)
    return name if len(name) <= 32 else name[:15] + ".." + name[-15:]


def finish(figure, title: str, alt: str) -> Drawing:
    """The same figure gives the same bytes."""
    import matplotlib

    image = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "tintmill"}):
        figure.savefig(image, format="svg", metadata={"Date": None})
    return Drawing(title, alt, "data:image/svg+xml;base64," + base64.b64encode(image.getvalue()).decode())
