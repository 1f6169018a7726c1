"""Looking on while a run trains: what an observer of every step must offer. It is compiled into the loop."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import jax

from ..problems import Loss


class Moved(NamedTuple):
    """One step, as it is taken.

    parameters: before it.  loss: of the minibatch there, or where the rule looked ahead.  gradients: of that loss.
    steps: what is added to the parameters.  aside: what else the observer's own gradient told of the minibatch.
    """

    parameters: Any
    loss: jax.Array
    gradients: Any
    steps: Any
    aside: Any = ()


class Observer(Protocol):
    """What the compiled loop calls at every step. All of it is traced; equal observers share a program, so they hash.

    It looks on: parameters move as they would without it, up to the rounding of another program.
    """

    def begin(self, parameters: Any) -> Any:
        """What it carries to the first step, a tree of arrays."""

    def gradient(self, loss: Loss) -> Callable[[Any, Any], tuple]:
        """``(parameters, batch) -> (value, gradients, aside)``: the gradient, and what is found on the way to it."""

    def see(self, observed: Any, moved: Moved) -> tuple[Any, Any]:
        """What it carries on, and what it tells of this step: a tree of arrays, of the same shapes at every step."""
