"""Progress of something long: one line that changes in a terminal, now and then a plain line elsewhere."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

# Without a terminal a line is written after so many seconds, so that a log stays short.
_PLAIN_SECONDS = 10.0


class Line:
    """One line of progress.  of: how many there are to do.  noun: what they are."""

    def __init__(self, console: Console, of: int, noun: str, bar: Progress | None):
        self._console, self._of, self._noun, self._bar = console, of, noun, bar
        self._task = bar.add_task("", total=of, told="") if bar else None
        self._told = time.monotonic()

    def show(self, done: int, told: str) -> None:
        """So many are done, and this is to be told; of more than were expected, where more have come."""
        self._of = max(self._of, done)
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=done, total=self._of, told=told)
        elif time.monotonic() - self._told > _PLAIN_SECONDS:
            self._told = time.monotonic()
            self._console.print(f"{done} of {self._of} {self._noun}; {told}", highlight=False)


class Silence(Line):
    """No progress at all."""

    def __init__(self) -> None:
        pass

    def show(self, done: int, told: str) -> None:
        """Say nothing."""


@contextmanager
def progress(console: Console, of: int, noun: str, *, quiet: bool) -> Iterator[Line]:
    """A line of progress for as long as the block lasts."""
    if quiet:
        yield Silence()
    elif not console.is_terminal:
        yield Line(console, of, noun, None)
    else:
        columns = (BarColumn(20), MofNCompleteColumn(), TextColumn(noun), TextColumn("{task.fields[told]}"))
        with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as bar:
            yield Line(console, of, noun, bar)
