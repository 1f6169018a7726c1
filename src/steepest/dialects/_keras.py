"""keras.optimizers, version 3.15."""

from .. import rules
from ._dialect import CASE, FALLBACK, LEARNING_RATE, MECHANICS, WEIGHT_DECAY, Argument, Case, Dialect

# What its base class takes.
BASE = (
    ("clipnorm", None), ("clipvalue", None), ("global_clipnorm", None), ("use_ema", False), ("ema_momentum", 0.99),
    ("ema_overwrite_frequency", None), ("loss_scale_factor", None), ("gradient_accumulation_steps", None),
    ("name", None),
)  # fmt: skip
# What names variables that a rule for matrices leaves to its fall-back.
EXCLUDED = (("exclude_layers", None), ("exclude_embeddings", True))


def _arguments(learning_rate: float, *own: Argument, weight_decay: float | None = None) -> tuple[Argument, ...]:
    """A Keras optimizer's arguments: its own, then what its base class takes; AdamW has the decay before its own."""
    decay = Argument("weight_decay", weight_decay, WEIGHT_DECAY)
    rate = Argument("learning_rate", learning_rate, LEARNING_RATE)
    first = (rate, *own, decay) if weight_decay is None else (rate, decay, *own)
    return (*first, *(Argument(name, default, MECHANICS) for name, default in BASE))


_EPSILON = Argument("epsilon", 1e-7, "epsilon")
_BETAS = (Argument("beta_1", 0.9, "b1"), Argument("beta_2", 0.999, "b2"))
_ADAM = {"m": "momentum", "v": "velocity"}
_AMSGRAD = {**_ADAM, "v_max": "velocity_hat"}
_HAT = {"epsilon_at": "hat"}
_RMSPROP = {"v": "velocity", "m": "average_gradient", "u": "-momentum"}
_ADAM_CASES = (
    Case(rules.amsgrad, _AMSGRAD, {"amsgrad": True}, {**_HAT, "correction": "after"}, weight_decay="decoupled"),
    Case(rules.adam, _ADAM, {}, _HAT, weight_decay="decoupled"),
)
_LOW = "In bfloat16 Keras forms 1 - b2^t in the variable's own precision and never moves; here it moves."
_FIRST = "In float32 the correction of the bias is off by 1e-5 at first; here every digit is right."
_ZERO = "A gradient of exactly 0 gives NaN in float16, where epsilon is 0; here 0/0 counts as 0."
_NOT_HAT = "Keras's documentation takes epsilon for the paper's epsilon hat, which it is in Adam and AdamW alone."
_MUON_ARGUMENTS = (
    Argument("learning_rate", 0.001, LEARNING_RATE), Argument("adam_beta_1", 0.9, FALLBACK),
    Argument("adam_beta_2", 0.999, FALLBACK), Argument("adam_weight_decay", 0.004, FALLBACK),
    Argument("epsilon", 1e-7, FALLBACK), Argument("weight_decay", 0.004, WEIGHT_DECAY),
    *(Argument(name, default, MECHANICS) for name, default in BASE),
    *(Argument(name, default, MECHANICS) for name, default in EXCLUDED),
    Argument("muon_a", 3.4445, CASE), Argument("muon_b", -4.775, CASE), Argument("muon_c", 2.0315, CASE),
    Argument("adam_lr_ratio", 1, FALLBACK), Argument("momentum", 0.95, "momentum"), Argument("ns_steps", 5, CASE),
    Argument("nesterov", True, CASE), Argument("rms_rate", 0.2, "rms"),
)  # fmt: skip


def _muon_cases() -> tuple[Case, ...]:
    """With Nesterov's momentum or without, and scaled by rms_rate or, where that is None, not at all."""
    iteration = {"muon_a": 3.4445, "muon_b": -4.775, "muon_c": 2.0315, "ns_steps": 5}
    return tuple(
        Case(
            rules.muon,
            {"m": "momentum"},
            {**iteration, "nesterov": nesterov, "rms_rate": rate},
            {"gather": "sum", "ahead": "yes" if nesterov else "no", "scale": scale},
        )
        for nesterov in (True, False)
        for rate, scale in ((True, "rms"), (None, "none"))
    )


KERAS = (
    Dialect(
        "keras", "SGD", "sgd",
        _arguments(0.01, Argument("momentum", 0.0, "momentum"), Argument("nesterov", False, CASE)),
        (
            Case(rules.nesterov, {"v": "momentum"}, {"momentum": True, "nesterov": True}, weight_decay="decoupled"),
            Case(rules.momentum, {"v": "momentum"}, {"momentum": True}, weight_decay="decoupled"),
            Case(rules.sgd, {}, weight_decay="decoupled"),
        ),
        notes=("The learning rate stands inside the velocity.",),
    ),
    Dialect(
        "keras", "Adagrad", "adagrad",
        _arguments(0.001, Argument("initial_accumulator_value", 0.1, "first s"), _EPSILON),
        (Case(rules.adagrad, {"s": "accumulator"}, weight_decay="decoupled"),),
    ),
    Dialect(
        "keras", "RMSprop", "rmsprop",
        _arguments(
            0.001, Argument("rho", 0.9, "decay"), Argument("momentum", 0.0, "momentum"), _EPSILON,
            Argument("centered", False, CASE),
        ),
        (
            Case(rules.rmsprop_momentum, _RMSPROP, {"momentum": True, "centered": True}, {"around": "mean"},
                 weight_decay="decoupled"),
            Case(rules.rmsprop_momentum, _RMSPROP, {"momentum": True}, weight_decay="decoupled"),
            Case(rules.rmsprop, _RMSPROP, {"centered": True}, {"around": "mean"}, weight_decay="decoupled"),
            Case(rules.rmsprop, _RMSPROP, weight_decay="decoupled"),
        ),
        notes=(_NOT_HAT,),
    ),
    Dialect(
        "keras", "Adadelta", "adadelta", _arguments(0.001, Argument("rho", 0.95, "decay"), _EPSILON),
        (Case(rules.adadelta, {"v": "accumulated_grad", "u": "accumulated_delta_var"}, weight_decay="decoupled"),),
    ),
    Dialect("keras", "Adam", "adam",
            _arguments(0.001, *_BETAS, _EPSILON, Argument("amsgrad", False, CASE)), _ADAM_CASES,
            notes=(_LOW, "epsilon is the paper's epsilon hat: on the first step 32 times its effect elsewhere.",
                   _FIRST)),
    Dialect("keras", "AdamW", "adamw",
            _arguments(0.001, *_BETAS, _EPSILON, Argument("amsgrad", False, CASE), weight_decay=0.004), _ADAM_CASES,
            notes=(_LOW, _FIRST)),
    Dialect(
        "keras", "Adamax", "adamax", _arguments(0.001, *_BETAS, _EPSILON),
        (Case(rules.adamax, {"m": "momentum", "u": "norm"}, weight_decay="decoupled"),),
        notes=(_ZERO,),
    ),
    Dialect(
        "keras", "Nadam", "nadam", _arguments(0.001, *_BETAS, _EPSILON),
        (
            Case(rules.nadam, {**_ADAM, "mu_product": "u_product"}, {}, {}, {"momentum_decay": 1.0},
                 weight_decay="decoupled"),
        ),
        notes=("Keras 3 lost the 0.004 of the momentum's schedule, whose warm-up ends after about 100 steps.",
               "In bfloat16 Keras divides by 1 - b2^t = 0: NaN on JAX, an error on torch; here it moves.", _NOT_HAT),
    ),
    Dialect(
        "keras", "Lion", "lion",
        _arguments(0.001, Argument("beta_1", 0.9, "b1"), Argument("beta_2", 0.99, "b2")),
        (Case(rules.lion, {"m": "momentum"}),),
    ),
    Dialect(
        "keras", "Muon", "muon", _MUON_ARGUMENTS, _muon_cases(),
        notes=(
            "What is no matrix moves by AdamW; so do embeddings and exclude_layers, which are told by their names.",
            "Keras takes the norm in float32 even of float64; beside it stands 1e-7: the epsilon given is AdamW's.",
            "Other coefficients of the iteration, or another number of its steps, are not there.",
            "On JAX a gradient of exactly 0 gives NaN in float16, where epsilon is 0; here 0/0 counts as 0.",
        ),
        fallback=Dialect(
            "keras", "Muon", "adamw",
            (
                Argument("learning_rate", 0.001, LEARNING_RATE), Argument("adam_beta_1", 0.9, "b1"),
                Argument("adam_beta_2", 0.999, "b2"), _EPSILON, Argument("adam_weight_decay", 0.004, WEIGHT_DECAY),
                Argument("adam_lr_ratio", 1, MECHANICS),
            ),
            (Case(rules.adam, _ADAM, {}, _HAT, weight_decay="decoupled"),),
            notes=(_LOW,),
        ),
    ),
)  # fmt: skip
