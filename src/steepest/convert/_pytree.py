"""Pytrees: the names and the order of their leaves, and a field somewhere in the state of a transformation."""

from typing import Any

import jax
import optax

from ..errors import InputError
from ._match import natural


def leaves_of(tree: Any) -> dict[str, Any]:
    """The leaves by their paths, "Dense_0/kernel"; those that a mask leaves out, too."""
    return {name_of(path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(tree, is_leaf=is_masked)}


def mapped(function: Any, tree: Any) -> Any:
    """The tree with ``function(name, leaf)`` in the place of each leaf."""
    return jax.tree_util.tree_map_with_path(lambda path, leaf: function(name_of(path), leaf), tree, is_leaf=is_masked)


def name_of(path: Any) -> str:
    """A path as one word."""
    return "/".join(
        str(next(getattr(key, kind) for kind in ("key", "idx", "name") if hasattr(key, kind))) for key in path
    )


def is_masked(leaf: Any) -> bool:
    """Whether a mask of optax's leaves this out."""
    return isinstance(leaf, optax.MaskedNode)


def in_order(params: Any) -> tuple[list[str], bool]:
    """The names in the order of their containers, and whether a dictionary is among these.

    A dictionary's keys are sorted by JAX; here as ``natural`` has them.
    """
    paths = [path for path, _ in jax.tree_util.tree_leaves_with_path(params)]
    first: dict[Any, int] = {}
    for number, path in enumerate(paths):
        for depth in range(len(path)):
            first.setdefault(path[: depth + 1], number)

    def place(path: Any) -> tuple:
        return tuple(
            natural(str(key.key)) if isinstance(key, jax.tree_util.DictKey) else ("", first[path[: depth + 1]], 0)
            for depth, key in enumerate(path)
        )

    dictionary = any(isinstance(key, jax.tree_util.DictKey) for path in paths for key in path)
    return [name_of(path) for path in sorted(paths, key=place)], dictionary


def found(state: Any, name: str) -> list[tuple[Any, Any]]:
    """Where states have a field of that name, and what stands there."""
    return optax.tree.get_all_with_path(state, name, _is_field)


def part(state: Any, name: str, *, required: bool = False) -> Any:
    """What the one state that has such a field keeps in it; None where none has and it is not required."""
    places = found(state, name)
    if len(places) > 1:
        told = ", ".join(jax.tree_util.keystr(path) for path, _ in places)
        raise InputError(f"The state has {name} {len(places)} times: {told}. Give the part of it that is meant.")
    if not places and required:
        raise InputError(f"The state has no {name}: it is another optimizer's, or one with other options.")
    return places[0][1] if places else None


def replaced(state: Any, name: str, value: Any) -> Any:
    """The state with another value wherever it has such a field, also in a state within one that has it."""

    def one(node: Any) -> Any:
        if not _has_fields(node):
            return node
        parts = zip(node._fields, node, strict=True)
        return type(node)(*(value if field == name else replaced(kept, name, value) for field, kept in parts))

    return jax.tree.map(one, state, is_leaf=_has_fields)


def step_count(state: Any, names: list[str]) -> int | None:
    """The count beside the fields of these names, or the one on which all others agree."""
    counts = [(path[:-1], int(count)) for path, count in found(state, "count")]
    beside = {path[:-1] for name in names for path, _ in found(state, name)}
    own = {count for path, count in counts if path in beside} or {count for _, count in counts}
    return own.pop() if len(own) == 1 else None


def _is_field(path: Any, _: Any) -> bool:
    return isinstance(path[-1], optax.tree_utils.NamedTupleKey)  # and no key of the parameters' own


def _has_fields(node: Any) -> bool:
    return isinstance(node, tuple) and hasattr(node, "_fields")
