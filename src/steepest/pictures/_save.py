"""Keeps a still picture as a file that says in words what is seen."""

import os
from pathlib import Path
from typing import Any

from ..files import new_file

STILLS = (".png", ".svg", ".pdf")
DPI = 300
_DATES = {".svg": "Date", ".pdf": "CreationDate"}
# Which of a file's own fields holds the words.
_WORDS = {".png": "Description", ".svg": "Description", ".pdf": "Subject"}


def write_still(figure: Any, path: str | os.PathLike[str], *, title: str, text: str, dpi: int = DPI) -> Path:
    """Write a matplotlib figure as PNG, SVG or PDF by its suffix, whole or not at all; what stood there is replaced.

    title, text: kept in the file.  dpi: of a PNG.
    Returns the path. Raises InputError where it cannot be written.
    """
    import matplotlib

    target = Path(path)
    kind = target.suffix.lower()
    words: dict[str, str | None] = {"Title": title, _WORDS[kind]: text}
    # No dates: the same picture is the same bytes.
    if kind in _DATES:
        words[_DATES[kind]] = None
    # Letters of a PDF stay letters, which publishers ask for; names in an SVG are the same each time.
    with new_file(target) as temporary, matplotlib.rc_context({"pdf.fonttype": 42, "svg.hashsalt": "steepest"}):
        figure.savefig(temporary, format=kind[1:], dpi=dpi, metadata=words, facecolor="white")
    return target
