"""All figures by name, and drawing them into a directory."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from ..errors import InputError, unknown
from ..files import explained, new_file
from ..pictures import STILLS, page, write_still
from ._each import plateau, ravine, saddle
from ._figure import Figure
from ._noise import batch_size
from ._saturation import saturation
from ._shapes import convexity, descent, local_minimum, stationary
from ._steps import cliff, learning_rate, momentum, nesterov

FIGURES: Mapping[str, Callable[[], Figure]] = MappingProxyType(
    {
        "saturation": saturation, "descent": descent, "convexity": convexity, "local-minimum": local_minimum,
        "stationary": stationary, "cliff": cliff, "learning-rate": learning_rate, "batch-size": batch_size,
        "momentum": momentum, "nesterov": nesterov, "ravine": ravine, "saddle": saddle, "plateau": plateau,
    }
)  # fmt: skip
FORMATS = tuple(suffix[1:] for suffix in STILLS)
Told = Callable[[int, str], None]  # (figures so far, the name of the last)


def checked(names: Iterable[str], kind: str) -> list[str]:
    """The names asked for, all where none is; InputError for an unknown name or format."""
    if kind not in FORMATS:
        raise unknown("format", kind, FORMATS)
    chosen = list(dict.fromkeys(names)) or list(FIGURES)
    for name in chosen:
        if name not in FIGURES:
            raise unknown("figure", name, FIGURES)
    return chosen


def draw_figures(
    names: Sequence[str] = (), directory: str | os.PathLike[str] = "figures", *, kind: str = "png",
    told: Told | None = None,
) -> list[Figure]:  # fmt: skip
    """Draw figures into a directory, each as a file, and an index.html that holds them with caption and words.

    names: of ``FIGURES``, in any order; all where none is given.  kind: ``png``, ``svg`` or ``pdf``.
    told: hears of each that is drawn. Files of the same names are replaced.
    Returns the figures. Raises InputError for an unknown name or format, and where nothing can be written.
    """
    chosen, place = checked(names, kind), Path(directory)
    if place.exists() and not place.is_dir():
        raise InputError(f"'{place}' is a file. Give a directory to draw the figures in.")
    with explained(place):
        place.mkdir(parents=True, exist_ok=True)
    drawn = []
    for count, name in enumerate(chosen, start=1):
        figure = FIGURES[name]()
        write_still(figure.drawn, place / f"{name}.{kind}", title=figure.title, text=figure.text, dpi=200)
        drawn.append(figure)
        if told is not None:
            told(count, name)
    shown = [{**figure._asdict(), "width": int(96 * figure.drawn.get_figwidth())} for figure in drawn]
    with new_file(place / "index.html") as temporary:
        temporary.write_text(
            page("index.html", package=__package__, plotly=False, figures=shown, kind=kind), encoding="utf-8"
        )
    return drawn
