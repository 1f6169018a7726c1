"""Ctrl-C while a library swallows whatever is raised."""

import os
import signal
import time

import pytest

from steepest.cli._interrupts import interrupts


def _xla_gc_callback():
    """As JAX's own, which Python calls at a garbage collection: what is raised in it goes nowhere."""
    os.kill(os.getpid(), signal.SIGINT)
    for _ in range(1000):
        pass  # the signal is handled between two of these


@pytest.mark.parametrize("once", [False, True])
def test_ctrl_c_within_a_callback_that_swallows_it_comes_after_it(once):
    with interrupts(once=once) as came:
        _xla_gc_callback()
        assert came == []
        with pytest.raises(KeyboardInterrupt):
            time.sleep(5)
        assert came == [signal.SIGINT]
