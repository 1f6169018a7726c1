"""Ctrl-C, and being asked to end by a scheduler, which is the same."""

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
# What is raised in there is printed and forgotten: JAX's callback of Python's garbage collector.
_SWALLOWING = ("_xla_gc_callback",)
_LATER_SECONDS = 0.01


@contextlib.contextmanager
def interrupts(*, once: bool) -> Iterator[list[int]]:
    """Raise KeyboardInterrupt where the main thread is; yields the list of those that came.

    once: let the first one through and ignore the rest, so that an impatient user does not lose what the first one
    left to be written. Otherwise each is raised; a library may swallow one, which the list then still tells.
    Where Ctrl-C is ignored, as in the background of a script, it stays so.
    """
    came: list[int] = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        if frame is not None and frame.f_code.co_name in _SWALLOWING and hasattr(signal, "setitimer"):
            # Not by a thread: whoever was interrupted may hold the lock that starting one takes.
            signal.signal(signal.SIGALRM, lambda _, then: interrupt(number, then))
            signal.setitimer(signal.ITIMER_REAL, _LATER_SECONDS)
            return
        came.append(number)
        if once:
            for one in _SIGNALS:
                signal.signal(one, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {one: signal.getsignal(one) for one in _SIGNALS if signal.getsignal(one) is not signal.SIG_IGN}
    for one in before:
        signal.signal(one, interrupt)
    try:
        yield came
    finally:
        for one, handler in before.items():
            if (
                signal.getsignal(one) is interrupt
            ):  # else one came that was the only one, and the way out is undisturbed
                signal.signal(one, handler)
