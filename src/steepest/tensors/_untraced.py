"""Keeping torch.compile out of what is compiled already."""

import functools
import sys
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import torch

_P = ParamSpec("_P")
_R = TypeVar("_R")


def untraced(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """The function, called as it stands from within what torch.compile makes.

    Traced, NumPy's arrays become temporaries, and a kernel would write where they have been. torch's own mark for this
    imports its compiler, half a second; here it counts once somebody else has.
    """
    marked: Callable[_P, _R] = torch._disable_dynamo(function)

    @functools.wraps(function)
    def called(*args: _P.args, **named: _P.kwargs) -> _R:
        return (marked if "torch._dynamo" in sys.modules else function)(*args, **named)

    return called
