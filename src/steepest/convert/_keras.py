"""Checkpoints from Keras and into it: a model and its optimizer, on whichever backend."""

import warnings
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from ml_dtypes import bfloat16

from ..dialects import Method
from ..errors import InputError
from ._checkpoint import BESIDES, Checkpoint, Parameter, Rate
from ._described import described, dialect_of
from ._move import move
from ._refusals import Force


def from_keras(model: Any, optimizer: Any = None) -> Checkpoint:
    """Where training stands in Keras.

    model: a ``keras.Model`` with its weights made; or anything with ``trainable_variables``.
    optimizer: the model's own where it is left out; its state is made where it has none yet.
    Raises InputError for a model that is not compiled, and an optimizer that is not in the table of dialects.
    """
    optimizer = _optimizer(model, optimizer)
    parts = _parts(optimizer)
    built = {id(variable) for variable in optimizer._trainable_variables}
    parameters: dict[str, Parameter] = {}
    for variable in model.trainable_variables:
        if variable.path in parameters:
            raise InputError(f"Two variables have the path '{variable.path}'. Give the layers names of their own.")
        there = id(variable) in built
        parameters[variable.path] = _parameter(variable, optimizer, parts) if there else Parameter(_array(variable))
    return Checkpoint("keras", parameters)


def to_keras(
    checkpoint: Checkpoint,
    model: Any,
    optimizer: Any = None,
    *,
    names: Mapping[str, str] | None = None,
    force: Force = False,
) -> None:
    """Put a checkpoint into a Keras model and its optimizer: weights, state, iterations and learning rate.

    model, optimizer: as for ``from_keras``.
    names: {path here: name in the checkpoint} for every variable; left out, equal names or else the order tells.
    force: True, or names of what may be inexact, as the error has them; the nearest thing is done.
    Raises InputError where the shapes do not fit, and for what would not go on as it was. Then nothing has changed.
    """
    optimizer = _optimizer(model, optimizer)
    moved = move(checkpoint, from_keras(model, optimizer), names, force)
    parts = _parts(optimizer)
    for variable in model.trainable_variables:
        one = moved[variable.path]
        variable.assign(one.value)
        if one.method is None or one.state is None:
            continue
        places = _places(variable, one.method, optimizer, parts)
        for field, name in one.method.fields.items():
            places[name].assign(one.method.signed(field, one.state[field]))
    for one in [one for one in moved.values() if one.method is not None][:1]:
        if one.step_count is not None:
            optimizer._iterations.assign(one.step_count * (optimizer.gradient_accumulation_steps or 1))
        if one.settable:
            optimizer.learning_rate = one.rate(one.step_count)


def _optimizer(model: Any, optimizer: Any) -> Any:
    if not hasattr(model, "trainable_variables") or isinstance(model, keras.optimizers.Optimizer):
        raise InputError(f"model must have trainable_variables, as a keras.Model; received {type(model).__name__}.")
    optimizer = optimizer if optimizer is not None else getattr(model, "optimizer", None)
    if optimizer is None:
        raise InputError("The model has no optimizer. Compile it first, or give optimizer=.")
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)  # of a loss scale
    if not isinstance(optimizer, keras.optimizers.Optimizer):
        raise InputError(f"optimizer must be a keras.optimizers.Optimizer; received {type(optimizer).__name__}.")
    if not optimizer.built:
        optimizer.build(model.trainable_variables)
    return optimizer


def _parts(optimizer: Any) -> dict[str, list[Any]]:
    """An optimizer's variables by their names, those of one name in their order."""
    parts: dict[str, list[Any]] = defaultdict(list)
    for variable in optimizer.variables:
        parts[variable.name].append(variable)
    return parts


def _places(variable: Any, method: Method, optimizer: Any, parts: dict[str, list[Any]]) -> dict[str, Any]:
    """Where each part of a variable's state is kept; taken out of *parts*, as two paths may give one name.

    What all variables share, Keras's own optimizers have as private attributes.
    """
    shared = getattr(optimizer, "shared", {})
    places = {}
    for name in method.fields.values():
        if name in method.scalars:
            places[name] = shared[name] if name in shared else getattr(optimizer, f"_{name}")
        else:
            places[name] = parts[f"{variable.path.replace('/', '_')}_{name}"].pop(0)
    return places


def _parameter(variable: Any, optimizer: Any, parts: dict[str, list[Any]]) -> Parameter:
    config = _config(optimizer)
    dialect = dialect_of("keras", type(optimizer), config.get("dialect", "keras"))
    options = dialect.defaults | {a.name: config[a.name] for a in dialect.arguments if a.name in config}
    method, numbers, _ = described(dialect, options | {"learning_rate": 0.0})
    if not optimizer._use_weight_decay(variable):
        numbers.pop("weight_decay", None)
    numbers |= {name: config[name] for name in BESIDES if config.get(name)}
    numbers["mini_step"] = int(_array(optimizer._iterations)) % (optimizer.gradient_accumulation_steps or 1)
    rate, scheduled = _rate(optimizer)
    places = _places(variable, method, optimizer, parts)
    state = {field: method.signed(field, _array(places[name])) for field, name in method.fields.items()}
    count = int(_array(optimizer.iterations))
    return Parameter(_array(variable), method, numbers, rate, scheduled, not scheduled, state, count)


def _config(optimizer: Any) -> dict[str, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Keras's own, of how NumPy makes copies
        return optimizer.get_config()


def _rate(optimizer: Any) -> tuple[Rate, bool]:
    """The learning rate, and whether it is scheduled; schedules count gathered gradients one by one."""
    kept = optimizer._learning_rate
    if not callable(kept):
        return float(_array(kept)), False
    if not hasattr(kept, "get_config"):  # a function without arguments
        return (lambda _: float(_array(kept()))), True
    gathered = optimizer.gradient_accumulation_steps or 1
    return (lambda step_count: float(_array(kept(step_count * gathered)))), True


def _array(value: Any) -> np.ndarray:
    """A variable's or a tensor's values, of their own dtype."""
    kept = np.array(keras.ops.convert_to_numpy(value.value if isinstance(value, keras.Variable) else value))
    if keras.backend.standardize_dtype(value.dtype) == "bfloat16":  # which torch gives NumPy as float32
        return kept.astype(bfloat16)
    return kept
