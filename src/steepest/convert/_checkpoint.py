"""Where a training run stands, in no framework's terms."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import rules
from ..dialects import Method

# What Keras's optimizers do besides the rule, and others do elsewhere or not at all; and how many gradients it or
# optax's MultiSteps has gathered since the last step.
BESIDES = ("clipnorm", "clipvalue", "global_clipnorm", "use_ema", "gradient_accumulation_steps", "mini_step")
Rate = float | Callable[[int], float]  # a schedule gives the rate of the step that follows so many


@dataclass(frozen=True)
class Parameter:
    """One array of weights and where its optimizer stands.

    value: NumPy, of the dtype it is trained in; the outputs of a kernel are its last axis, as in Keras.
    method: what moves it; None for what no optimizer moves.
    numbers: the method's, without the learning rate, and what else the framework does to gradients, by its name there.
    learning_rate: of the next step, or a schedule.  scheduled: whether it will change.  settable: whether it is a
    number that can be set.
    state: by the fields of the method's rule, shaped like value or of no dimension.
    step_count: steps taken; None where the framework does not count them.
    group: number of the parameter group, which has one learning rate.
    """

    value: np.ndarray
    method: Method | None = None
    numbers: Mapping[str, Any] | None = None
    learning_rate: Rate = 0.0
    scheduled: bool = False
    settable: bool = True
    state: Mapping[str, np.ndarray] | None = None
    step_count: int | None = None
    group: int = 0

    def rate(self, step_count: int | None) -> float:
        """The learning rate of the step after so many; after none where that is not known."""
        return float(now(self.learning_rate, step_count))


@dataclass(frozen=True)
class Checkpoint:
    """A training run: its parameters by name, in the order of its framework.

    sorted_names: whether that order is the alphabet's, as for a dictionary in JAX, and so says little.
    """

    framework: str
    parameters: Mapping[str, Parameter]
    sorted_names: bool = False

    @property
    def moved(self) -> dict[str, Parameter]:
        """The parameters that an optimizer moves."""
        return {name: parameter for name, parameter in self.parameters.items() if parameter.method is not None}


def now(value: Any, step_count: int | None) -> Any:
    """A number of the step after so many, where it may be a schedule."""
    return value(step_count or 0) if callable(value) else value


def wide(dtype: np.dtype) -> np.dtype:
    """What the drop-ins keep the state of such an array in."""
    return np.dtype(np.float32) if dtype.itemsize < 4 else dtype


def before_first_step(method: Method, value: np.ndarray, dtype: np.dtype) -> dict[str, np.ndarray]:
    """A method's state, by the rule's fields, before it has moved an array.  dtype: of what is shaped like it."""
    firsts = rules.fields(method.rule, **dict(method.choices)) | dict(method.first)
    return {
        field: np.asarray(firsts[field]) if name in method.scalars else np.full(value.shape, firsts[field], dtype)
        for field, name in method.fields.items()
    }
