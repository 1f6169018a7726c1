"""A method on the arrays of a library that compiles by itself, as JAX does."""

import functools
import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

from ..arrays import Array, Scalar, absolute, maximum, sign, sqrt, where
from ..dialects import Method
from ._trace import Program, Symbol, trace


class Step:
    """One step of a method for many arrays at one step count; what no entry decides is computed once for all of them.

    Written out for each of a thousand arrays, a bias correction takes a compiler longer than all the rest does.
    t: step count, 1 on the first call.  numbers: as for the method.  shared: the state's scalars, by name.
    ``shared`` has their new values afterwards. A rule that wants whole arrays is called as it is, and shares nothing.
    """

    def __init__(self, method: Method, t: Scalar, numbers: Mapping[str, Any], shared: Mapping[str, Scalar]):
        self._whole = None if method.rule.elementwise else functools.partial(method, t=t, numbers=numbers)
        self._fixed: dict[int, Any] = {}
        self.shared: dict[str, Scalar] = {}
        if self._whole is None:
            self._program = _program(method, tuple(numbers))
            given = {"t": t, **numbers, **{f"state {name}": shared[name] for name in self._program.scalars}}
            for symbol in self._program.symbols:
                if not symbol.varies:
                    self._fixed[id(symbol)] = _value(symbol, given, self._fixed)
            self._per = {id(one): 1 / self._fixed[id(one)] for one in _divisors(self._program)}
            self.shared = {name: _known(self._program.state[name], self._fixed) for name in self._program.scalars}

    def __call__(self, parameter: Array, g: Array, state: Mapping[str, Array]) -> tuple[Array, dict[str, Array]]:
        """The step to add to the parameter, and the new state of its own.

        parameter: may be None where neither the rule nor a weight decay wants it.
        """
        if self._whole is not None:
            return self._whole(parameter, g, state)
        program, known = self._program, dict(self._fixed)
        given = {"parameter": parameter, "gradient": g, **{f"state {name}": state[name] for name in program.arrays}}
        for symbol in program.symbols:
            if symbol.varies and symbol.operation == "/" and id(symbol.arguments[1]) in self._per:
                known[id(symbol)] = _known(symbol.arguments[0], known) * self._per[id(symbol.arguments[1])]
            elif symbol.varies:
                known[id(symbol)] = _value(symbol, given, known)
        return _known(program.step, known), {name: _known(program.state[name], known) for name in program.arrays}


@functools.lru_cache(maxsize=256)
def _program(method: Method, numbers: tuple[str, ...]) -> Program:
    return trace(method, numbers)


def _divisors(program: Program) -> list[Symbol]:
    """What is the same for all entries and divides some of them: one division a step, not one an entry."""
    divisors = [s.arguments[1] for s in program.symbols if s.varies and s.operation == "/"]
    return [divisor for divisor in divisors if isinstance(divisor, Symbol) and not divisor.varies]


def _value(symbol: Symbol, given: Mapping[str, Any], known: Mapping[int, Any]) -> Any:
    if symbol.operation == "input":
        return given[symbol.arguments[0]]
    return _OPERATIONS[symbol.operation](*(_known(argument, known) for argument in symbol.arguments))


def _known(value: Any, known: Mapping[int, Any]) -> Any:
    return known[id(value)] if isinstance(value, Symbol) else value


def _log1p(x: Scalar) -> Scalar:
    if hasattr(x, "dtype"):
        return x.__array_namespace__().log1p(x)
    return math.log1p(x) if x > -1 else -math.inf


def _expm1(x: Scalar) -> Scalar:
    return x.__array_namespace__().expm1(x) if hasattr(x, "dtype") else math.expm1(x)


_OPERATIONS: Mapping[str, Callable[..., Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "**": operator.pow,
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne,
    "negative": operator.neg, "abs": absolute, "sqrt": sqrt, "maximum": maximum, "sign": sign, "where": where,
    "log1p": _log1p, "expm1": _expm1,
}  # fmt: skip
