"""Every choice of every elementwise rule, with knobs far from the defaults, and who computes the same."""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import optax

from .rule_oracles import BETAS, KERAS_BETAS, gathered, keras_oracle, optax_oracle, scaled, torch_oracle


@dataclass(frozen=True)
class Case:
    """A rule with some choices and knobs, which are far from the defaults, and who computes the same.

    tolerance: relative, where 1e-12 is not what rounding amounts to.
    """

    rule: str
    oracle: Callable
    knobs: Mapping[str, float] = field(default_factory=dict)
    choices: Mapping[str, str] = field(default_factory=dict)
    tolerance: float = 1e-12


_EPSILON, _DECAYS = {"epsilon": 0.3}, {"b1": 0.8, "b2": 0.95}
_ADAM, _MU_NU = {"m": "exp_avg", "v": "exp_avg_sq"}, {"m": "mu", "v": "nu"}
_KERAS_ADAM = {"m": "_momentums", "v": "_velocities"}
_OUT, _MEAN, _HAT = {"epsilon_at": "outside"}, {"around": "mean"}, {"epsilon_at": "hat"}


def _in_adam(knobs):
    """Adam's knobs by optax's names."""
    return {"b1": knobs["b1"], "b2": knobs["b2"], "eps": knobs["epsilon"], "eps_root": knobs.get("epsilon_root", 0.0)}


def _spread(around: str, epsilon_at: str) -> Callable:
    build = optax.scale_by_stddev if around == "mean" else optax.scale_by_rms
    return lambda knobs: build(decay=knobs["decay"], eps=knobs["epsilon"], eps_in_sqrt=epsilon_at == "inside")


def _velocities() -> dict[str, Case]:
    """momentum, nesterov and nesterov_lookahead."""
    knobs = {"momentum": 0.7}
    found = {
        "nesterov_lookahead": Case(
            "nesterov_lookahead", optax_oracle(gathered(rate_at="inside", nesterov=False), {"v": "trace"}), knobs
        )
    }
    for rule, rate_at in itertools.product(("momentum", "nesterov"), ("inside", "outside")):
        fields = {"v": "trace" if rate_at == "inside" else "-trace"}
        oracle = optax_oracle(gathered(rate_at=rate_at, nesterov=rule == "nesterov"), fields)
        found[f"{rule}, rate {rate_at}"] = Case(rule, oracle, knobs, {"rate_at": rate_at})
        native = {"v": "-momentum_buffer"} if rate_at == "outside" else {"v": "momentums"}
        build = torch_oracle if rate_at == "outside" else keras_oracle
        oracle = build("SGD", native, {"momentum": "momentum"}, nesterov=rule == "nesterov")
        found[f"{rule}, rate {rate_at}, native"] = Case(rule, oracle, knobs, {"rate_at": rate_at})
    return found


def _rmsprops() -> dict[str, Case]:
    """rmsprop and rmsprop_momentum in all forms by optax's parts, then as torch and Keras have them."""
    found, decay = {}, {"decay": 0.8} | _EPSILON
    for around, at in itertools.product(("zero", "mean"), ("inside", "outside")):
        fields = {"v": "nu"} | ({"m": "mu"} if around == "mean" else {})
        spread, choices = _spread(around, at), {"around": around, "epsilon_at": at}
        found[f"rmsprop, {around}, {at}"] = Case("rmsprop", optax_oracle(scaled(spread), fields), decay, choices)
        for rate_at, ahead in itertools.product(("inside", "outside"), ("no", "yes")):
            oracle = optax_oracle(
                gathered(spread, rate_at=rate_at, nesterov=ahead == "yes"),
                fields | {"u": "trace" if rate_at == "inside" else "-trace"},
            )
            found[f"rmsprop_momentum, {around}, {at}, rate {rate_at}, ahead {ahead}"] = Case(
                "rmsprop_momentum", oracle, decay | {"momentum": 0.7}, choices | {"rate_at": rate_at, "ahead": ahead}
            )
    names = {"decay": "alpha", "epsilon": "eps", "momentum": "momentum"}
    fields = {"v": "square_avg", "m": "grad_avg", "u": "-momentum_buffer"}
    found["rmsprop_momentum, torch"] = Case(
        "rmsprop_momentum", torch_oracle("RMSprop", fields, names, centered=True),
        decay | {"momentum": 0.7}, {**_OUT, **_MEAN, "rate_at": "outside"},
    )  # fmt: skip
    names = {"decay": "rho", "epsilon": "epsilon", "momentum": "momentum"}
    fields = {"v": "_velocities", "m": "_average_gradients", "u": "-_momentums"}
    found["rmsprop_momentum, keras"] = Case(
        "rmsprop_momentum", keras_oracle("RMSprop", fields, names, centered=True), decay | {"momentum": 0.7}, _MEAN
    )
    return found


def _adams() -> dict[str, Case]:
    """adam, adamw and amsgrad."""
    knobs, rooted = _DECAYS | _EPSILON, _DECAYS | _EPSILON | {"epsilon_root": 0.2}
    largest = {"v_max": "max_exp_avg_sq"}, {"v_max": "_velocity_hats"}, {"v_max": "nu_max"}
    decayed, keras_decayed = BETAS | {"weight_decay": "weight_decay"}, KERAS_BETAS | {"weight_decay": "weight_decay"}
    adamw = optax_oracle(lambda rate, k: optax.adamw(rate, **_in_adam(k), weight_decay=k["weight_decay"]), _MU_NU)

    def amsgrad(*, corrected: bool) -> Callable:
        parts = scaled(
            lambda k: optax.scale_by_amsgrad(**_in_adam(k), bias_correction_mu=corrected, bias_correction_nu=corrected)
        )
        return optax_oracle(parts, _MU_NU | largest[2])

    return {
        "adam, torch": Case("adam", torch_oracle("Adam", _ADAM, BETAS), knobs),
        "adam, keras": Case("adam", keras_oracle("Adam", _KERAS_ADAM, KERAS_BETAS), knobs, _HAT),
        "adam, optax": Case("adam", optax_oracle(scaled(lambda k: optax.scale_by_adam(**_in_adam(k))), _MU_NU), rooted),
        "adamw, torch": Case("adamw", torch_oracle("AdamW", _ADAM, decayed), knobs | {"weight_decay": 0.4}),
        "adamw, keras": Case(
            "adamw", keras_oracle("AdamW", _KERAS_ADAM, keras_decayed), knobs | {"weight_decay": 0.4}, _HAT
        ),
        "adamw, optax": Case("adamw", adamw, rooted | {"weight_decay": 0.4}),
        "amsgrad, none": Case("amsgrad", amsgrad(corrected=False), rooted, {"correction": "none"}),
        "amsgrad, before": Case("amsgrad", amsgrad(corrected=True), rooted, {"correction": "before"}),
        "amsgrad, after, torch": Case(
            "amsgrad", torch_oracle("Adam", _ADAM | largest[0], BETAS, amsgrad=True), knobs, {"correction": "after"}
        ),
        "amsgrad, after, keras": Case(
            "amsgrad", keras_oracle("Adam", _KERAS_ADAM | largest[1], KERAS_BETAS, amsgrad=True),
            knobs, {"correction": "after"} | _HAT,
        ),
    }  # fmt: skip


def _others() -> dict[str, Case]:
    knobs, epsilon = _DECAYS | _EPSILON, {"epsilon": "eps"}
    adagrad = scaled(lambda k: optax.scale_by_rss(initial_accumulator_value=0.0, eps=k["epsilon"]))
    adadelta = {"v": "square_avg", "u": "acc_delta"}, {"v": "_accumulated_grads", "u": "_accumulated_delta_vars"}
    product = {"mu_product": "mu_product"}
    within = {"epsilon_at": "within"}
    decayed = {"b1": "beta_1", "b2": "beta_2", "weight_decay": "weight_decay"}
    radam = {"b1": 0.8, "b2": 0.95, "epsilon": 0.3, "threshold": 5.0}
    return {
        "sgd": Case("sgd", torch_oracle("SGD", {}, {})),
        "adagrad, inside": Case("adagrad", optax_oracle(adagrad, {"s": "sum_of_squares"}), _EPSILON),
        "adagrad, outside": Case("adagrad", torch_oracle("Adagrad", {"s": "sum"}, epsilon), _EPSILON, _OUT),
        "adadelta, torch": Case(
            "adadelta", torch_oracle("Adadelta", adadelta[0], {"decay": "rho"} | epsilon), {"decay": 0.8} | _EPSILON
        ),
        "adadelta, keras": Case(
            "adadelta", keras_oracle("Adadelta", adadelta[1], {"decay": "rho", "epsilon": "epsilon"}),
            {"decay": 0.8} | _EPSILON,
        ),
        "adamax, beside": Case("adamax", keras_oracle("Adamax", {"m": "_m", "u": "_u"}, KERAS_BETAS), knobs),
        "adamax, within, torch": Case(
            "adamax", torch_oracle("Adamax", {"m": "exp_avg", "u": "exp_inf"}, BETAS), knobs, within
        ),
        "adamax, within, optax": Case(
            "adamax",
            optax_oracle(
                scaled(lambda k: optax.scale_by_adamax(k["b1"], k["b2"], k["epsilon"])), {"m": "mu", "u": "nu"}
            ),
            knobs, within,
        ),
        "nadam, torch": Case(
            "nadam", torch_oracle("NAdam", _ADAM | product, BETAS | {"momentum_decay": "momentum_decay"}),
            knobs | {"momentum_decay": 0.5},
        ),
        "nadam, keras": Case(
            "nadam", keras_oracle("Nadam", _KERAS_ADAM | {"mu_product": "_u_product"}, KERAS_BETAS),
            knobs | {"momentum_decay": 1.0},
        ),
        "nadam, optax": Case(
            "nadam", optax_oracle(scaled(lambda k: optax.scale_by_adam(**_in_adam(k), nesterov=True)), _MU_NU),
            knobs | {"momentum_decay": float("inf"), "epsilon_root": 0.2},
        ),
        # torch and optax form rho as the difference of two numbers that are up to 39 times as large.
        "radam, torch": Case("radam", torch_oracle("RAdam", _ADAM, BETAS), radam, _HAT, tolerance=1e-11),
        "radam, optax": Case(
            "radam",
            optax_oracle(
                scaled(lambda k: optax.scale_by_radam(**_in_adam(k), threshold=k["threshold"])), _MU_NU
            ),
            radam | {"epsilon_root": 0.2, "threshold": 7.0}, tolerance=1e-11,
        ),
        "lion, keras": Case(
            "lion", keras_oracle("Lion", {"m": "_momentums"}, decayed), _DECAYS | {"weight_decay": 0.4},
        ),
        "lion, optax": Case(
            "lion", optax_oracle(lambda rate, k: optax.lion(rate, **k), {"m": "mu"}), _DECAYS | {"weight_decay": 0.4}
        ),
    }  # fmt: skip


CASES: Mapping[str, Case] = _velocities() | _rmsprops() | _adams() | _others()
