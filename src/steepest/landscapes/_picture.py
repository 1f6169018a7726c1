"""What all pictures of a loss have: words, and files by their suffix."""

import base64
import html
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError, nearest
from ..files import new_file
from ..pictures import STILLS, write_film, write_gif, write_still

MOVING = (".gif", ".mp4")
SUFFIXES = (".html", *STILLS, *MOVING)
# For a notebook: sharp on a screen, and a quarter of the file.
_NOTEBOOK_DPI = 130


class Picture:
    """A picture of a loss: its subclasses are data, and say how they are drawn."""

    @property
    def title(self) -> str:
        """What it is a picture of."""
        raise NotImplementedError

    @property
    def text(self) -> str:
        """What is seen, in sentences, for those who cannot see it; every file carries them."""
        raise NotImplementedError

    def still(self) -> Any:
        """The picture for print, a matplotlib figure."""
        raise NotImplementedError

    def page(self) -> str:
        """The interactive picture: a whole HTML page that needs no network."""
        raise NotImplementedError

    def frames(self) -> Iterator[np.ndarray]:
        """The picture in motion: frames of (height, width, 3), uint8.  Raises InputError where nothing moves."""
        raise InputError(f"Nothing moves in {self.title}. Save it as .html, .png, .svg or .pdf.")

    def save(self, path: str | os.PathLike[str], *, dpi: int = 300) -> Path:
        """Write the picture by the suffix of *path*, whole or not at all; what stood there is replaced.

        ``.html``: interactive.  ``.png``, ``.svg``, ``.pdf``: a still for print.  ``.gif``, ``.mp4``: in motion.
        dpi: of a PNG. Returns the path.
        Raises InputError for another suffix, where nothing moves, and where it cannot be written.
        """
        target = Path(path)
        kind = check_suffix(target)
        if kind == ".html":
            with new_file(target) as temporary:
                temporary.write_text(self.page(), encoding="utf-8")
        elif kind in STILLS:
            write_still(self.still(), target, title=self.title, text=self.text, dpi=dpi)
        elif kind == ".gif":
            write_gif(self.frames(), target, text=self.text)
        else:
            write_film(self.frames(), target, title=self.title, text=self.text)
        return target

    def _repr_html_(self) -> str:
        """The still, for a notebook."""
        held = io.BytesIO()
        self.still().savefig(held, format="png", dpi=_NOTEBOOK_DPI, facecolor="white")
        data = base64.b64encode(held.getvalue()).decode()
        return f'<img alt="{html.escape(self.text)}" style="max-width:100%" src="data:image/png;base64,{data}">'

    def __repr__(self) -> str:
        return self.text


def check_suffix(path: Path) -> str:
    """The suffix in small letters; InputError for one that no picture is saved by."""
    kind = path.suffix.lower()
    if kind not in SUFFIXES:
        raise InputError(
            f"A picture is saved by the suffix of its file, one of {', '.join(SUFFIXES)}; received '{path}'."
            f"{nearest(kind, SUFFIXES) if kind else ''}"
        )
    return kind
