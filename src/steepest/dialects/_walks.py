"""How far the dialects of a rule walk apart: each from the same start down the same small valley, in float64."""

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from .. import rules
from ._find import FRAMEWORKS
from ._method import Method
from ._named import EQUALS, Named, named
from ._own import of

START = (-1.2, 1.0)
MINIMUM = (1.0, 1.0)
# Gradients of 1e-3 at the start and less further on, as a large network has them: epsilon counts there.
SCALE = 1e-4
# Below this a distance is what a thousand roundings come to.
SAME = 1e-12

# Learning rates to begin with that take each rule down the valley in about a thousand steps; where none stands here,
# twenty times the usual one. Momentum's is in units of parameter squared per loss, and the loss is small.
_RATES: Mapping[str, float] = MappingProxyType(
    {
        "momentum": 50.0, "nesterov": 50.0, "adagrad": 0.2, "adadelta": 100.0, "adamax": 0.05, "radam": 0.1,
        "lion": 0.01, "muon": 0.04,
    }
)  # fmt: skip


class Walks(NamedTuple):
    """The paths of a rule's dialects, by framework: places before each step and after the last, shaped (n + 1, 2).

    own: each with its framework's defaults.  same: each with the textbook's, so that what differs is the mathematics.
    calls: how each framework is asked.  learning_rate: the first; it falls along half a cosine.
    """

    rule: rules.Rule
    learning_rate: float
    calls: Mapping[str, Named]
    own: Mapping[str, np.ndarray]
    same: Mapping[str, np.ndarray]


def valley(x: Any, y: Any) -> Any:
    """The loss: Rosenbrock's valley, 5 in place of 100 so that a rule without a scale of its own gets down it too.

    >>> valley(*MINIMUM), valley(0.0, 0.0)
    (0.0, 0.0001)
    """
    return SCALE * ((1 - x) ** 2 + 5 * (y - x**2) ** 2)


def _gradient(at: np.ndarray) -> np.ndarray:
    x, y = at.ravel()
    across = 10 * (y - x**2)
    return SCALE * np.array([-2 * (1 - x) - 2 * x * across, across]).reshape(at.shape)


def walks(rule: rules.Rule, steps: int = 1000) -> Walks:
    """Walk every dialect of a rule down the valley.

    Plain SGD is the same everywhere, so it walks with momentum; and in place of the rule that wants its gradient ahead
    walks ``nesterov``, its equal.

    >>> from steepest.rules import rmsprop
    >>> sorted(walks(rmsprop, steps=1).own)
    ['keras', 'optax', 'textbook', 'torch']
    """
    drawn = rules.momentum if rule is rules.sgd else EQUALS.get(rule, rule)
    calls = {framework: call for framework in FRAMEWORKS if (call := named(framework, drawn))}
    written = of(drawn)
    calls["textbook"] = Named(written, written.cases[0])
    first = _RATES.get(drawn.__name__, 20 * drawn.usual_learning_rate)
    rates = first * 0.5 * (1 + np.cos(np.pi * np.arange(steps) / steps))
    own = {framework: _walk(*_as_it_is(call), rates) for framework, call in calls.items()}
    same = {framework: _walk(*_as_the_textbook(call, drawn), rates) for framework, call in calls.items()}
    return Walks(drawn, first, calls, own, same)


def _as_it_is(call: Named) -> tuple[Method, dict[str, Any]]:
    options = {**call.dialect.defaults, **call.options}
    return call.dialect.method(options), call.dialect.numbers(options)


def _as_the_textbook(call: Named, rule: rules.Rule) -> tuple[Method, dict[str, Any]]:
    method = dataclasses.replace(_as_it_is(call)[0], first=())
    theirs = rules.hyperparameters(rule)
    numbers = {knob: theirs.get(knob, usual) for knob, usual in rules.hyperparameters(method.rule).items()}
    if method.weight_decay != "none" and "weight_decay" in theirs:
        numbers["weight_decay"] = theirs["weight_decay"]
    return method, numbers


def _walk(method: Method, numbers: Mapping[str, Any], rates: np.ndarray) -> np.ndarray:
    at = np.array(START) if method.rule.elementwise else np.array(START).reshape(2, 1)
    state, path = method.initial_state(at), [at.ravel()]
    for t, rate in enumerate(rates, start=1):
        step, state = method(at, _gradient(at), state, t, {**numbers, "learning_rate": float(rate)})
        at = at + step
        path.append(at.ravel())
    return np.stack(path)


def apart(paths: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Each path's distance from the textbook's after each step, in units of the parameter."""
    return {f: np.hypot(*(path - paths["textbook"]).T) for f, path in paths.items() if f != "textbook"}
