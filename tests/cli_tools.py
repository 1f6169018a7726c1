"""The command line called as a user calls it, in this process or in one of its own."""

import contextlib
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from steepest.cli import main

# Enough to go through everything and small enough to compile at once.
TINY = ("--epochs", "2", "--hidden", "4")
TINY_RACE = (*TINY, "--optimizers", "sgd", "--learning-rates", "0.1", "--seeds", "1", "--confirm-seeds", "0")


class Said(NamedTuple):
    """How a command ended and what it said."""

    code: int
    out: str
    err: str


class Shell:
    """Calls ``steepest`` in this process, within a directory of its own."""

    def __init__(self, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
        self.place, self._patch, self._capsys = place, monkeypatch, capsys
        monkeypatch.chdir(place)
        monkeypatch.setenv("COLUMNS", "200")

    def __call__(self, *words: object) -> Said:
        """Run ``steepest`` with these words."""
        self._patch.setattr(sys, "argv", ["steepest", *_quick(words)])
        self._capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        return Said(ended.value.code or 0, *self._capsys.readouterr())

    def works(self, *words: object) -> str:
        """What it said, of a command that must succeed without a complaint."""
        said = self(*words)
        assert (said.code, said.err) == (0, ""), said
        return said.out

    def refuses(self, *words: object, silently: bool = False) -> str:
        """Its one sentence, of a command that must fail and leave the directory as it was.

        silently: it must have said nothing else before.
        """
        before = tree(self.place)
        said = self(*words)
        assert said.code == 2, said
        assert said.err.startswith("steepest: ")
        assert said.err.count("\n") == 1, said.err
        assert "Traceback" not in said.out
        assert not silently or not said.out, said.out
        assert tree(self.place) == before
        return said.err.removeprefix("steepest: ").strip()


def _quick(words: tuple[object, ...]) -> list[str]:
    """The words, with a race's diagnosis left out unless it is asked for: it takes longer than a tiny race."""
    told = [str(word) for word in words]
    return (
        [*told, "--no-diagnosis"] if told[:1] == ["race"] and not {"--diagnosis", "--no-diagnosis"} & {*told} else told
    )


def tree(place: Path) -> dict[str, bytes | None]:
    """Everything below a directory: files with their bytes."""
    return {str(path.relative_to(place)): path.read_bytes() if path.is_file() else None for path in place.rglob("*")}


def process(*words: object, cwd: Path, **options: object) -> subprocess.CompletedProcess[str]:
    """Run ``python -m steepest`` in a process of its own."""
    command = [sys.executable, "-m", "steepest", *_quick(words)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=100, check=False, **options)


@contextlib.contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """No file can grow beyond so many bytes: to a writer it looks like a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    sys.stdout.flush()
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
