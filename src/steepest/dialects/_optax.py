"""optax, version 0.2.8."""

import math

from .. import rules
from ._dialect import CASE, FALLBACK, LEARNING_RATE, MECHANICS, REQUIRED, WEIGHT_DECAY, Argument, Case, Dialect

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
_AMSGRAD = {**_ADAM, "v_max": "nu_max"}
_FIRST = "The correction of the bias is off by 1e-5 at first, being formed in float32; here every digit is right."
_ZERO = "A gradient of exactly 0 gives NaN in float16, where epsilon is 0; here 0/0 counts as 0."
_CONSTANT = {"momentum_decay": math.inf}  # optax keeps the momentum at b1
_VELOCITY = {"v": "-trace"}
_OUTSIDE = {"rate_at": "outside"}
_RMSPROP = {"v": "nu", "m": "mu", "u": "trace"}


def _decay(default: float) -> Argument:
    return Argument("weight_decay", default, WEIGHT_DECAY)


def _rmsprop_cases() -> tuple[Case, ...]:
    """Spread around 0 or the mean, epsilon inside or outside, with a velocity, with Nesterov's, or with none."""
    return tuple(
        Case(
            rule, _RMSPROP, {**when, **around[0], **at[0], "bias_correction": False}, {**choices, **around[1], **at[1]}
        )
        for rule, when, choices in (
            (rules.rmsprop_momentum, {"momentum": True, "nesterov": True}, {"ahead": "yes"}),
            (rules.rmsprop_momentum, {"momentum": True}, {}),
            (rules.rmsprop, {}, {}),
        )
        for around in (({"centered": True}, {"around": "mean"}), ({}, {}))
        for at in (({"eps_in_sqrt": False}, {"epsilon_at": "outside"}), ({}, {}))
    )


_ADAMW_CASES = (
    Case(rules.nadam, _NADAM, {"nesterov": True}, {}, _CONSTANT, weight_decay="decoupled"),
    Case(rules.adam, _ADAM, weight_decay="decoupled"),
)
_MUON_ARGUMENTS = (
    _RATE, Argument("ns_coeffs", (3.4445, -4.775, 2.0315), CASE), Argument("ns_steps", 5, CASE),
    Argument("beta", 0.95, "momentum"), _EPS, _decay(0.0), Argument("weight_decay_mask", None, MECHANICS),
    Argument("mu_dtype", None, MECHANICS), Argument("nesterov", True, CASE), Argument("adaptive", False, CASE),
    Argument("preconditioning", "frobenius", CASE), Argument("adam_b1", 0.9, FALLBACK),
    Argument("adam_b2", 0.999, FALLBACK), Argument("adam_eps_root", 0.0, FALLBACK),
    Argument("adam_weight_decay", 0.0, FALLBACK), Argument("adam_learning_rate", None, FALLBACK),
    Argument("muon_weight_dimension_numbers", None, CASE), Argument("consistent_rms", None, "rms"),
)  # fmt: skip


def _muon_cases() -> tuple[Case, ...]:
    """With Nesterov's momentum or without, and scaled by columns over rows or, where it is given, by consistent_rms."""
    asked = {
        "ns_coeffs": (3.4445, -4.775, 2.0315), "ns_steps": 5, "adaptive": False, "preconditioning": "frobenius",
        "muon_weight_dimension_numbers": None,
    }  # fmt: skip
    return tuple(
        Case(
            rules.muon,
            {"m": "mu"},
            {**asked, "nesterov": nesterov, "consistent_rms": rms},
            {"gather": "corrected", "ahead": "yes" if nesterov else "no", "scale": scale},
        )
        for nesterov in (True, False)
        for rms, scale in ((None, "columns"), (True, "rms"))
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
        notes=(_ZERO,),
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
        notes=(_ZERO, _FIRST),
    ),
    Dialect(
        "optax", "amsgrad", "amsgrad",
        (
            *_ADAM_ARGUMENTS, Argument("bias_correction_mu", True, CASE), Argument("bias_correction_nu", True, CASE),
        ),
        (
            Case(rules.amsgrad, _AMSGRAD, {"bias_correction_mu": True, "bias_correction_nu": True},
                 {"correction": "before"}),
            Case(rules.amsgrad, _AMSGRAD, {"bias_correction_mu": False, "bias_correction_nu": False}),
        ),
        notes=("The maximum is of corrected mean squares, not of raw ones as in torch and Keras.", _ZERO, _FIRST),
    ),
    Dialect(
        "optax", "adamw", "adamw", (*_ADAM_ARGUMENTS, _decay(1e-4), _MASK, _AHEAD),
        _ADAMW_CASES,
        notes=(_ZERO, _FIRST),
    ),
    Dialect(
        "optax", "adamax", "adamax", (_RATE, Argument("b1", 0.9, "b1"), Argument("b2", 0.999, "b2"), _EPS),
        (Case(rules.adamax, {"m": "mu", "u": "nu"}, {}, {"epsilon_at": "within"}),),
        notes=(_ZERO,),
    ),
    Dialect(
        "optax", "nadam", "nadam", (*_ADAM_ARGUMENTS, Argument("nesterov", True, CASE)),
        (Case(rules.nadam, _NADAM, {"nesterov": True}, {}, _CONSTANT), Case(rules.adam, _ADAM)),
        notes=("The momentum is b1 from the first step on: there is no warm-up.", _ZERO, _FIRST),
    ),
    Dialect(
        "optax", "nadamw", "nadamw",
        (*_ADAM_ARGUMENTS, _decay(1e-4), _MASK, Argument("nesterov", True, CASE)), _ADAMW_CASES,
        notes=(_ZERO, _FIRST),
    ),
    Dialect(
        "optax", "adamaxw", "adamaxw",
        (_RATE, Argument("b1", 0.9, "b1"), Argument("b2", 0.999, "b2"), _EPS, _decay(1e-4), _MASK),
        (Case(rules.adamax, {"m": "mu", "u": "nu"}, {}, {"epsilon_at": "within"}, weight_decay="decoupled"),),
        notes=(_ZERO,),
    ),
    Dialect(
        "optax", "radam", "radam",
        (*_ADAM_ARGUMENTS[:-1], Argument("threshold", 5.0, "threshold"), _AHEAD),
        (Case(rules.radam, _ADAM, {"nesterov": False}),),
        notes=("The root mean square counts from 5 gradients on, the paper's from 4.",
               "With Nesterov's momentum it is not there."),
    ),
    Dialect(
        "optax", "lion", "lion",
        (
            _RATE, Argument("b1", 0.9, "b1"), Argument("b2", 0.99, "b2"), Argument("mu_dtype", None, MECHANICS),
            _decay(1e-3), _MASK,
        ),
        (Case(rules.lion, {"m": "mu"}),),
    ),
    Dialect(
        "optax", "muon", "muon", _MUON_ARGUMENTS, _muon_cases(),
        notes=(
            "It is optax.contrib.muon. Columns count as a layer's outputs.",
            "What is no matrix moves by AdamW, at the same learning rate.",
            "Other coefficients, steps or preconditioning, adaptive=True and dimension numbers are not there.",
            _ZERO,
        ),
        fallback=Dialect(
            "optax", "muon", "adamw",
            (
                _RATE, Argument("adam_b1", 0.9, "b1"), Argument("adam_b2", 0.999, "b2"), _EPS,
                Argument("adam_eps_root", 0.0, "epsilon_root"), Argument("adam_weight_decay", 0.0, WEIGHT_DECAY),
                Argument("adam_learning_rate", None, CASE), Argument("nesterov", True, CASE),
            ),
            tuple(
                Case(c.rule, c.state, {**c.when, "adam_learning_rate": None}, {}, c.fixed, weight_decay="decoupled")
                for c in _ADAMW_CASES
            ),
        ),
    ),
)  # fmt: skip
