"""Drop-ins for keras.optimizers on the JAX and torch backends: the same config, variables and ``model.fit``.

What each computes is a method of a dialect. State of 16-bit variables is float32, and a step is computed in float32
and rounded once. On the torch backend a whole step is one pass over memory.
"""

from typing import TYPE_CHECKING, Any

try:
    import keras as _keras  # noqa: F401
except ImportError as error:
    raise ImportError("steepest.keras needs Keras 3, which is not installed. Try: pip install keras") from error

from ..dialects import FRAMEWORKS as _FRAMEWORKS
from ._optimizer import Optimizer as Optimizer
from ._optimizer import drop_in as _drop_in
from ._optimizer import from_rule as from_rule

_CLASSES = {native.name: _drop_in(native) for native in _FRAMEWORKS["keras"]}
globals().update(_CLASSES)

__all__ = ["Optimizer", "from_rule", *_CLASSES]  # noqa: PLE0604 - made from the table of dialects

if TYPE_CHECKING:

    def __getattr__(name: str) -> Any: ...
