"""What Keras's base class does around a step, with Keras's own optimizers and the drop-ins; prints what was found.

``python keras_features.py jax`` in a process of its own.
"""

import json
import tempfile
from pathlib import Path

import numpy as np

from keras_process import BACKEND, array, difference, drop_ins, keras

SCHEDULES = keras.optimizers.schedules
# name: (optimizer, options, names of variables without weight decay). Decays and averages are exact in float32.
FEATURES = {
    "exponential schedule": ("Adam", {"learning_rate": SCHEDULES.ExponentialDecay(0.02, 10, 0.7)}, ()),
    "pieces": ("SGD", {"learning_rate": SCHEDULES.PiecewiseConstantDecay([15, 30], [0.5, 0.25, 0.125])}, ()),
    "cosine with warm-up": (
        "Nadam", {"learning_rate": SCHEDULES.CosineDecay(0.01, 30, warmup_target=0.05, warmup_steps=10)}, ()
    ),
    "callable rate": ("RMSprop", {"learning_rate": lambda: 0.25}, ()),
    "clipnorm": ("Adam", {"clipnorm": 0.5}, ()),
    "global_clipnorm": ("SGD", {"global_clipnorm": 0.5, "momentum": 0.9}, ()),
    "clipvalue": ("Adagrad", {"clipvalue": 0.25}, ()),
    "average": ("Adam", {"use_ema": True, "ema_momentum": 0.75}, ()),
    "average written back": ("Adam", {"use_ema": True, "ema_momentum": 0.75, "ema_overwrite_frequency": 7}, ()),
    "accumulation": ("Adam", {"gradient_accumulation_steps": 3}, ()),
    "accumulation and more": (
        "AdamW",
        {"gradient_accumulation_steps": 2, "use_ema": True, "ema_momentum": 0.75, "ema_overwrite_frequency": 5,
         "clipvalue": 0.5, "weight_decay": 0.125, "learning_rate": SCHEDULES.InverseTimeDecay(0.02, 10, 0.5)},
        ("b",),
    ),
    "loss scale": ("Adadelta", {"loss_scale_factor": 8.0, "learning_rate": 1.0}, ()),
    "no decay of some": ("AdamW", {"weight_decay": 0.125}, ("b",)),
    "no decay of any": ("Lion", {"weight_decay": 0.125}, ("b", "w")),
    "Muon with all of it": (
        "Muon",
        {"weight_decay": 0.125, "adam_weight_decay": 0.25, "global_clipnorm": 1.0, "use_ema": True,
         "ema_momentum": 0.75, "gradient_accumulation_steps": 2, "adam_beta_1": 0.75, "adam_beta_2": 0.9375,
         "momentum": 0.75},
        ("b",),
    ),
}  # fmt: skip


def gradients(steps=60):
    random = np.random.default_rng(7)
    return [[random.normal(size=(4, 3)), random.normal(size=5)] for _ in range(steps)]


def variables(dtype="float64"):
    random = np.random.default_rng(3)
    return [
        keras.Variable(random.normal(size=shape), dtype=dtype, name=name) for name, shape in (("w", (4, 3)), ("b", 5))
    ]


def tensors(row, dtype="float64"):
    return [keras.ops.convert_to_tensor(one, dtype) for one in row]


def made(library, feature):
    name, options, undecayed = FEATURES[feature]
    optimizer = getattr(library, name)(**{"learning_rate": 0.05} | options)
    if undecayed:
        optimizer.exclude_from_weight_decay(var_names=list(undecayed))
    return optimizer


def apply_all(optimizer, moving, rows):
    """Every step, as a loop on each backend has it: compiled without state on JAX, in place on torch."""
    optimizer.build(moving)
    if BACKEND == "torch":
        for row in rows:
            optimizer.apply_gradients(zip(tensors(row), moving, strict=True))
        return
    import jax

    apply = jax.jit(optimizer.stateless_apply)
    state, now = [v.value for v in optimizer.variables], [v.value for v in moving]
    for row in rows:
        now, state = apply(state, tensors(row), now)
    for variable, value in zip((*moving, *optimizer.variables), (*now, *state), strict=True):
        variable.assign(value)


def moved(library, feature):
    """All variables, the optimizer's too, after 60 calls; the last value of an average is then written back."""
    optimizer, moving = made(library, feature), variables()
    apply_all(optimizer, moving, gradients())
    optimizer.finalize_variable_values(moving)
    return [*moving, *optimizer.variables]


def features():
    found = {}
    for feature in FEATURES:
        try:
            theirs = moved(keras.optimizers, feature)
        except RuntimeError as error:  # torch's lists must not be empty
            found[feature] = f"Keras: {error}"
            moved(drop_ins, feature)
            continue
        found[feature] = difference(moved(drop_ins, feature), theirs)
    return found


def scaled(library):
    """Under a dynamic loss scale, with one gradient that is not finite: the variables and the scale."""
    optimizer = keras.optimizers.LossScaleOptimizer(library.Adam(0.05), initial_scale=16.0, dynamic_growth_steps=10)
    moving = variables()
    sent = [[np.inf * one if step == 25 else one for one in row] for step, row in enumerate(gradients())]
    apply_all(optimizer, moving, sent)
    return [*moving, *optimizer.variables]


def stateless(library):
    """Whether ``stateless_apply`` leaves alone what it is handed, and how far it moves."""
    optimizer, started = library.Adam(0.05), variables()
    optimizer.build(started)
    handed = [v.value for v in started], [v.value for v in optimizer.variables]
    before = [array(one).copy() for part in handed for one in part]
    moving, _ = optimizer.stateless_apply(handed[1], tensors(gradients(1)[0]), handed[0])
    kept = all(np.array_equal(array(one), was) for one, was in zip([*handed[0], *handed[1]], before, strict=True))
    return {"moved": [array(one).tolist() for one in moving], "kept": kept}


def looped(library):
    """A training loop of one's own: torch's backward pass, or JAX's gradient of the stateless model."""
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, "tanh"), keras.layers.Dense(1)])
    optimizer, x = library.Nadam(0.01), np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
    optimizer.build(model.trainable_variables)
    losses = []
    for _ in range(20):
        if BACKEND == "torch":
            model.zero_grad()
            loss = keras.ops.mean((model(x) - keras.ops.convert_to_tensor(x[:, :1])) ** 2)
            loss.backward()
            optimizer.apply([v.value.grad for v in model.trainable_variables], model.trainable_variables)
        else:
            import jax

            def told(weights):
                predicted, _ = model.stateless_call(weights, [], x)
                return keras.ops.mean((predicted - x[:, :1]) ** 2)

            loss, g = jax.value_and_grad(told)([v.value for v in model.trainable_variables])
            optimizer.apply(g, model.trainable_variables)
        losses.append(float(array(loss)))
    return losses


def other_than(library):
    return keras.optimizers if library is drop_ins else drop_ins


def fitted(library, policy, name, options):
    """Losses of a fit, saved in the middle, of a model with an embedding, in a dtype policy."""
    keras.utils.set_random_seed(0)
    keras.config.set_dtype_policy(policy)
    try:
        layers = [keras.layers.Embedding(10, 6), keras.layers.Flatten(), keras.layers.Dense(8, "tanh")]
        model = keras.Sequential([keras.Input((3,), dtype="int32"), *layers, keras.layers.Dense(1, name="out")])
        schedule = SCHEDULES.PolynomialDecay(0.02, 30)
        model.compile(getattr(library, name)(schedule, **options), "mse")
        x = np.random.default_rng(0).integers(10, size=(64, 3)).astype("int32")
        y = x.mean(1, keepdims=True).astype("float32") / 10
        losses = model.fit(x, y, epochs=4, shuffle=False, verbose=0).history["loss"]
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.keras"
            model.save(path)
            again = keras.models.load_model(path)
            inner = getattr(again.optimizer, "inner_optimizer", again.optimizer)
            assert type(inner) is getattr(library, name) or library is keras.optimizers
            assert again.optimizer.get_config() == model.optimizer.get_config()
            assert difference(again.optimizer.variables, model.optimizer.variables) == 0
            model.compile(getattr(other_than(library), name)(schedule, **options), "mse")
            model.optimizer.build(model.trainable_variables)
            model.load_weights(path)  # the other library's optimizer goes on from the same file
            assert difference(model.optimizer.variables, again.optimizer.variables) == 0
        return losses + again.fit(x, y, epochs=4, shuffle=False, verbose=0).history["loss"]
    finally:
        keras.config.set_dtype_policy("float32")


def narrow_extras():
    """bfloat16 variables: an average of 0.999 and a small weight decay, over 100 steps."""
    ends = {}
    for label, library in (("keras", keras.optimizers), ("steepest", drop_ins)):
        one = keras.Variable(np.ones(3), dtype="bfloat16")
        optimizer = library.SGD(0.0078125, weight_decay=0.0, use_ema=True, ema_momentum=0.999)
        optimizer.build([one])
        for _ in range(100):
            optimizer.apply([keras.ops.ones(3, dtype="bfloat16")], [one])
        average = next(v for v in optimizer.variables if v.name.endswith("average"))
        ends[label] = [float(array(one.value)[0]), float(array(average.value)[0])]
    return ends


FITS = [
    ("float32", "Adam", {"clipnorm": 1.0}),
    ("mixed_bfloat16", "Adam", {"clipnorm": 1.0}),
    ("mixed_float16", "Adam", {"clipnorm": 1.0}),  # Keras puts a LossScaleOptimizer around it
    ("float32", "Muon", {"exclude_layers": ["out"], "weight_decay": 0.125}),
    ("float32", "RMSprop", {"momentum": 0.9, "centered": True, "epsilon": 0.25}),
]

print(
    json.dumps(
        {
            "features": features(),
            "scaled": difference(scaled(drop_ins), scaled(keras.optimizers)),
            "stateless": [stateless(drop_ins), stateless(keras.optimizers)],
            "looped": [looped(drop_ins), looped(keras.optimizers)],
            "fits": {
                f"{name} {policy}": [fitted(library, policy, name, options) for library in (drop_ins, keras.optimizers)]
                for policy, name, options in FITS
            },
            "narrow": narrow_extras(),
        }
    )
)
