"""Checkpoints from torch and into it: a module or named parameters, and an optimizer of theirs."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from ml_dtypes import bfloat16

from ..errors import InputError
from ._checkpoint import Checkpoint, Parameter, before_first_step, wide
from ._described import described, dialect_of
from ._layout import OutputsFirst, names_first, outputs_last, outputs_to_front
from ._move import move
from ._refusals import Force


def from_torch(model: Any, optimizer: Any, *, outputs_first: OutputsFirst | None = None) -> Checkpoint:
    """Where training stands in torch.

    model: a ``torch.nn.Module``, or its named parameters, pairs of a name and a tensor.
    optimizer: a ``torch.optim.Optimizer`` of those parameters, torch's own or a drop-in.
    outputs_first: names of the parameters kept as (out, in, ...), or whether all of two dimensions and more are;
    left out, the weights of a module's Linear layers and convolutions, or all where there is no module.
    Raises InputError for an optimizer that is not in the table of dialects, or has parameters that the model lacks.
    """
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise InputError(f"optimizer must be a torch.optim.Optimizer; received {type(optimizer).__name__}.")
    named = _named(model)
    first = _first(model, named, outputs_first)
    places = {id(p): (number, group) for number, group in enumerate(optimizer.param_groups) for p in group["params"]}
    if left := places.keys() - {id(p) for p in named.values()}:
        raise InputError(f"The optimizer moves {len(left)} tensors that are not among the model's parameters.")
    return Checkpoint(
        "torch", {name: _parameter(p, optimizer, places.get(id(p)), name in first) for name, p in named.items()}
    )


def to_torch(
    checkpoint: Checkpoint,
    model: Any,
    optimizer: Any,
    *,
    names: Mapping[str, str] | None = None,
    outputs_first: OutputsFirst | None = None,
    force: Force = False,
) -> None:
    """Put a checkpoint into a torch model and its optimizer: weights, state, step counts and learning rates.

    model, optimizer, outputs_first: as for ``from_torch``.
    names: {name here: name in the checkpoint} for every parameter; left out, equal names or else the order tells.
    force: True, or names of what may be inexact, as the error has them; the nearest thing is done.
    Raises InputError where the shapes do not fit, and for what would not go on as it was. Then nothing has changed.
    """
    there = from_torch(model, optimizer, outputs_first=outputs_first)
    moved = move(checkpoint, there, names, force)
    named = _named(model)
    first = _first(model, named, outputs_first)
    saved = optimizer.state_dict()
    keys = {
        id(p): key
        for group, said in zip(optimizer.param_groups, saved["param_groups"], strict=True)
        for p, key in zip(group["params"], said["params"], strict=True)
    }
    scalars = []
    for name, one in moved.items():
        p = named[name]
        if one.method is None:
            continue
        state = _state(one, p, optimizer, turned=name in first)
        saved["state"][keys[id(p)]] = state
        scalars += [(p, part, state[part]) for part in one.method.scalars if part in state]
        group, rate = saved["param_groups"][one.group], one.rate(one.step_count)
        group["lr"] = torch.full_like(group["lr"], rate) if torch.is_tensor(group["lr"]) else rate
    optimizer.load_state_dict(saved)
    with torch.no_grad():
        for name, one in moved.items():
            named[name].copy_(_tensor(outputs_to_front(one.value) if name in first else one.value))
        for p, part, value in scalars:  # torch has rounded them to the parameter's dtype
            optimizer.state[p][part] = value.to(optimizer.state[p][part].device)


def _named(model: Any) -> dict[str, Any]:
    try:
        pairs: Iterable[tuple[str, Any]] = model.named_parameters() if hasattr(model, "named_parameters") else model
        named = dict(pairs)
    except (TypeError, ValueError):
        named = {"": None}
    if not all(isinstance(name, str) and torch.is_tensor(p) for name, p in named.items()):
        raise InputError(
            "model must be a torch.nn.Module, or pairs of a name and a tensor; "
            f"received {type(model).__name__}. Try [('w', w)]."
        )
    return named


def _first(model: Any, named: Mapping[str, Any], outputs_first: OutputsFirst | None) -> frozenset[str]:
    """The parameters whose outputs are their first axis."""
    if outputs_first is None and isinstance(model, torch.nn.Module):
        kinds = (torch.nn.Linear, torch.nn.modules.conv._ConvNd)
        return frozenset(
            f"{path}.weight".removeprefix(".") for path, layer in model.named_modules() if isinstance(layer, kinds)
        )
    told = True if outputs_first is None else outputs_first
    return names_first(told, ((name, p.ndim) for name, p in named.items()))


def _parameter(p: Any, optimizer: Any, place: tuple[int, Mapping[str, Any]] | None, first: bool) -> Parameter:
    turned = outputs_last if first else np.asarray
    value = turned(_array(p))
    if place is None:
        return Parameter(value)
    number, group = place
    dialect = dialect_of("torch", type(optimizer), group.get("dialect", "torch"))
    options = dialect.defaults | {a.name: _number(group[a.name]) for a in dialect.arguments if a.name in group}
    method, numbers, rate = described(dialect, options)
    kept = optimizer.state.get(p, {})
    found = {field: kept[name] for field, name in method.fields.items() if kept.get(name) is not None}
    if found and len(found) < len(method.fields):
        lacking = ", ".join(name for field, name in method.fields.items() if field not in found)
        raise InputError(f"The state of {type(optimizer).__name__} lacks {lacking}, which its options need.")
    state = {field: method.signed(field, turned(_array(part))) for field, part in found.items()}
    count = int(kept["step"]) if "step" in kept else None
    if method.fields and not found:
        ours = hasattr(type(optimizer), "native")  # which keeps float32 beside 16 bits
        state, count = before_first_step(method, value, wide(value.dtype) if ours else value.dtype), 0
    return Parameter(value, method, numbers, rate, "initial_lr" in group, True, state, count, number)


def _state(one: Parameter, p: Any, optimizer: Any, *, turned: bool) -> dict[str, Any]:
    """What torch keeps of one parameter; nothing of one that has not begun, where torch would make it."""
    method = one.method
    assert method is not None
    assert one.state is not None
    first = before_first_step(method, one.value, one.value.dtype)
    begun = any((one.state[field] != first[field]).any() for field in first)
    if not one.step_count and not begun and not optimizer.state.get(p):
        return {}
    parts = {
        name: _tensor(method.signed(field, outputs_to_front(one.state[field]) if turned else one.state[field]))
        for field, name in method.fields.items()
    }
    if method.rule.__name__ in ("sgd", "momentum", "nesterov"):  # torch does not count their steps
        return parts
    single = torch.float64 if torch.get_default_dtype() is torch.float64 else torch.float32
    return {"step": torch.tensor(float(one.step_count or 0), dtype=single), **parts}


def _array(tensor: Any) -> np.ndarray:
    """A tensor's values, of their own dtype."""
    kept = tensor.detach().cpu()
    if kept.dtype is torch.bfloat16:
        return kept.float().numpy().astype(bfloat16)
    return kept.numpy().copy()


def _tensor(array: np.ndarray) -> Any:
    """A tensor of its own memory; of float32 for 16 bits, which torch narrows where it keeps them."""
    return torch.from_numpy(np.array(array, dtype=wide(array.dtype), order="C"))


def _number(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return tuple(_number(one) for one in value)
    return value.item() if hasattr(value, "item") else value
