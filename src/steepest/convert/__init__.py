"""A training run from torch, Keras or optax to another: weights, and the optimizer's state, in the middle of training.

    checkpoint = from_torch(model, optimizer)      # or from_keras, from_optax
    to_keras(checkpoint, keras_model)              # or to_torch, to_optax

The natives' optimizers and this package's drop-ins alike. What would not go on exactly as it was is refused with the
reason, unless forced; ``counterpart`` says which optimizer would. No pickle is ever loaded.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._checkpoint import Checkpoint as Checkpoint
from ._checkpoint import Parameter as Parameter
from ._counterpart import Counterpart as Counterpart
from ._counterpart import counterpart as counterpart

if TYPE_CHECKING:
    from ._keras import from_keras as from_keras
    from ._keras import to_keras as to_keras
    from ._optax import from_optax as from_optax
    from ._optax import to_optax as to_optax
    from ._torch import from_torch as from_torch
    from ._torch import to_torch as to_torch

# Each framework is imported by the first use of what reads or writes it.
_HOMES = {f"{way}_{framework}": f"._{framework}" for framework in ("torch", "keras", "optax") for way in ("from", "to")}

__all__ = ["Checkpoint", "Counterpart", "Parameter", "counterpart", *_HOMES]  # noqa: PLE0604 - a list of names, made


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    framework = name.partition("_")[2]
    try:
        return getattr(import_module(_HOMES[name], __name__), name)
    except ModuleNotFoundError as error:
        if error.name not in (framework, "jax"):
            raise
        raise ImportError(
            f"steepest.convert.{name} needs {framework}, which is not installed. Try: pip install {framework}"
        ) from error


def __dir__() -> list[str]:
    return sorted(__all__)
