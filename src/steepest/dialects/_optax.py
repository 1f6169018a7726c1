"""optax, version 0.2.8."""

import math

from .. import rules
from ._dialect import CASE, LEARNING_RATE, MECHANICS, REQUIRED, WEIGHT_DECAY, Argument, Case, Dialect

_RATE = Argument("learning_rate", REQUIRED, LEARNING_RATE)
_EPS = Argument("eps", 1e-8, "epsilon")
_ADAM_ARGUMENTS = (
    _RATE, Argument("b1", 0.9, "b1"), Argument("b2", 0.999, "b2"), _EPS, Argument("eps_root", 0.0, "epsilon_root"),
    Argument("mu_dtype", None, MECHANICS),
)  # fmt: skip
_MASK = Argument("mask", None, MECHANICS)
_AHEAD = Argument("nesterov", False, CASE)
_ADAM = {"m": "mu", "v": "nu"}
_NADAM = {**_ADAM, "mu_product": "mu_product"}
_CONSTANT = {"momentum_decay": math.inf}  # optax keeps the momentum at b1
_VELOCITY = {"v": "-trace"}
_OUTSIDE = {"rate_at": "outside"}
_RMSPROP = {"v": "nu", "m": "mu", "u": "trace"}


def _decay(default: float) -> Argument:
    return Argument("weight_decay", default, WEIGHT_DECAY)


def _rmsprop_cases() -> tuple[Case, ...]:
    """Spread around 0 or the mean, epsilon inside or outside, with a velocity, with Nesterov's, or with none."""
    return tuple(
        Case(rule, _RMSPROP, {**when, **around[0], **at[0]}, {**choices, **around[1], **at[1]})
        for rule, when, choices in (
            (rules.rmsprop_momentum, {"momentum": True, "nesterov": True}, {"ahead": "yes"}),
            (rules.rmsprop_momentum, {"momentum": True}, {}),
            (rules.rmsprop, {}, {}),
        )
        for around in (({"centered": True}, {"around": "mean"}), ({}, {}))
        for at in (({"eps_in_sqrt": False}, {"epsilon_at": "outside"}), ({}, {}))
    )


OPTAX = (
    Dialect(
        "optax", "sgd", "sgd",
        (_RATE, Argument("momentum", None, "momentum"), _AHEAD, Argument("accumulator_dtype", None, MECHANICS)),
        (
            Case(rules.nesterov, _VELOCITY, {"momentum": True, "nesterov": True}, _OUTSIDE),
            Case(rules.momentum, _VELOCITY, {"momentum": True}, _OUTSIDE),
            Case(rules.sgd, {}),
        ),
    ),
    Dialect(
        "optax", "adagrad", "adagrad",
        (_RATE, Argument("initial_accumulator_value", 0.1, "first s"), Argument("eps", 1e-7, "epsilon")),
        (Case(rules.adagrad, {"s": "sum_of_squares"}),),
    ),
    Dialect(
        "optax", "rmsprop", "rmsprop",
        (
            _RATE, Argument("decay", 0.9, "decay"), _EPS, Argument("initial_scale", 0.0, "first v"),
            Argument("eps_in_sqrt", True, CASE), Argument("centered", False, CASE),
            Argument("momentum", None, "momentum"), _AHEAD, Argument("bias_correction", False, CASE),
        ),
        _rmsprop_cases(),
    ),
    Dialect(
        "optax", "adadelta", "adadelta",
        (
            Argument("learning_rate", None, LEARNING_RATE), Argument("rho", 0.9, "decay"),
            Argument("eps", 1e-6, "epsilon"),
            _decay(0.0), Argument("weight_decay_mask", None, MECHANICS),
        ),
        (Case(rules.adadelta, {"v": "e_g", "u": "e_x"}, weight_decay="coupled"),),
        notes=("Without a learning rate optax climbs; here no rate means 1, the paper's, and descends.",),
    ),
    Dialect(
        "optax", "adam", "adam", (*_ADAM_ARGUMENTS, _AHEAD),
        (Case(rules.nadam, _NADAM, {"nesterov": True}, {}, _CONSTANT), Case(rules.adam, _ADAM)),
    ),
    Dialect(
        "optax", "amsgrad", "amsgrad", _ADAM_ARGUMENTS,
        (Case(rules.amsgrad, {**_ADAM, "v_max": "nu_max"}, {}, {"correction": "before"}),),
        notes=("The maximum is of corrected mean squares, not of raw ones as in torch and Keras.",),
    ),
    Dialect(
        "optax", "adamw", "adamw", (*_ADAM_ARGUMENTS, _decay(1e-4), _MASK, _AHEAD),
        (
            Case(rules.nadam, _NADAM, {"nesterov": True}, {}, _CONSTANT, weight_decay="decoupled"),
            Case(rules.adam, _ADAM, weight_decay="decoupled"),
        ),
    ),
    Dialect(
        "optax", "adamax", "adamax", (_RATE, Argument("b1", 0.9, "b1"), Argument("b2", 0.999, "b2"), _EPS),
        (Case(rules.adamax, {"m": "mu", "u": "nu"}, {}, {"epsilon_at": "within"}),),
    ),
    Dialect(
        "optax", "nadam", "nadam", (*_ADAM_ARGUMENTS, Argument("nesterov", True, CASE)),
        (Case(rules.nadam, _NADAM, {"nesterov": True}, {}, _CONSTANT), Case(rules.adam, _ADAM)),
        notes=("The momentum is b1 from the first step on: there is no warm-up.",),
    ),
)  # fmt: skip
