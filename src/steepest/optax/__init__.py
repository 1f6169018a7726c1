"""Drop-ins for optax: change the import, and the same chain, schedule and jit go on with the same numbers.

Each function has optax's own signature and returns a ``GradientTransformation``; what it computes is a method of a
dialect. State of 16-bit parameters is float32, and the bias corrections keep every digit. Where the parameters are
given, updates are as wide as they or the gradients, whichever is wider; otherwise as wide as the gradients.
"""

from typing import TYPE_CHECKING, Any

try:
    import optax as _  # noqa: F401 - for the sentence where it is not there
except ImportError as error:
    raise ImportError("steepest.optax needs optax, which is not installed. Try: pip install optax") from error

from ..dialects import FRAMEWORKS as _FRAMEWORKS
from ._drop_in import drop_in as _drop_in
from ._drop_in import from_rule as from_rule

_FUNCTIONS = {native.name: _drop_in(native) for native in _FRAMEWORKS["optax"]}
globals().update(_FUNCTIONS)

__all__ = ["from_rule", *_FUNCTIONS]  # noqa: PLE0604 - made from the table of dialects

if TYPE_CHECKING:

    def __getattr__(name: str) -> Any: ...
