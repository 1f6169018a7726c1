"""Writing so that nothing a user has made is lost or half-written: to a temporary name beside it, then renamed."""

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from .errors import InputError


@contextlib.contextmanager
def new_directory(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A temporary directory that becomes *path* when the block ends well, and vanishes when it does not.

    It is made beside *path* at once, so a place that cannot be written is known before any work is done.
    Raises InputError where *path* exists, its parent cannot be written, or the disk fills up.
    """
    target = Path(path)
    if os.path.lexists(target):
        kind = "directory" if target.is_dir() else "file"
        raise InputError(f"The output {kind} '{target}' exists already. Give another --out, or remove it first.")
    with parents(target), explained(target):
        temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".partial", dir=target.parent))
        try:
            yield temporary
            temporary.chmod(0o777 & ~umask())
            temporary.rename(target)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


@contextlib.contextmanager
def replaced_directory(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A temporary directory that takes the place of the directory *path* when the block ends well.

    Raises InputError as ``new_directory`` does.
    """
    target = Path(path)
    with explained(target):
        temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".partial", dir=target.parent))
        before = temporary.with_suffix(".before")
        try:
            yield temporary
            temporary.chmod(0o777 & ~umask())
            target.rename(before)
            temporary.rename(target)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
            if before.exists() and not target.exists():
                before.rename(target)
            shutil.rmtree(before, ignore_errors=True)


class _Refrained(Exception):
    """Ends ``new_directory`` before anything stays."""


def check_new_directory(path: str | os.PathLike[str]) -> None:
    """Raise InputError where ``new_directory`` would, and leave nothing."""
    with contextlib.suppress(_Refrained), new_directory(path):
        raise _Refrained


@contextlib.contextmanager
def new_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A temporary file that replaces *path* when the block ends well. Raises InputError where it cannot be written."""
    target = Path(path)
    if target.is_dir():
        raise InputError(f"'{target}' is a directory. Give the name of a file to write.")
    with explained(target):
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=target.suffix, dir=target.parent)
        os.close(handle)
    temporary = Path(name)
    try:
        with explained(target):
            yield temporary
            temporary.chmod(0o666 & ~umask())
            temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def parents(target: Path) -> Iterator[None]:
    """The directories above *target*; those that were made for it go again when the block fails."""
    missing = [parent for parent in target.parents if not os.path.exists(parent)]
    for parent in target.parents:
        if os.path.exists(parent) and not os.path.isdir(parent):
            raise InputError(f"Cannot write '{target}': '{parent}' is a file. Give another place.")
    try:
        with explained(target):
            target.parent.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        with contextlib.suppress(OSError):  # someone else has put something there
            for parent in missing:  # the innermost is the first
                parent.rmdir()
        raise


@contextlib.contextmanager
def explained(target: Path) -> Iterator[None]:
    """Turn what the system says when something under *target* cannot be written into an InputError."""
    try:
        yield
    except Exception as error:
        reason = _reason(error)
        if reason is None:
            raise
        raise InputError(f"Cannot write '{target}': {reason}. Give another place, or make room there.") from error


def _reason(error: Exception) -> str | None:
    """What the system said when a write failed; None for any other error.

    Polars and safetensors raise errors of their own, and only their words hold the system's number. An InputError that
    tells of a failed write names the temporary place, which would mislead.
    """
    cause = error.__cause__ if isinstance(error, InputError) else error
    if number := re.search(r"\(os error (\d+)\)", str(cause)):
        return os.strerror(int(number[1])).lower()
    return (cause.strerror or str(cause)).lower() if isinstance(cause, OSError) else None


def umask() -> int:
    """The permissions that this process takes from what it makes."""
    current = os.umask(0)
    os.umask(current)
    return current
