"""Source to machine code: compiled once, and kept on disk so that the next process need not."""

import functools
import hashlib
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from ..dialects import Method
from ._source import Layout, source
from ._trace import trace


class Compiled(NamedTuple):
    """once(t, numbers..., scalars...): the uniforms, then the new scalars.  kernel: the loop (see ``source``).

    numbers, arrays, scalars: names of what they take, in order.
    """

    once: Callable[..., tuple[float, ...]]
    kernel: Callable[..., None]
    numbers: tuple[str, ...]
    arrays: tuple[str, ...]
    scalars: tuple[str, ...]


@functools.lru_cache(maxsize=256)
def compiled(method: Method, numbers: tuple[str, ...], layout: Layout) -> Compiled:
    """The kernel of a method for these numbers and dtypes; raises TypeError for a rule that branches on values."""
    program = trace(method, numbers)
    text = source(program, layout)
    name = f"kernel_{_hash(text)}"  # Numba's cache and linker tell functions of a module apart by their names
    text = text.replace("def kernel(", f"def {name}(")
    path = _kept(name, text)
    # Numba finds a kernel's module again by this name when it loads one from disk.
    space: dict[str, Any] = {"__name__": "steepest.kernels._memory"}
    exec(compile(text, str(path or "<steepest kernel>"), "exec"), space)
    if path is not None:
        space[name].enable_caching()
    return Compiled(space["once"], space[name], program.numbers, program.arrays, program.scalars)


def _hash(text: str) -> str:
    memory = (Path(__file__).parent / "_memory.py").read_bytes()  # inlined into every kernel, so part of its identity
    return hashlib.sha256(text.encode() + memory).hexdigest()[:24]


def _kept(name: str, text: str) -> Path | None:
    """The source in a file of the user's cache directory, beside which Numba keeps machine code; None if impossible.

    The file serves as the name only: what runs is compiled from the text at hand, never from what is on disk.
    """
    for home in (_cache_home(), None):
        try:
            folder = _private(home / "steepest" / "kernels") if home else Path(tempfile.mkdtemp(prefix="steepest-"))
            path = folder / f"{name}.py"
            if not path.exists():
                _write(path, text)
        except OSError:
            continue
        return path
    return None


def _cache_home() -> Path | None:
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return Path(local) if local else None
    if sys.platform == "darwin":
        return Path("~/Library/Caches").expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()


def _private(folder: Path) -> Path:
    """The folder, made for this user alone; OSError where it belongs to somebody else, who could plant code there."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if hasattr(os, "getuid") and folder.stat().st_uid != os.getuid():
        raise PermissionError(f"{folder} belongs to another user")
    return folder


def _write(path: Path, text: str) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
    with os.fdopen(handle, "w") as file:
        file.write(text)
    os.replace(name, path)
