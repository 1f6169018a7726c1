"""The drop-ins for NumPy beside torch.optim and optax: the same numbers in float64, in place, and what they refuse."""

import inspect
import json
import pickle
import subprocess
import sys

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import optax
import pytest
import torch

import steepest.numpy
from steepest import dialects, optimizer, rules, schedules
from steepest.errors import InputError
from steepest.numpy import SGD, Adam, AdamW, Lion, Momentum, Muon, Nadam

CLASSES = {name: getattr(steepest.numpy, name) for name in steepest.numpy._CLASSES}
every_class = pytest.mark.parametrize("name", CLASSES)
SHAPES = {"matrix": (3, 4), "vector": (5,), "late": (7,)}
STEPS = 1000


def rate_at(k):
    """A learning rate that moves."""
    return float(0.01 * (1.2 + np.sin(k / 9)))


def begin(dtype=np.float64):
    random = np.random.default_rng(3)
    return {name: random.normal(size=shape).astype(dtype) for name, shape in SHAPES.items()}


def gradients(steps=STEPS, late=300):
    """Of very different sizes; the second's exactly 0 for stretches, the third's missing until step *late*."""
    random, sizes = np.random.default_rng(7), np.array([1e-3, 0.1, 1.0, 5.0])
    for k in range(steps):
        g = random.normal(size=(3, 4)) * sizes, random.normal(size=5) * (k % 50 > 20), random.normal(size=7)
        yield dict(zip(SHAPES, [*g[:2], None if k < late else g[2]], strict=True))


def close(ours, theirs):
    # Each of 1000 steps rounds a few times by 1.1e-16: 1e-12 in the worst case, 1e-10 where an entry is near zero.
    np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-13)


BETAS = {"b1": 0.8, "b2": 0.95}
TORCH = [
    ("SGD", "SGD", {"weight_decay": 0.1}, {"weight_decay": 0.1}),
    ("Momentum", "SGD", {"momentum": 0.8, "weight_decay": 0.1}, {"momentum": 0.8, "weight_decay": 0.1}),
    ("Nesterov", "SGD", {"momentum": 0.8}, {"momentum": 0.8, "nesterov": True}),
    ("Adagrad", "Adagrad", {"epsilon": 0.3}, {"eps": 0.3}),
    ("RMSProp", "RMSprop", {"epsilon": 0.3, "decay": 0.8}, {"eps": 0.3, "alpha": 0.8}),
    ("Adadelta", "Adadelta", {"epsilon": 0.3, "decay": 0.8}, {"eps": 0.3, "rho": 0.8}),
    ("Adam", "Adam", BETAS | {"epsilon": 0.3, "weight_decay": 0.1}, {"weight_decay": 0.1}),
    ("AdamW", "AdamW", BETAS | {"epsilon": 0.3, "weight_decay": 0.1}, {"weight_decay": 0.1}),
    ("AMSGrad", "Adam", BETAS | {"epsilon": 0.3}, {"amsgrad": True}),
    ("Adamax", "Adamax", BETAS | {"epsilon": 0.3}, {}),
    ("Nadam", "NAdam", BETAS | {"epsilon": 0.3, "momentum_decay": 0.5}, {"momentum_decay": 0.5}),
    ("RAdam", "RAdam", BETAS | {"epsilon": 0.3, "weight_decay": 0.1}, {"weight_decay": 0.1}),
]
STATES = {  # torch's names of the state of each rule
    "momentum": {"v": "-momentum_buffer"}, "nesterov": {"v": "-momentum_buffer"}, "adagrad": {"s": "sum"},
    "rmsprop": {"v": "square_avg"}, "adadelta": {"v": "square_avg", "u": "acc_delta"},
    "adam": {"m": "exp_avg", "v": "exp_avg_sq"}, "adamax": {"m": "exp_avg", "u": "exp_inf"},
    "amsgrad": {"v_max": "max_exp_avg_sq"}, "nadam": {"m": "exp_avg", "v": "exp_avg_sq", "mu_product": "mu_product"},
    "radam": {"m": "exp_avg", "v": "exp_avg_sq"}, "adamw": {"m": "exp_avg", "v": "exp_avg_sq"}, "sgd": {},
}  # fmt: skip


@pytest.mark.parametrize(("name", "native", "options", "theirs"), TORCH, ids=[row[0] for row in TORCH])
def test_a_thousand_steps_are_torchs(name, native, options, theirs):
    ours = begin()
    moved = CLASSES[name](ours, dialect="torch", **options)
    torch.set_default_dtype(torch.float64)  # NAdam keeps its product in the default dtype
    try:
        beside = {one: torch.tensor(array) for one, array in begin().items()}
        betas = {"betas": (0.8, 0.95), "eps": 0.3} if "b1" in options else {}
        twin = getattr(torch.optim, native)(list(beside.values()), **theirs, **betas)
        for k, given in enumerate(gradients()):
            moved.learning_rate = twin.param_groups[0]["lr"] = rate_at(k)
            for one, p in beside.items():
                p.grad = None if given[one] is None else torch.tensor(given[one])
            twin.step()
            moved.step(given)
    finally:
        torch.set_default_dtype(torch.float32)
    saved = moved.state_dict()["state"]
    for one, p in beside.items():
        close(ours[one], p.numpy())
        for part, native_part in STATES[type(moved).native.name].items():
            value = twin.state[p][native_part.removeprefix("-")].numpy()
            close(saved[one][part], -value if native_part[0] == "-" else value)
    assert saved["late"]["step"] == STEPS - 300
    assert np.abs(ours["late"] - begin()["late"]).max() > 0.01


OPTAX = {
    "SGD": optax.sgd,
    "Momentum": lambda rate: optax.sgd(rate, momentum=0.9),
    "Nesterov": lambda rate: optax.sgd(rate, momentum=0.9, nesterov=True),
    "Adagrad": lambda rate: optax.adagrad(rate, eps=0.3),
    "RMSProp": lambda rate: optax.rmsprop(rate, eps=0.3),
    "Adadelta": lambda rate: optax.adadelta(rate, eps=0.3),
    "Adam": lambda rate: optax.adam(rate, eps=0.3),
    "AdamW": lambda rate: optax.adamw(rate, eps=0.3, weight_decay=0.1),
    "AMSGrad": lambda rate: optax.amsgrad(rate, eps=0.3),
    "Adamax": lambda rate: optax.adamax(rate, eps=0.3),
    "Nadam": lambda rate: optax.nadam(rate, eps=0.3),
    "RAdam": lambda rate: optax.radam(rate, eps=0.3),
    "Lion": lambda rate: optax.lion(rate, weight_decay=0.1),
    "Muon": lambda rate: optax.contrib.muon(rate, eps=0.3, weight_decay=0.1, adam_weight_decay=0.1),
}


@every_class
def test_a_thousand_steps_are_optaxs(name):
    """Without late gradients, of which optax keeps no count."""
    ours, knobs = begin(), dialects.of(rules.find(name)).defaults
    told = {"epsilon": 0.3} if "epsilon" in knobs else {}
    told |= {"weight_decay": 0.1} if "weight_decay" in knobs else {}
    moved = CLASSES[name](ours, rate_at, dialect="optax", **told)
    with jax.enable_x64(True):
        table = jnp.array([rate_at(k) for k in range(STEPS)])
        transform = OPTAX[name](lambda count: table[count])
        beside = {one: jnp.array(array) for one, array in begin().items()}
        state, update = transform.init(beside), jax.jit(transform.update)
        for given in gradients(late=0):
            moved.step(given)
            updates, state = update({one: jnp.array(g) for one, g in given.items()}, state, beside)
            beside = {one: beside[one] + updates[one] for one in beside}
    # Muon's iteration grows what differs 500 times; its fallback has no momentum of Nesterov, which optax's has.
    for one in ours if name != "Muon" else ["matrix"]:
        np.testing.assert_allclose(ours[one], beside[one], rtol=1e-10, atol=1e-11)
        assert np.abs(ours[one] - begin()[one]).max() > 0.01


@every_class
def test_the_textbook_is_the_rule_as_it_is_written(name):
    """Beside steepest's own optimizer on JAX, whose step count all arrays share."""
    ours = begin()
    moved, twin = CLASSES[name](ours, rate_at), getattr(optimizer, name)(0.01)
    with jax.enable_x64(True):
        beside = {one: jnp.array(array) for one, array in begin().items()}
        state, update = twin.init(beside), jax.jit(lambda twin, g, state, at: twin.update(g, state, at))
        for k, given in enumerate(gradients(steps=50, late=0)):
            moved.step(given)
            twin = twin.with_learning_rate(rate_at(k))
            steps, state = update(twin, {one: jnp.array(g) for one, g in given.items()}, state, beside)
            beside = {one: beside[one] + steps[one] for one in beside}
    for one in ours:
        # JAX fuses products, and Muon's iteration grows what that rounds off 500 times.
        np.testing.assert_allclose(ours[one], beside[one], rtol=1e-9, atol=1e-11)
        assert (ours[one] != begin()[one]).all()


def test_a_schedule_counts_each_arrays_own_steps_from_zero():
    seen = []
    a, b = np.zeros(2), np.zeros(2)
    moved = SGD([a, b], lambda k: seen.append(k) or 0.5**k)
    for g in ([np.ones(2), None], [np.ones(2), np.ones(2)]):
        moved.step(g)
    assert seen == [0, 1, 0]
    np.testing.assert_array_equal(a, -1.5)
    np.testing.assert_array_equal(b, -1.0)
    moved.learning_rate = schedules.InverseTime(4.0, decay=1.0)  # 4 / (1 + k)
    moved.step([None, np.ones(2)])
    np.testing.assert_array_equal(b, -3.0)
    moved.learning_rate = 0
    moved.step([np.ones(2), np.ones(2)])
    np.testing.assert_array_equal(b, -3.0)


def test_arrays_are_moved_where_they_are_and_given_alone_in_sequences_or_by_name():
    for wrap in (lambda w: w, lambda w: [w], lambda w: (w,), lambda w: {"w": w}):
        weights = np.array([1.0, 2.0], np.float32)
        moved = SGD(wrap(weights), 0.5)
        moved.step(wrap(np.array([2.0, -2.0], np.float32)))
        np.testing.assert_array_equal(weights, [0.0, 3.0])
        assert next(iter(moved.parameters.values())) is weights
    moved.step({})  # nothing has a gradient
    moved.step({"w": None})
    np.testing.assert_array_equal(weights, [0.0, 3.0])
    moved.step({"w": jnp.ones(2)})  # whatever NumPy can look at
    np.testing.assert_array_equal(weights, [-0.5, 2.5])


def unaligned(array):
    raw = np.zeros(array.nbytes + 1, np.uint8)[1:].view(array.dtype).reshape(array.shape)
    raw[...] = array
    return raw


LAYOUTS = {
    "transposed": lambda a: np.array(a.T, order="C").T,
    "every second column": lambda a: np.repeat(a, 2, axis=1)[:, ::2],
    "backwards": lambda a: a[::-1].copy()[::-1],
    "a field of a record": lambda a: np.array([[(0, x) for x in row] for row in a], [("_", "i4"), ("x", a.dtype)])["x"],
    "unaligned": unaligned,
    "axes turned": lambda a: np.moveaxis(np.moveaxis(a[None], 0, 1).copy(), 1, 0)[0],
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("gradient", [*LAYOUTS, "plain"])
@pytest.mark.parametrize("cls", [Adam, Muon, SGD])
def test_memory_in_any_order_is_served(layout, gradient, cls):
    random = np.random.default_rng(0)
    plain = random.normal(size=(3, 4))
    odd, expected = LAYOUTS[layout](plain), plain.copy()
    beyond = odd.base.copy() if layout == "every second column" else None
    moved, twin = cls(odd), cls(expected)
    for _ in range(3):
        g = random.normal(size=(3, 4))
        moved.step(LAYOUTS.get(gradient, np.array)(g))
        twin.step(g)
    np.testing.assert_allclose(odd, expected, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(plain != expected, True)
    if beyond is not None:  # what lies between the entries stays
        np.testing.assert_array_equal(odd.base.reshape(beyond.shape)[:, 1::2], beyond[:, 1::2])


def test_read_only_gradients_are_fine_and_read_only_parameters_are_refused():
    g = np.broadcast_to(np.float64(2.0), (3,))
    weights = np.zeros(3)
    SGD(weights, 0.5).step(g)
    np.testing.assert_array_equal(weights, -1.0)
    weights.flags.writeable = False
    with pytest.raises(InputError, match=r"^Parameter '0' is read-only and cannot be moved in place\. Give a copy"):
        SGD(weights)


@pytest.mark.parametrize("gradient", ["float64", "float32", "bfloat16", "float16"])
@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16", "float16"])
@pytest.mark.parametrize("cls", [Adam, Muon, Nadam])
def test_every_dtype_moves_and_narrow_ones_have_wide_state(cls, dtype, gradient):
    kind = {"bfloat16": ml_dtypes.bfloat16}.get(dtype, dtype)
    given = np.array([[0.5, -2.0, 0.0]], {"bfloat16": ml_dtypes.bfloat16}.get(gradient, gradient))
    narrow, exact = np.ones((1, 3), kind), np.ones((1, 3))
    moved, twin = cls(narrow, 0.25), cls(exact, 0.25)
    for _ in range(3):
        moved.step(given)
        twin.step(given.astype(np.float64))
    assert narrow.dtype == kind
    # Three steps of about 0.25 that each round numbers below 2 to the dtype, Muon's iteration besides.
    ulp = {"float64": 2.0**-40, "float32": 2.0**-18, "bfloat16": 2.0**-8, "float16": 2.0**-11}[dtype]
    np.testing.assert_allclose(narrow.astype(np.float64), exact, rtol=0, atol=4 * ulp)
    state = moved.state_dict()["state"]["0"]
    assert state["m"].dtype == ("float64" if dtype == "float64" else "float32")


def test_small_steps_of_16_bits_are_lost_to_the_nearest_and_kept_at_random():
    nearest, random = np.ones(20_000, ml_dtypes.bfloat16), np.ones(20_000, ml_dtypes.bfloat16)
    for weights, keys in ((nearest, [None] * 50), (random, range(50))):
        moved = SGD(weights, 2.0**-14)
        for key in keys:
            moved.step(np.ones(20_000, np.float32), key=key)
    assert (nearest == 1).all()
    # 50 steps of 2^-14 = 0.00305; a draw moves by 2^-8 or not, so the mean's deviation is below 2^-8 sqrt(1/20000).
    assert random.astype(np.float64).mean() == pytest.approx(1 - 50 * 2.0**-14, abs=2e-4)


def test_zero_gradients_move_nothing_even_in_float16():
    for cls in CLASSES.values():
        weights = np.array([[0.0, 3.0]], np.float16)
        moved = cls(weights, **({"weight_decay": 0.0} if cls in (AdamW, Lion) else {}))
        for _ in range(3):
            moved.step(np.zeros((1, 2), np.float16))
        np.testing.assert_array_equal(weights, [[0.0, 3.0]])


@every_class
def test_training_that_is_moved_goes_on_as_if_it_had_stayed(name, tmp_path):
    stayed, moved = begin(np.float32), begin(np.float32)
    one, given = CLASSES[name](stayed), list(gradients(steps=20, late=5))
    for g in given[:10]:
        one.step({n: v if v is None else v.astype(np.float32) for n, v in g.items()})
    for array, other in zip(moved.values(), stayed.values(), strict=True):
        array[...] = other
    saved = one.state_dict()
    two = CLASSES[name](moved)
    two.load_state_dict(saved)
    for g in given[10:]:
        for each in (one, two):
            each.step({n: v.astype(np.float32) for n, v in g.items()})
    for n in stayed:
        np.testing.assert_array_equal(moved[n], stayed[n])
        assert saved["state"][n]["step"] == (5 if n == "late" else 10)  # a copy, which stands still


def test_a_state_of_something_else_is_refused_by_name_and_nothing_changes():
    adam = Adam(begin())
    adam.step({name: np.ones(shape) for name, shape in SHAPES.items()})
    good = adam.state_dict()

    def but(**changed):
        state = {name: dict(own) for name, own in good["state"].items()}
        state["vector"] |= changed
        return good | {"state": state}

    refused = [
        (Momentum(begin()).state_dict(), "is of the rule 'momentum' where this Adam has 'adam'"),
        (Adam(begin(), dialect="torch").state_dict(), "is of the dialect 'torch' where this Adam has 'textbook'"),
        (Adam([np.zeros(3)]).state_dict(), "The parameter '0' is not in this optimizer"),
        (Adam({"matrix": np.zeros((3, 4))}).state_dict(), "The parameter 'vector' is not in the state"),
        (but(m=np.zeros(4)), r"m of 'vector' has the shape \(4,\) in the state where it has \(5,\) here"),
        (but(v=np.zeros(5, np.float32)), "v of 'vector' has the dtype float32 in the state where it has float64 here"),
        (but(w=np.zeros(5)), "The state of 'vector' must have step, m, v; received step, m, v, w"),
        ({}, "is of the rule None"),
    ]
    for state, words in refused:
        with pytest.raises(InputError, match=words):
            adam.load_state_dict(state)
    after = adam.state_dict()
    assert after["state"]["vector"]["step"] == 1
    np.testing.assert_array_equal(after["state"]["vector"]["m"], good["state"]["vector"]["m"])


WEIGHTS = np.zeros(3)
BAD = [
    (lambda: Adam([1.0, 2.0]), "Parameter '0' must be a NumPy array, to be moved in place; received float"),
    (lambda: Adam({"w": jnp.zeros(2)}), "Parameter 'w' must be a NumPy array"),
    (lambda: Adam(np.zeros(2, int)), "Parameter '0' must be of one of the dtypes float64, .*; received int64"),
    (lambda: Adam(np.zeros(2, complex)), "received complex128"),
    (lambda: Adam(np.zeros(2, ">f4")), "received >f4"),
    (lambda: Adam([WEIGHTS, WEIGHTS]), "Parameters '0' and '1' share their memory"),
    (lambda: Adam({"a": WEIGHTS, "b": WEIGHTS[1:]}), "Parameters 'a' and 'b' share their memory"),
    (lambda: Adam(np.zeros(3), -1.0), "learning_rate must be zero or positive, and finite; received -1.0"),
    (lambda: Adam(np.zeros(3), "fast"), "learning_rate must be zero or positive"),
    (lambda: Adam(np.zeros(3), None), "learning_rate must be a number or a schedule; received None"),
    (lambda: Adam(np.zeros(3), b1=1.0), r"b1 must be in \[0, 1\); received 1.0"),
    (lambda: Adam(np.zeros(3), weight_decay=-1.0, dialect="torch"), "weight_decay must be finite and not negative"),
    (lambda: Adam(np.zeros(3), weight_decay=0.1), "Adam has no weight decay in the dialect 'textbook'.* Try AdamW"),
    (lambda: Adam(np.zeros(3), dialect="tensorflow"), "Unknown dialect 'tensorflow'"),
    (lambda: Lion(np.zeros(3), dialect="torch"), "torch has nothing like textbook's lion"),
    (lambda: Nadam(np.zeros(3), momentum_decay=0.1, dialect="keras"), "momentum_decay is fixed at 1.0 in the dialect"),
    (lambda: Adam(np.zeros(3)).step([WEIGHTS, WEIGHTS]), "must be|has the shape"),
    (lambda: Adam([np.zeros(3)]).step([]), "1 arrays want as many gradients; received 0"),
    (lambda: Adam([np.zeros(3)]).step(np.zeros((1, 3))), "gradients must be a sequence or arrays by name"),
    (lambda: Adam({"kernel": np.zeros(3)}).step({"kernle": WEIGHTS}), "Unknown parameter 'kernle'. Did you mean"),
    (lambda: Adam(np.zeros(3)).step(np.zeros(4)), r"gradient of '0' has the shape \(4,\) where its parameter has"),
    (lambda: Adam(np.zeros(3)).step([1, 2, 3]), "The gradient of '0' must be of one of the dtypes"),
    (lambda: Muon(np.zeros((2, 2))).step(np.ones((2, 2)), key=1), "Muon rounds whole arrays to the nearest"),
]


@pytest.mark.parametrize(("wrong", "words"), BAD)
def test_what_cannot_be_served_is_refused_in_a_sentence(wrong, words):
    with pytest.raises(InputError, match=words):
        wrong()


def test_a_gradient_that_does_not_fit_moves_nothing():
    arrays = [np.zeros(3), np.zeros(3)]
    moved = Adam(arrays)
    with pytest.raises(InputError):
        moved.step([np.ones(3), np.ones(4)])
    np.testing.assert_array_equal(arrays, 0)
    assert moved.state_dict()["state"]["0"]["step"] == 0


def test_what_is_not_a_matrix_moves_by_muons_fallback():
    ours, beside = {"w": np.ones((2, 3)), "b": np.ones(3)}, np.ones(3)
    moved = Muon(ours, 0.1, weight_decay=0.2)
    moved.step({"w": np.ones((2, 3)), "b": np.arange(3.0)})
    AdamW(beside, 0.1, weight_decay=0.2, epsilon=1e-7).step(np.arange(3.0))  # it shares Muon's knobs
    np.testing.assert_array_equal(ours["b"], beside)
    assert set(moved.state_dict()["state"]["b"]) == {"step", "m", "v"}


def test_many_arrays_and_empty_ones():
    arrays = [np.ones(size, np.float32) for size in (0, 1, 70_000, *[13] * 500)]
    arrays.append(np.array(1.0, np.float32))  # no axes
    SGD(arrays, 0.5).step([2 * array for array in arrays])
    assert all((array == 0).all() for array in arrays)


def test_signatures_say_what_each_takes():
    told = str(inspect.signature(Adam))
    assert told == (
        "(parameters, learning_rate=0.001, *, b1=0.9, b2=0.999, epsilon=1e-08, epsilon_root=0.0, weight_decay=0.0, "
        "dialect='textbook')"
    )
    with pytest.raises(TypeError, match="unexpected keyword argument 'beta1'"):
        Adam(np.zeros(2), beta1=0.9)
    assert set(CLASSES) == {
        "SGD", "Momentum", "Nesterov", "Adagrad", "RMSProp", "Adadelta", "Adam", "Adamax", "Nadam", "AdamW", "AMSGrad",
        "RAdam", "Lion", "Muon",
    }  # fmt: skip
    for name, cls in CLASSES.items():
        assert (cls.__name__, cls.__module__) == (name, "steepest.numpy")
        assert cls.__doc__.startswith(name)


def test_an_optimizer_can_be_pickled_with_its_arrays():
    moved = Adam({"w": np.ones(3)}, schedules.Constant(0.1))
    moved.step({"w": np.ones(3)})
    again = pickle.loads(pickle.dumps(moved))
    for each in (moved, again):
        each.step({"w": np.ones(3)})
    np.testing.assert_array_equal(again.parameters["w"], moved.parameters["w"])


def test_it_needs_no_other_framework():
    script = (
        "import json, sys, numpy as np\n"
        "from steepest.numpy import Adam\n"
        "Adam(np.zeros(3)).step(np.ones(3))\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    told = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert not {"jax", "torch", "keras", "optax", "sklearn", "pandas"} & set(json.loads(told.stdout))
