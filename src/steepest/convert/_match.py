"""Which parameter of one model is which of another."""

import re
from collections.abc import Mapping

from ..errors import InputError, unknown
from ._checkpoint import Checkpoint


def match(source: Checkpoint, target: Checkpoint, names: Mapping[str, str] | None) -> dict[str, str]:
    """The target's names -> the source's: as told, by equal names, or by order.

    Raises InputError, by name, where shapes or numbers differ, or where the order says nothing.
    """
    if names is not None:
        pairs = _told(source, target, names)
    elif set(source.parameters) == set(target.parameters):
        pairs = {name: name for name in target.parameters}
    else:
        pairs = _in_order(source, target)
    for here, there in pairs.items():
        ours, theirs = target.parameters[here].value.shape, source.parameters[there].value.shape
        if ours != theirs:
            raise InputError(
                f"'{here}' has the shape {ours} where the checkpoint's '{there}' has {theirs} (outputs last). "
                "Give names={name here: name in the checkpoint, ...}, or outputs_first= for kernels kept otherwise."
            )
    return pairs


def _told(source: Checkpoint, target: Checkpoint, names: Mapping[str, str]) -> dict[str, str]:
    for name in names:
        if name not in target.parameters:
            raise unknown("parameter here", name, target.parameters)
    for name in names.values():
        if name not in source.parameters:
            raise unknown("parameter of the checkpoint", name, source.parameters)
    left = [name for name in target.parameters if name not in names]
    left += [name for name in source.parameters if name not in names.values()]
    if left or len(set(names.values())) < len(names):
        raise InputError(f"names must pair every parameter with one other; it leaves out {', '.join(left) or 'none'}.")
    return dict(names)


def _in_order(source: Checkpoint, target: Checkpoint) -> dict[str, str]:
    if len(source.parameters) != len(target.parameters):
        raise InputError(
            f"The checkpoint has {len(source.parameters)} parameters where there are {len(target.parameters)} here: "
            f"{', '.join(source.parameters)}; here {', '.join(target.parameters)}."
        )
    for side in (source, target):
        if side.sorted_names:
            _check_order(side)
    return dict(zip(target.parameters, source.parameters, strict=True))


def _check_order(side: Checkpoint) -> None:
    """Names in order of the alphabet say which is which only by their numbers, or where the shapes tell."""
    stems: dict[tuple[int, ...], str] = {}
    for name, parameter in side.parameters.items():
        first = stems.setdefault(parameter.value.shape, name)
        if _stem(first) != _stem(name):
            raise InputError(
                f"'{first}' and '{name}' have one shape, and a dictionary has no order that would tell them apart. "
                "Give names={name here: name in the checkpoint, ...}."
            )


def _stem(name: str) -> str:
    return re.sub(r"\d+", "", name)


_ROLES = {"bias": 1, "b": 1, "beta": 1} | dict.fromkeys(("weight", "w", "kernel", "scale", "gamma", "embedding"), 0)


def natural(key: str) -> tuple[str, int, int]:
    """A dictionary's key as its place in order: numbers by size, a layer's weight before its bias.

    >>> sorted(["b2", "b1", "w1", "w2"], key=natural), sorted(["Dense_10", "Dense_9"], key=natural)
    (['w1', 'b1', 'w2', 'b2'], ['Dense_9', 'Dense_10'])
    """
    stem, number = re.fullmatch(r"(.*?)(\d*)", key, re.DOTALL).groups()  # type: ignore[union-attr]
    role = _ROLES.get(stem.rstrip("_").lower())
    return ("" if role is not None else stem), int(number or -1), role or 0
