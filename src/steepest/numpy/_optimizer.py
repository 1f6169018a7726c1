"""A rule on NumPy arrays, in place: what it keeps of each, and which of them one kernel moves."""

import itertools
import math
from collections.abc import Mapping, Sequence
from operator import attrgetter
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from .. import dialects, kernels, rules
from ..dialects import Dialect, Method
from ..errors import InputError, unknown
from ..kernels import Columns, Layout, Library
from ._check import (
    Arrays,
    Rate,
    check_key,
    check_parameters,
    check_state,
    check_writeable,
    checked_gradient,
    checked_rate,
    named,
)


def _order(array: np.ndarray) -> tuple[float, ...]:
    # Fractions of an entry keep fields of a record from looking dense; nor does what is not aligned.
    each = array.itemsize if array.flags.aligned else math.nan
    return tuple(step / each for step in array.strides)


def _address(array: np.ndarray) -> int:
    return array.ctypes.data


def _flat(array: np.ndarray) -> bool:
    return array.flags.c_contiguous and array.flags.aligned


_NUMPY = Library(
    size=attrgetter("size"),
    itemsize=attrgetter("itemsize"),
    address=_address,
    flat=_flat,
    order=_order,
    flattened=np.ndarray.copy,
    write=np.copyto,
)


class _Way(NamedTuple):
    """How an array is moved.

    numbers: the method's, without the learning rate.  shared: names of the state's scalars that arrays may share.
    """

    method: Method
    numbers: dict[str, float]
    shared: tuple[str, ...]


class Optimizer:
    """A rule that moves NumPy arrays in place; subclasses are made from the rules.

    parameters: the arrays that it moves, by name; those of a sequence are named "0", "1", ...
    State of 16-bit arrays is float32, in which a step is computed and rounded once. Arrays with gaps are copied for
    each step and written back.
    """

    native: Dialect  # the rule as it is written

    def __init__(self, parameters: Arrays, options: Mapping[str, Any], dialect: str):
        arrays = named(parameters)
        check_parameters(arrays)
        self._arrays, self._single = arrays, isinstance(parameters, np.ndarray)
        spoken = dialects.like(type(self).native, dialect)
        chosen = {**spoken.defaults, **options}
        self._dialect, self._learning_rate = dialect, checked_rate(chosen["learning_rate"])
        usual = other = _way(spoken, chosen, given=options)
        if spoken.fallback is not None:
            other = _way(spoken.fallback, {**spoken.fallback.defaults, **chosen})
        self._ways = {name: usual if array.ndim == 2 else other for name, array in arrays.items()}
        self._ids = frozenset(map(id, arrays.values()))
        self._own_memory = all(array.base is None for array in arrays.values())
        self._memory = kernels.Memory(_NUMPY)
        self._counts = dict.fromkeys(arrays, 0)
        self._states = {name: _first_state(self._ways[name], array) for name, array in arrays.items()}

    @property
    def parameters(self) -> Mapping[str, np.ndarray]:
        """The arrays that are moved, by name."""
        return MappingProxyType(self._arrays)

    @property
    def learning_rate(self) -> Rate:
        """The learning rate, or a schedule: a function of the number of steps taken. It may be set between steps."""
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, learning_rate: Rate) -> None:
        self._learning_rate = checked_rate(learning_rate)

    def step(self, gradients: Any, *, key: int | None = None) -> None:
        """Move every array that has a gradient.

        gradients: as the parameters were given: one array, a sequence, or arrays by name. Where one is None, or a name
        is missing, its array stays and its steps are not counted.
        key: seeds the rounding of 16-bit arrays at random, so that small steps are not lost; to the nearest if None.
        Raises InputError for gradients of other names, shapes or dtypes, before anything has moved.
        """
        check_key(key)
        given = self._gradients(gradients)
        alike: dict[tuple, list[str]] = {}
        for name, g in given.items():
            way, state = self._ways[name], self._states[name]
            own = [state[part] for part in way.shared]
            kind = (id(way), self._arrays[name].dtype, g.dtype, self._counts[name], *own)
            alike.setdefault(kind, []).append(name)
        for names in alike.values():
            elementwise = self._ways[names[0]].method.rule.elementwise
            (self._fused if elementwise else self._whole)(names, given, key)
        for name in given:
            self._counts[name] += 1

    def _numbers(self, name: str) -> dict[str, float]:
        """The numbers of an array's step to come."""
        rate = self._learning_rate
        return {
            "learning_rate": float(rate(self._counts[name]) if callable(rate) else rate),
            **self._ways[name].numbers,
        }

    def _fused(self, names: list[str], gradients: Mapping[str, np.ndarray], key: int | None) -> None:
        """Move arrays of one dtype at one step count."""
        way, states = self._ways[names[0]], [self._states[name] for name in names]
        arrays, taken = [self._arrays[name] for name in names], [gradients[name] for name in names]
        narrow, wide = arrays[0].dtype, _wide(arrays[0].dtype)
        layout = Layout(narrow.name, taken[0].dtype.name, wide.name, key is not None and narrow != wide)

        def columns(parts: tuple[str, ...]) -> Columns:
            return [list(arrays), list(taken), *([state[part] for state in states] for part in parts)]

        values = self._counts[names[0]] + 1, *(states[0][part] for part in way.shared)
        scalars = self._memory.move(way.method, self._numbers(names[0]), values, layout, columns, key=key)
        if way.shared:
            for state in states:
                state.update(zip(way.shared, scalars, strict=True))

    def _whole(self, names: list[str], gradients: Mapping[str, np.ndarray], key: int | None) -> None:
        """Move arrays by a rule that wants each whole."""
        if key is not None:
            raise InputError(f"{type(self).__name__} rounds whole arrays to the nearest; received a key. Leave it out.")
        for name in names:
            array, wide = self._arrays[name], _wide(self._arrays[name].dtype)
            parameter, t = array.astype(wide), self._counts[name] + 1
            with np.errstate(all="ignore"):
                step, new = self._ways[name].method(
                    parameter, gradients[name].astype(wide), self._states[name], t, self._numbers(name)
                )
                array[...] = parameter + step
            self._states[name] = {part: _kept(value, self._states[name][part]) for part, value in new.items()}

    def _gradients(self, gradients: Any) -> dict[str, np.ndarray]:
        """The gradients by name, those that are None left out; InputError for what does not fit."""
        if self._single and not isinstance(gradients, Mapping):
            gradients = [gradients]
        elif not isinstance(gradients, Mapping | Sequence):
            raise InputError(f"gradients must be a sequence or arrays by name; received {type(gradients).__name__}.")
        if not isinstance(gradients, Mapping):
            if len(gradients) != len(self._arrays):
                raise InputError(
                    f"{len(self._arrays)} arrays want as many gradients; received {len(gradients)}. "
                    "Give None for an array that is not to move."
                )
            gradients = dict(zip(self._arrays, gradients, strict=True))
        given = {}
        for name, g in gradients.items():
            if name not in self._arrays:
                raise unknown("parameter", name, self._arrays)
            if g is not None:
                check_writeable(name, self._arrays[name])
                given[name] = self._apart(checked_gradient(name, np.asarray(g), self._arrays[name]))
        return given

    def _apart(self, g: np.ndarray) -> np.ndarray:
        """The gradient, or a copy of it where moving a parameter might change it."""
        if g.base is None and self._own_memory and id(g) not in self._ids:  # most gradients, at no cost
            return g
        return g.copy() if any(map(np.may_share_memory, self._arrays.values(), itertools.repeat(g))) else g

    def __copy__(self) -> "Optimizer":
        """One that moves the same arrays, from the same state on, which is its own."""
        made = object.__new__(type(self))
        made.__dict__.update(self.__dict__, _counts=dict(self._counts), _memory=kernels.Memory(_NUMPY))
        made._states = {
            name: {part: _kept(value, value) for part, value in own.items()} for name, own in self._states.items()
        }
        return made

    def state_dict(self) -> dict[str, Any]:
        """Copies of all that the next steps need besides the parameters and the arguments of this optimizer.

        ``{"rule": ..., "dialect": ..., "state": {name: {"step": steps taken, part: array or float}}}``
        """
        state = {
            name: {"step": self._counts[name]} | {part: _kept(value, value) for part, value in own.items()}
            for name, own in self._states.items()
        }
        return {"rule": type(self).native.name, "dialect": self._dialect, "state": state}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from a state of ``state_dict``, which is copied.

        Raises InputError, by name, for the state of another rule or dialect, of other parameters, shapes or dtypes,
        before anything has changed.
        """
        if not isinstance(state_dict, Mapping):
            raise InputError(f"The state must be what state_dict() returned; received {state_dict!r}.")
        for part, own in (("rule", type(self).native.name), ("dialect", self._dialect)):
            if state_dict.get(part) != own:
                raise InputError(
                    f"The state is of the {part} {state_dict.get(part)!r} where this {type(self).__name__} has {own!r}."
                )
        saved = state_dict.get("state")
        if not isinstance(saved, Mapping):
            raise InputError(f"The state must have each array's under 'state'; received {saved!r}. Give state_dict().")
        for name in [*saved, *self._arrays]:
            if name not in self._arrays or name not in saved:
                where = "this optimizer" if name in saved else "the state"
                raise InputError(f"The parameter '{name}' is not in {where}. Load the state of the same parameters.")
            check_state(name, saved[name], self._states[name])
        self._counts = {name: int(saved[name]["step"]) for name in self._arrays}
        self._states = {
            name: {part: _kept(saved[name][part], value) for part, value in own.items()}
            for name, own in self._states.items()
        }


def _way(spoken: Dialect, chosen: Mapping[str, Any], given: Mapping[str, Any] = MappingProxyType({})) -> _Way:
    """What the chosen options compute; InputError for those given that this dialect has no use for."""
    method, numbers = spoken.method(chosen), spoken.numbers(chosen)
    del numbers["learning_rate"]
    for name, value in method.fixed:
        if name in given:
            raise InputError(
                f"{name} is fixed at {value} in the dialect '{spoken.framework}'; received {given[name]}. "
                "Leave it out, or try dialect='textbook'."
            )
    has_decay = method.weight_decay != "none" or "weight_decay" in rules.hyperparameters(method.rule)
    if "weight_decay" in numbers and not has_decay:
        raise InputError(
            f"{rules.proper_name(method.rule.__name__)} has no weight decay in the dialect '{spoken.framework}'; "
            f"received weight_decay={numbers['weight_decay']}. Try AdamW, or dialect='torch'."
        )
    checked = {name: rules.checked(name, value) for name, value in numbers.items()}
    return _Way(method, checked, tuple(name for name in method.fields.values() if name in method.shared))


def _wide(dtype: np.dtype) -> np.dtype:
    """The dtype of the state of an array: its own, or float32 where that has 16 bits."""
    return np.dtype(np.float32) if dtype.itemsize < 4 else dtype


def _first_state(way: _Way, parameter: np.ndarray) -> dict[str, Any]:
    """The state before the first step, its arrays in memory like the parameter's."""
    firsts = way.method.initial_state(np.zeros((), _wide(parameter.dtype)))
    return {
        part: float(first) if part in way.method.scalars else np.full_like(parameter, first, first.dtype, subok=False)
        for part, first in firsts.items()
    }


def _kept(value: Any, like: Any) -> Any:
    """A copy of a part of the state, as this part is kept: an array, or a number."""
    return np.array(value, like.dtype, order="K") if isinstance(like, np.ndarray) else float(value)
