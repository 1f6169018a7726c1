"""Films of frames: GIF by Pillow, MP4 by the encoder that comes with PyAV."""

import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from ..files import new_file

FRAMES_A_SECOND = 20
# How long the last frame of a GIF stays before it begins again, in ms.
_LAST = 2000
# Of 256 colours the last says that a point is as it was.
_SAME = 255


def write_gif(frames: Iterable[np.ndarray], path: str | os.PathLike[str], *, text: str) -> Path:
    """Write frames, each (height, width, 3) of uint8, as a GIF that goes round.

    text: what is seen, kept as its comment. All frames share the colours of the last, so that nothing flickers, and
    hold only what has changed, so that the file is small.
    Returns the path. Raises InputError where it cannot be written.
    """
    from PIL import Image

    told = [np.ascontiguousarray(frame) for frame in frames]
    palette = Image.fromarray(told[-1]).quantize(_SAME, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    drawn, before = [], None
    for frame in told:
        colors = np.asarray(Image.fromarray(frame).quantize(palette=palette, dither=Image.Dither.NONE))
        changed = Image.fromarray(colors if before is None else np.where(colors == before, np.uint8(_SAME), colors))
        changed.putpalette(palette.getpalette() or [])
        drawn.append(changed)
        before = colors
    lasting = [1000 // FRAMES_A_SECOND] * (len(drawn) - 1) + [_LAST]
    target = Path(path)
    with new_file(target) as temporary:
        drawn[0].save(
            temporary, format="GIF", save_all=True, append_images=drawn[1:], duration=lasting, loop=0, optimize=False,
            transparency=_SAME, disposal=1, comment=text.encode()[:255],
        )  # fmt: skip
    return target


def write_film(frames: Iterable[np.ndarray], path: str | os.PathLike[str], *, title: str, text: str) -> Path:
    """Write frames, each (height, width, 3) of uint8, as an MP4 (H.264) that every browser plays.

    An odd row or column is left out, which the codec wants. title, text: kept in the file.
    Returns the path. Raises InputError where it cannot be written.
    """
    import av

    target = Path(path)
    with new_file(target) as temporary, av.open(str(temporary), "w", format="mp4") as film:
        film.metadata.update({"title": title, "comment": text})
        stream = None
        for frame in frames:
            height, width = (2 * (side // 2) for side in frame.shape[:2])
            if stream is None:
                stream = film.add_stream("libx264", rate=FRAMES_A_SECOND, options={"crf": "18", "preset": "medium"})
                stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame[:height, :width]), format="rgb24")
            film.mux(stream.encode(picture))
        if stream is not None:
            film.mux(stream.encode(None))
    return target
