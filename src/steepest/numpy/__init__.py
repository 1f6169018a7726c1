"""Optimizers for plain NumPy arrays, which they move in place: ``Adam(weights, learning_rate=1e-3).step(gradients)``.

Each is a rule in one pass over memory, on all cores. NumPy has no optimizers of its own, so what they compute is what
their papers write, under the papers' names; ``dialect="torch"``, "keras" or "optax" has that framework's mathematics
and defaults, under the same names.

    >>> import numpy as np
    >>> weights = {"kernel": np.ones((2, 2)), "bias": np.zeros(2)}
    >>> optimizer = Adam(weights, learning_rate=0.1)
    >>> optimizer.step({"kernel": np.ones((2, 2)), "bias": np.array([1.0, -2.0])})
    >>> np.round(weights["bias"], 6)
    array([-0.1,  0.1])
"""

from typing import TYPE_CHECKING, Any

from .. import dialects as _dialects
from .. import rules as _rules
from ._drop_in import drop_in as _drop_in
from ._drop_in import from_rule as from_rule
from ._optimizer import Optimizer as Optimizer

# Those with a name of one word: the others are forms of these.
_CLASSES = {
    _rules.class_name(name): _drop_in(_dialects.of(rule), _rules.class_name(name), __name__)
    for name, rule in _rules.ALL.items()
    if _rules.proper_name(name).isidentifier()
}
globals().update(_CLASSES)

__all__ = ["Optimizer", "from_rule", *_CLASSES]  # noqa: PLE0604 - made from the rules

if TYPE_CHECKING:

    def __getattr__(name: str) -> Any: ...
