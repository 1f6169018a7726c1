"""Tensors that no CPU kernel reaches, on a GPU for example: the rule on whole lists, an operation at a time."""

from collections.abc import Callable
from typing import Any

import torch

from ..dialects import Method
from ._memory import Alike, wide


class TensorList:
    """Tensors as one array of the array API, as far as rules need it."""

    def __init__(self, tensors: list[torch.Tensor]):
        self.tensors = tensors
        self.dtype = tensors[0].dtype

    def __array_namespace__(self, api_version: str | None = None) -> "_Namespace":
        return _NAMESPACE

    def __add__(self, other: Any) -> "TensorList":
        return _apply(torch._foreach_add, self, other)

    __radd__ = __add__

    def __mul__(self, other: Any) -> "TensorList":
        return _apply(torch._foreach_mul, self, other)

    __rmul__ = __mul__

    def __sub__(self, other: Any) -> "TensorList":
        return _apply(torch._foreach_sub, self, other)

    def __rsub__(self, other: Any) -> "TensorList":
        return -self + other

    def __truediv__(self, other: Any) -> "TensorList":
        return _apply(torch._foreach_div, self, other)

    def __rtruediv__(self, other: Any) -> "TensorList":
        return TensorList(list(torch._foreach_reciprocal(self.tensors))) * other

    def __pow__(self, other: Any) -> "TensorList":
        return _apply(torch._foreach_pow, self, other)

    def __neg__(self) -> "TensorList":
        return TensorList(list(torch._foreach_neg(self.tensors)))

    def __abs__(self) -> "TensorList":
        return TensorList(list(torch._foreach_abs(self.tensors)))

    def _compared(self, name: str, other: Any) -> "TensorList":
        others = other.tensors if isinstance(other, TensorList) else [other] * len(self.tensors)
        return TensorList([getattr(torch, name)(x, y) for x, y in zip(self.tensors, others, strict=True)])

    def __eq__(self, other: object) -> Any:
        return self._compared("eq", other)

    def __ne__(self, other: object) -> Any:
        return self._compared("ne", other)

    def __lt__(self, other: Any) -> "TensorList":
        return self._compared("lt", other)

    def __le__(self, other: Any) -> "TensorList":
        return self._compared("le", other)

    def __gt__(self, other: Any) -> "TensorList":
        return self._compared("gt", other)

    def __ge__(self, other: Any) -> "TensorList":
        return self._compared("ge", other)

    __hash__ = object.__hash__


def _apply(function: Callable[..., Any], x: TensorList, other: Any) -> TensorList:
    return TensorList(list(function(x.tensors, other.tensors if isinstance(other, TensorList) else other)))


class _Namespace:
    """The array functions that rules have, by their names in the array API."""

    __name__ = "tensor lists"

    def sqrt(self, x: TensorList) -> TensorList:
        """Square root."""
        return TensorList(list(torch._foreach_sqrt(x.tensors)))

    def abs(self, x: TensorList) -> TensorList:
        """Absolute value."""
        return abs(x)

    def maximum(self, x: TensorList, y: TensorList) -> TensorList:
        """Larger of two; NaN where either is."""
        return TensorList([torch.maximum(one, two) for one, two in zip(x.tensors, y.tensors, strict=True)])

    def sign(self, x: TensorList) -> TensorList:
        """-1, 0 or 1; NaN where x is."""
        return TensorList([torch.where(torch.isnan(one), one, torch.sign(one)) for one in x.tensors])

    def where(self, condition: Any, x: Any, y: Any) -> Any:
        """x where the condition holds, else y."""
        if not isinstance(condition, TensorList):
            return x if condition else y
        lists = [one.tensors if isinstance(one, TensorList) else [one] * len(condition.tensors) for one in (x, y)]
        return TensorList([torch.where(c, one, two) for c, one, two in zip(condition.tensors, *lists, strict=True)])


_NAMESPACE = _Namespace()


def move_lists(
    method: Method, numbers: dict[str, float], alike: Alike, values: tuple[float, ...], key: int | None
) -> tuple[float, ...]:
    """``Memory.move`` for tensors of any device: the same arguments, the same result."""
    if key is not None:
        raise ValueError(
            "stochastic_rounding rounds on the CPU only. Leave it out, or keep these parameters in float32."
        )
    t, *scalars = values
    kind = wide(alike.parameters[0].dtype)
    arrays = [name for name in method.fields.values() if name not in method.scalars]
    lists = {name: [state[name] for state in alike.states] for name in arrays}
    state: dict[str, Any] = {name: TensorList([one.to(kind) for one in column]) for name, column in lists.items()}
    state |= zip((name for name in method.fields.values() if name in method.scalars), scalars, strict=True)
    parameters = [p.to(kind) for p in alike.parameters]
    step, new = method(
        TensorList(parameters), TensorList([g.to(kind) for g in alike.gradients]), state, float(t), numbers
    )
    for p, moved in zip(alike.parameters, (TensorList(parameters) + step).tensors, strict=True):
        p.copy_(moved)
    for name in arrays:
        torch._foreach_copy_(lists[name], new[name].tensors)
    return tuple(float(new[name]) for name in method.fields.values() if name in method.scalars)


def move_each(
    method: Method, numbers: dict[str, float], alike: Alike, values: tuple[float, ...], key: int | None
) -> tuple[float, ...]:
    """``Memory.move`` for rules that want whole arrays, such as Muon: tensor by tensor, with torch's own operations."""
    if key is not None:
        raise ValueError(f"stochastic_rounding is not for {method.rule.__name__}. Leave it out.")
    kind = wide(alike.parameters[0].dtype)
    for p, g, state in zip(alike.parameters, alike.gradients, alike.states, strict=True):
        step, new = method(p.to(kind), g.to(kind), state, values[0], numbers)
        p.copy_(p.to(kind) + step)
        for name in method.fields.values():
            state[name].copy_(torch.as_tensor(new[name]))
    return ()
