"""torch.optim, version 2.13."""

from .. import rules
from ._dialect import (
    CASE,
    DAMPENING,
    LEARNING_RATE,
    MAXIMIZE,
    MECHANICS,
    RATE_DECAY,
    WEIGHT_DECAY,
    Argument,
    Case,
    Dialect,
)

_DECAY = Argument("weight_decay", 0.0, WEIGHT_DECAY)
_MAXIMIZE = Argument("maximize", False, MAXIMIZE)
_DECOUPLED = Argument("decoupled_weight_decay", False, CASE)
_BETAS = Argument("betas", (0.9, 0.999), ("b1", "b2"))
_EPS = Argument("eps", 1e-8, "epsilon")


def _mechanics(*names: str) -> tuple[Argument, ...]:
    defaults = {"foreach": None, "fused": None, "capturable": False, "differentiable": False}
    return tuple(Argument(name, defaults[name], MECHANICS) for name in names)


_ADAM = {"m": "exp_avg", "v": "exp_avg_sq"}
_AMSGRAD = {**_ADAM, "v_max": "max_exp_avg_sq"}
_RMSPROP = {"v": "square_avg", "m": "grad_avg", "u": "-momentum_buffer"}
_OUTSIDE = {"rate_at": "outside"}
_OUT = {"epsilon_at": "outside"}
_AFTER = {"correction": "after"}
_ZERO = "A gradient of exactly 0 gives NaN in float16, where epsilon is 0; here 0/0 counts as 0."


def _with_decoupled(*cases: Case) -> list[Case]:
    """Each case twice: with weight decay decoupled where that is asked for, coupled otherwise."""
    return [
        Case(c.rule, c.state, {**c.when, **when}, c.choices, c.fixed, c.first, decay)
        for when, decay in (({"decoupled_weight_decay": True}, "decoupled"), ({}, "coupled"))
        for c in cases
    ]


def _muon_cases() -> tuple[Case, ...]:
    """With Nesterov's momentum or without, and with each of the two scales; the first is also the one by default."""
    iteration = {"ns_coefficients": (3.4445, -4.775, 2.0315), "ns_steps": 5}
    choices = {"epsilon_at": "least"}
    return tuple(
        Case(
            rules.muon,
            {"m": "momentum_buffer"},
            {**iteration, "nesterov": nesterov, "adjust_lr_fn": adjust},
            {**choices, "ahead": "yes" if nesterov else "no", "scale": scale},
        )
        for nesterov in (True, False)
        for adjust, scale in ((None, "rows"), ("original", "rows"), ("match_rms_adamw", "rms"))
    )


TORCH = (
    Dialect(
        "torch", "SGD", "sgd",
        (
            Argument("lr", 1e-3, LEARNING_RATE), Argument("momentum", 0.0, "momentum"),
            Argument("dampening", 0.0, DAMPENING), _DECAY, Argument("nesterov", False, CASE), _MAXIMIZE,
            *_mechanics("foreach", "differentiable", "fused"),
        ),
        (
            Case(rules.nesterov, {"v": "-momentum_buffer"}, {"momentum": True, "nesterov": True}, _OUTSIDE,
                 weight_decay="coupled"),
            Case(rules.momentum, {"v": "-momentum_buffer"}, {"momentum": True}, _OUTSIDE, weight_decay="coupled"),
            Case(rules.sgd, {}, weight_decay="coupled"),
        ),
        "each parameter",
        ("The learning rate stands outside the velocity.", "The first gradient is never dampened."),
    ),
    Dialect(
        "torch", "Adagrad", "adagrad",
        (
            Argument("lr", 1e-2, LEARNING_RATE), Argument("lr_decay", 0.0, RATE_DECAY), _DECAY,
            Argument("initial_accumulator_value", 0.0, "first s"), Argument("eps", 1e-10, "epsilon"),
            *_mechanics("foreach"), _MAXIMIZE, *_mechanics("differentiable", "fused"),
        ),
        (Case(rules.adagrad, {"s": "sum"}, {}, _OUT, weight_decay="coupled"),),
        "each parameter",
        (_ZERO,),
    ),
    Dialect(
        "torch", "RMSprop", "rmsprop",
        (
            Argument("lr", 1e-2, LEARNING_RATE), Argument("alpha", 0.99, "decay"), _EPS, _DECAY,
            Argument("momentum", 0.0, "momentum"), Argument("centered", False, CASE),
            *_mechanics("capturable", "foreach"), _MAXIMIZE, *_mechanics("differentiable"),
        ),
        tuple(
            Case(rule, _RMSPROP, {**when, **spread[0]}, {**_OUT, **spread[1], **choices}, weight_decay="coupled")
            for rule, when, choices in (
                (rules.rmsprop_momentum, {"momentum": True}, _OUTSIDE), (rules.rmsprop, {}, {})
            )
            for spread in (({"centered": True}, {"around": "mean"}), ({}, {}))
        ),
        "each parameter",
        ("A centred variance that rounding makes negative gives NaN in torch; here it counts as 0.", _ZERO),
    ),
    Dialect(
        "torch", "Adadelta", "adadelta",
        (
            Argument("lr", 1.0, LEARNING_RATE), Argument("rho", 0.9, "decay"), Argument("eps", 1e-6, "epsilon"), _DECAY,
            *_mechanics("foreach", "capturable"), _MAXIMIZE, *_mechanics("differentiable"),
        ),
        (Case(rules.adadelta, {"v": "square_avg", "u": "acc_delta"}, weight_decay="coupled"),),
        "each parameter",
    ),
    Dialect(
        "torch", "Adam", "adam",
        (
            Argument("lr", 1e-3, LEARNING_RATE), _BETAS, _EPS, _DECAY, Argument("amsgrad", False, CASE),
            *_mechanics("foreach"), _MAXIMIZE, *_mechanics("capturable", "differentiable", "fused"), _DECOUPLED,
        ),
        _with_decoupled(Case(rules.amsgrad, _AMSGRAD, {"amsgrad": True}, _AFTER), Case(rules.adam, _ADAM)),
        "each parameter",
        (_ZERO,),
    ),
    Dialect(
        "torch", "AdamW", "adamw",
        (
            Argument("lr", 1e-3, LEARNING_RATE), _BETAS, _EPS, Argument("weight_decay", 1e-2, WEIGHT_DECAY),
            Argument("amsgrad", False, CASE), _MAXIMIZE,
            *_mechanics("foreach", "capturable", "differentiable", "fused"),
        ),
        (
            Case(rules.amsgrad, _AMSGRAD, {"amsgrad": True}, _AFTER, weight_decay="decoupled"),
            Case(rules.adam, _ADAM, weight_decay="decoupled"),
        ),
        "each parameter",
        (_ZERO,),
    ),
    Dialect(
        "torch", "Adamax", "adamax",
        (
            Argument("lr", 2e-3, LEARNING_RATE), _BETAS, _EPS, _DECAY, *_mechanics("foreach"), _MAXIMIZE,
            *_mechanics("differentiable", "capturable"),
        ),
        (Case(rules.adamax, {"m": "exp_avg", "u": "exp_inf"}, {}, {"epsilon_at": "within"}, weight_decay="coupled"),),
        "each parameter",
        (_ZERO,),
    ),
    Dialect(
        "torch", "NAdam", "nadam",
        (
            Argument("lr", 2e-3, LEARNING_RATE), _BETAS, _EPS, _DECAY,
            Argument("momentum_decay", 4e-3, "momentum_decay"), _DECOUPLED,
            *_mechanics("foreach"), _MAXIMIZE, *_mechanics("capturable", "differentiable"),
        ),
        _with_decoupled(Case(rules.nadam, {**_ADAM, "mu_product": "mu_product"})),
        "each parameter",
        (
            "The product of momenta is float32, as in torch, unless torch's default dtype is float64: only then do "
            "float64 parameters agree with others to more than seven digits.",
            _ZERO,
        ),
    ),
    Dialect(
        "torch", "RAdam", "radam",
        (
            Argument("lr", 1e-3, LEARNING_RATE), _BETAS, _EPS, _DECAY, _DECOUPLED, *_mechanics("foreach"), _MAXIMIZE,
            *_mechanics("capturable", "differentiable"),
        ),
        _with_decoupled(Case(rules.radam, _ADAM, {}, {"epsilon_at": "hat"}, {"threshold": 5.0})),
        "each parameter",
        ("The root mean square counts from 5 gradients on, the paper's from 4; epsilon is Adam's epsilon hat.",),
    ),
    Dialect(
        "torch", "Muon", "muon",
        (
            Argument("lr", 1e-3, LEARNING_RATE), Argument("weight_decay", 0.1, WEIGHT_DECAY),
            Argument("momentum", 0.95, "momentum"), Argument("nesterov", True, CASE),
            Argument("ns_coefficients", (3.4445, -4.775, 2.0315), CASE), Argument("eps", 1e-7, "epsilon"),
            Argument("ns_steps", 5, CASE), Argument("adjust_lr_fn", None, CASE),
        ),
        _muon_cases(),
        "each parameter",
        (
            "torch iterates in bfloat16, here in the parameter's own precision.",
            "Other coefficients of the iteration, or another number of its steps, are not there.",
        ),
    ),
)  # fmt: skip
