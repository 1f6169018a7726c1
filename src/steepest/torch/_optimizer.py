"""What torch expects of an optimizer: groups, state, hooks, closures. What it computes is a method of a dialect."""

import inspect
import itertools
import operator
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch

from .. import dialects
from ..dialects import Dialect, Method
from ..errors import InputError
from ..tensors import Alike, Memory, Scalars, empty_like, move_each, move_lists, untraced, wide
from ._check import check_gradients, check_options, check_parameters, check_state

Move = Callable[[Method, dict[str, float], Alike, tuple[float, ...], int | None], tuple[float, ...]]
_OWN = "dialect"  # the key of a group that does not speak torch's own dialect


class _Said(NamedTuple):
    """What a group asks for: names and values of its options, and what these are called."""

    names: tuple[str, ...]
    options: tuple
    method: Method
    numbers: dict[str, float]


class _Ready(NamedTuple):
    """What a group's step needs: parameters that have gradients, these as it can use them, and what it computes.

    kinds: the gradients' dtypes.
    """

    active: list[torch.Tensor]
    gradients: list[torch.Tensor]
    kinds: set[torch.dtype]
    method: Method
    numbers: dict[str, float]


class Optimizer(torch.optim.Optimizer):
    """A rule as a ``torch.optim.Optimizer``: torch's arguments, groups and state, one pass over memory a step.

    Subclasses are made from the table of dialects. A state dict of torch's own class of the same name loads, and the
    other way round. State of 16-bit parameters is float32. CPU tensors go through a fused kernel, others through
    torch's lists. Sparse gradients are served where torch serves them (SGD, Adagrad), and refused with a sentence
    elsewhere; so are complex parameters and ``differentiable``.
    """

    native: Dialect  # torch's own dialect of this optimizer

    def __init__(self, params: Any, options: dict[str, Any], dialect: str, stochastic_rounding: bool):
        rounding = {"stochastic_rounding": stochastic_rounding}
        check_options(dialects.like(type(self).native, dialect), options | rounding)
        if dialect != "torch":
            options = {**options, _OWN: dialect}
        if stochastic_rounding:
            options = options | rounding
        self._forget()
        super().__init__(params, options)

    def _forget(self) -> None:
        """What was found of groups and their tensors is to be found anew."""
        self._memories: dict[int, tuple[Memory, Scalars]] = {}
        self._said: dict[int, _Said] = {}
        self._held: dict[int, tuple[Method, list[torch.Tensor], list[dict]]] = {}
        self._all_states: list[dict] = []

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters with options of their own, as in torch; raises TypeError for those that no rule can move."""
        # As torch has it, without the wrapper that keeps torch.compile out by importing its compiler: half a second.
        inspect.unwrap(torch.optim.Optimizer.add_param_group)(self, param_group)
        try:
            added = self.param_groups[-1]
            check_options(dialects.like(type(self).native, added.get(_OWN, "torch")), added)
            method, _ = self._method(added)
            check_parameters(added["params"], type(self).__name__, matrices=method.rule.fallback is not None)
        except InputError as error:
            del self.param_groups[-1]
            raise ValueError(str(error)) from None
        except (TypeError, ValueError):
            del self.param_groups[-1]
            raise

    @untraced
    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Move every parameter that has a gradient.

        closure: evaluates the loss again and returns it, which is returned.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        states = list(self.state.values())
        if not _same(states, self._all_states):  # somebody put another in
            self._held.clear()
        ready = [self._ready(group) for group in self.param_groups]  # what is refused is before anything has moved
        for number, (group, waiting) in enumerate(zip(self.param_groups, ready, strict=True)):
            if waiting is not None:
                self._step_group(number, group, waiting)
        self._all_states = list(self.state.values())
        return loss

    def _ready(self, group: dict[str, Any]) -> _Ready | None:
        """What a group's step needs; None where no parameter has a gradient."""
        active, gradients = group["params"], [p.grad for p in group["params"]]
        if not all(map(operator.is_not, gradients, itertools.repeat(None))):
            active = [p for p, g in zip(active, gradients, strict=True) if g is not None]
            gradients = [g for g in gradients if g is not None]
        if not active:
            return None
        method, numbers = self._method(group)
        kinds, name = {g.dtype for g in gradients}, type(self).__name__
        gradients = check_gradients(gradients, kinds, name, sparse_allowed=_serves_sparse(method, numbers))
        return _Ready(active, gradients, kinds, method, numbers)

    def _step_group(self, number: int, group: dict[str, Any], ready: _Ready) -> None:
        active, gradients, kinds, method, numbers = ready
        states, fresh = self._states(number, active, method)
        key = int(torch.randint(2**62, ()).item()) if group.get("stochastic_rounding") else None
        memory, scalars = self._memories.setdefault(number, (Memory(), Scalars()))
        values = self._values(scalars, states, fresh, method)
        for chosen in _alike(active, gradients, kinds, values):
            columns: list[list[Any]] = [active, gradients, states]
            if len(chosen) < len(active):
                columns = [[column[i] for i in chosen] for column in columns]
            if not method.rule.elementwise:
                move: Move = move_each
            else:
                move = memory.move if active[chosen[0]].is_cpu else move_lists
            told = move(method, numbers, Alike(*columns), tuple(values[chosen[0]].tolist()), key)
            if told:
                values[chosen, 1:] = told
        torch.autograd.graph.increment_version(active)

    def _states(self, number: int, active: list[torch.Tensor], method: Method) -> tuple[list[dict], set[int]]:
        """The state of each of a group's, made where it is missing, and the places of those whose was."""
        held = self._held.get(number)
        if held is not None and held[0] is method and _same(held[1], active):
            return held[2], set()
        states = [self.state[p] for p in active]
        full = len(method.fields) + counts_steps(type(self).native)
        fresh = {place for place, state in enumerate(states) if len(state) < full}
        for place in fresh:
            self._begin(active[place], method)
        self._held[number] = method, list(active), states
        return states, fresh

    def _values(self, scalars: Scalars, states: list[dict], fresh: set[int], method: Method) -> np.ndarray:
        """(parameters, 1 + scalars): the step count of the step to come, and the method's scalars, as they stand."""
        names = [name for name in method.fields.values() if name in method.shared]
        if counts_steps(type(self).native):
            values = scalars.gather(states, ["step", *names])
            values[:, 0] += 1
            return values
        values = np.full((len(states), 1), 2.0)  # torch's SGD tells the first step from later ones, and that is all
        if fresh:
            values[list(fresh)] = 1.0
        return values

    def _method(self, group: dict[str, Any]) -> tuple[Method, dict[str, float]]:
        """What a group's options compute, and its numbers as floats; kept until an option is another."""
        said = self._said.get(id(group))
        if said is not None and all(map(operator.is_, said.options, map(group.get, said.names))):
            return said.method, said.numbers
        spoken = dialects.like(type(self).native, group.get(_OWN, "torch"))
        named = {argument.name: _number(group[argument.name]) for argument in spoken.arguments}
        method, numbers = spoken.method(named), spoken.numbers(named)
        if said is not None and said.method == method:
            method = said.method  # a schedule has changed a number
        names = (_OWN, *named)
        options = tuple(map(group.get, names))
        self._said.pop(id(group), None)
        if not any(map(_changes, options)):
            self._said[id(group)] = _Said(names, options, method, numbers)
        return method, numbers

    def _begin(self, p: torch.Tensor, method: Method) -> None:
        """Make what a parameter's state lacks, its arrays laid out in memory like p."""
        state = self.state[p]
        # torch keeps such numbers as float32 unless the default dtype is float64.
        single = torch.float64 if torch.get_default_dtype() is torch.float64 else torch.float32
        if counts_steps(type(self).native):
            state.setdefault("step", torch.zeros((), dtype=single))
        for name, value in method.initial_state(torch.zeros((), dtype=wide(p.dtype))).items():
            if name in state:
                continue
            if name in method.scalars:
                state[name] = value.to(single if name in method.shared else wide(p.dtype))
            else:
                state[name] = empty_like(p, wide(p.dtype)).fill_(value.item())

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over a state dict of this class or of torch's own of the same name.

        Raises ValueError, by name, for the state of another rule or dialect, of other shapes or of no real dtype. State
        of 16-bit parameters stays as wide as it was saved, or float32, where torch would round it to 16 bits.
        """
        taken: list[Mapping[str, Any]] = []

        def check(_: torch.optim.Optimizer, given: dict[str, Any]) -> None:
            spoken = {number: self._method(group)[0] for number, group in enumerate(self.param_groups)}
            check_state(
                self, type(self).native, given, spoken, dialect_key=_OWN, counted=counts_steps(type(self).native)
            )
            taken.append(given)

        # After the hooks of others that change what is loaded, and before those that see it loaded.
        last = self.register_load_state_dict_pre_hook(check)
        first = self.register_load_state_dict_post_hook(lambda _: self._take(taken[0]), prepend=True)
        try:
            super().load_state_dict(state_dict)
        finally:
            last.remove()
            first.remove()

    def _take(self, state_dict: Mapping[str, Any]) -> None:
        """What torch's own loading leaves to be done: arguments that were not saved, and state in full width."""
        for group, saved in zip(self.param_groups, state_dict["param_groups"], strict=True):
            for argument in type(self).native.arguments:
                group.setdefault(argument.name, argument.default)
            for p, number in zip(group["params"], saved["params"], strict=True):
                for name, value in state_dict["state"].get(number, {}).items():
                    if value is None:  # torch's SGD writes down that it has no velocity
                        del self.state[p][name]
                    narrow = isinstance(value, torch.Tensor) and p.dtype in (torch.float16, torch.bfloat16)
                    if narrow and name != "step":
                        self.state[p][name] = value.to(device=p.device, dtype=torch.float32, copy=True)
        self._forget()

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._forget()


def _same(before: list[Any], now: list[Any]) -> bool:
    return len(before) == len(now) and all(map(operator.is_, before, now))


def counts_steps(native: Dialect) -> bool:
    """Whether torch keeps a step count for each parameter: all but SGD and Muon do."""
    return native.family not in ("sgd", "muon")


def _alike(
    parameters: list[torch.Tensor], gradients: list[torch.Tensor], kinds: set[torch.dtype], values: np.ndarray
) -> list[list[int]]:
    """Places of parameters that one call can move: of one device and dtypes, at one step count."""
    alike = len({p.dtype for p in parameters}) == len(kinds) == 1
    if alike and {p.is_cpu for p in parameters} == {True} and (values == values[0]).all():
        return [list(range(len(parameters)))]
    each = [(p.device, p.dtype, g.dtype) for p, g in zip(parameters, gradients, strict=True)]
    places: dict[tuple, list[int]] = {}
    for place, (kind, row) in enumerate(zip(each, values.tolist(), strict=True)):
        places.setdefault((*kind, *row), []).append(place)
    return list(places.values())


def _serves_sparse(method: Method, numbers: dict[str, float]) -> bool:
    """Whether torch takes sparse gradients here: where an entry without gradient stays, or a velocity carries it."""
    return method.rule.__name__ in ("sgd", "momentum", "nesterov", "adagrad") and "weight_decay" not in numbers


def _changes(option: Any) -> bool:
    """Whether a value may be another one day and still be the same object."""
    return isinstance(option, torch.Tensor | list) or (isinstance(option, tuple) and any(map(_changes, option)))


def _number(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.item()
    if isinstance(value, tuple | list):
        return tuple(_number(one) for one in value)
    return value
