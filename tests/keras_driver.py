"""Train Keras's own optimizers and the drop-ins side by side on one backend; prints what was found as JSON.

A process has one backend, chosen before Keras is imported: ``python keras_driver.py jax``.
"""

import contextlib
import functools
import json
import tempfile
from pathlib import Path

import numpy as np

from keras_process import BACKEND, array, difference, drop_ins, keras

EPS = {"epsilon": 0.3}
# Weight decays that float32, in which Keras keeps them, holds exactly.
CASES = [
    ("SGD", {}),
    ("SGD", {"momentum": 0.9, "weight_decay": 0.125}),
    ("SGD", {"momentum": 0.9, "nesterov": True}),
    ("Adagrad", {**EPS, "initial_accumulator_value": 0.25}),
    ("RMSprop", {**EPS, "rho": 0.8}),
    ("RMSprop", {**EPS, "centered": True}),
    ("RMSprop", {**EPS, "momentum": 0.9}),
    ("RMSprop", {**EPS, "centered": True, "momentum": 0.9, "weight_decay": 0.125}),
    ("Adadelta", {**EPS, "rho": 0.8}),
    ("Adam", {**EPS, "beta_1": 0.8, "beta_2": 0.95}),
    ("Adam", {**EPS, "amsgrad": True, "clipnorm": 1.0}),
    ("AdamW", {**EPS, "weight_decay": 0.125}),
    ("Adamax", EPS),
    ("Nadam", EPS),
    ("Lion", {"weight_decay": 0.125}),
]
# Numbers that float32, in which Keras on torch has this optimizer's, holds exactly.
EXACT = {"adam_beta_1": 0.75, "adam_beta_2": 0.9375, "epsilon": 0.25}
MUONS = [
    {"momentum": 0.75, "weight_decay": 0.125, "adam_weight_decay": 0.25, "adam_lr_ratio": 0.5, **EXACT},
    {"momentum": 0.75, "nesterov": False, "rms_rate": None, "weight_decay": None, **EXACT},
    {"exclude_layers": ["^w$"], "momentum": 0.75, **EXACT},
]


def gradients(steps):
    random, sizes = np.random.default_rng(7), np.array([1e-3, 0.1, 1.0])
    for step in range(steps):
        yield step, random.normal(size=(4, 3)) * sizes, random.normal(size=5) * (step % 50 > 20)


def trained(make, options, *, steps=1000, dtype="float64", late=300):
    """The variables and the optimizer; the second variable has no gradient before step *late*."""
    random = np.random.default_rng(3)
    shapes = {"w": (4, 3), "b": (5,)}
    variables = [keras.Variable(random.normal(size=shape), dtype=dtype, name=name) for name, shape in shapes.items()]
    optimizer = make(learning_rate=0.01, **options)
    optimizer.build(variables)
    rows = [
        (np.float32(0.01 * (1.2 + np.sin(step / 9))), [keras.ops.convert_to_tensor(one, dtype) for one in g])
        for step, *g in gradients(steps)
    ]
    if BACKEND == "jax" and steps > 100:
        compiled(optimizer, variables, rows, late)
        return variables, optimizer
    for step, (rate, g) in enumerate(rows):
        optimizer.learning_rate = float(rate)
        alive = 1 if step < late else 2
        optimizer.apply(g[:alive], variables[:alive])
    return variables, optimizer


def compiled(optimizer, variables, rows, late):
    """Every step by ``stateless_apply`` under jit, as Keras itself trains on JAX: many steps are soon taken."""
    import jax

    place = next(i for i, one in enumerate(optimizer.variables) if one is optimizer._learning_rate)

    @functools.partial(jax.jit, static_argnames="alive")
    def apply(state, now, rate, g, *, alive):
        g = [one if i < alive else None for i, one in enumerate(g)]
        return optimizer.stateless_apply([*state[:place], rate, *state[place + 1 :]], g, now)

    state, now = [v.value for v in optimizer.variables], [v.value for v in variables]
    for step, (rate, g) in enumerate(rows):
        now, state = apply(state, now, rate, g, alive=1 if step < late else 2)
    for variable, value in zip((*variables, *optimizer.variables), (*now, *state), strict=True):
        variable.assign(value)


def agreement(name, options, **how):
    ours, mine = trained(getattr(drop_ins, name), options, **how)
    theirs, native = trained(getattr(keras.optimizers, name), options, **how)
    names = [[v.name for v in one.variables if v.name not in ("variable", "u_product")] for one in (mine, native)]
    return {
        "case": f"{name} {options}",
        "weights": difference(ours, theirs),
        "state": difference(mine.variables, native.variables),
        "names": names[0] == names[1],
    }


@contextlib.contextmanager
def norms_in_float64():
    """Keras takes a norm in float32 whatever its argument; here as its argument is."""
    own = keras.src.ops.norm

    def norm(x, **how):
        return keras.ops.sqrt(keras.ops.sum(x * x, how["axis"], keepdims=how["keepdims"]))

    keras.src.ops.norm = norm
    try:
        yield
    finally:
        keras.src.ops.norm = own


def muons():
    """Agreement with Keras's norm made exact, and as it is."""
    with norms_in_float64():
        exact = [agreement("Muon", options) for options in MUONS]
    return {"exact": exact, "rounded": agreement("Muon", MUONS[0])}


def model(optimizer):
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Dense(8, activation="relu"), keras.layers.Dense(1)]
    made = keras.Sequential([keras.Input((4,)), *layers])
    made.compile(optimizer, "mse", steps_per_execution=2 if BACKEND == "jax" else 1)
    return made


def fitted(library):
    """Losses of two fits, the second after saving and loading, with schedule, clipping, averaging, accumulation."""
    x = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
    schedule = keras.optimizers.schedules.ExponentialDecay(1e-2, 10, 0.9)
    extras = {"global_clipnorm": 1.0, "use_ema": True, "gradient_accumulation_steps": 2, "weight_decay": 0.125}
    one = model(library.Adam(schedule, **extras))
    first = one.fit(x, x[:, :1], epochs=3, shuffle=False, verbose=0).history["loss"]
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "model.keras")
        one.save(path)
        again = keras.models.load_model(path)
    assert type(again.optimizer) is type(one.optimizer)
    assert again.optimizer.get_config() == one.optimizer.get_config()
    return first + again.fit(x, x[:, :1], epochs=3, shuffle=False, verbose=0).history["loss"]


def exchanged():
    """State saved by each library and loaded by the other, both ways: the largest difference."""
    worst = 0.0
    for name, options in [*CASES, *(("Muon", options) for options in MUONS)]:
        for source, target in ((drop_ins, keras.optimizers), (keras.optimizers, drop_ins)):
            _, saved = trained(getattr(source, name), options, steps=5, late=0)
            _, loaded = trained(getattr(target, name), options, steps=0)
            store = {}
            saved.save_own_variables(store)
            loaded.load_own_variables(store)
            worst = max(worst, difference(loaded.variables, saved.variables))
    return worst


def narrow():
    """bfloat16: how far Adam's tiny steps get; float16: whether a gradient of exactly 0 is a step of 0."""
    found = {}
    for library in (keras.optimizers, drop_ins):
        name = "keras" if library is keras.optimizers else "steepest"
        variable = keras.Variable(np.ones(3), dtype="bfloat16")
        optimizer = library.Adam(0.01)
        optimizer.build([variable])
        for _ in range(3):
            optimizer.apply([keras.ops.ones(3, dtype="bfloat16")], [variable])
        found[f"{name} bfloat16"] = float(array(variable.value)[0])
        variable = keras.Variable(np.ones(3), dtype="float16")
        optimizer = library.Adamax(0.01)
        optimizer.build([variable])
        optimizer.apply([keras.ops.zeros(3, dtype="float16")], [variable])
        found[f"{name} float16"] = float(array(variable.value)[0])
    return found


def dialect():
    """A dialect other than Keras's: its place in the config, and how far it moves."""
    variables, optimizer = trained(drop_ins.Adam, {"dialect": "torch", "epsilon": 0.3}, steps=20, late=0)
    again = type(optimizer).from_config(optimizer.get_config())
    return {"config": again.dialect, "w": array(variables[0].value).tolist()}


print(
    json.dumps(
        {
            "float64": [agreement(name, options) for name, options in CASES],
            "float32": [agreement(name, options, steps=100, dtype="float32", late=0) for name, options in CASES],
            "muon": muons(),
            "fit": [fitted(drop_ins), fitted(keras.optimizers)],
            "exchanged": exchanged(),
            "narrow": narrow(),
            "dialect": dialect(),
        }
    )
)
