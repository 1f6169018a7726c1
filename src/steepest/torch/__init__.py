"""Drop-ins for torch.optim: change the import, and a training script trains the same, in one pass over memory."""

from typing import TYPE_CHECKING, Any

try:
    import torch as _torch  # noqa: F401
except ImportError as error:
    raise ImportError("steepest.torch needs PyTorch, which is not installed. Try: pip install torch") from error

from ..dialects import FRAMEWORKS as _FRAMEWORKS
from ._drop_in import drop_in as _drop_in
from ._drop_in import from_rule as from_rule
from ._optimizer import Optimizer as Optimizer

_CLASSES = {native.name: _drop_in(native) for native in _FRAMEWORKS["torch"]}
globals().update(_CLASSES)

__all__ = ["Optimizer", "from_rule", *_CLASSES]  # noqa: PLE0604 - made from the table of dialects

if TYPE_CHECKING:

    def __getattr__(name: str) -> Any: ...
