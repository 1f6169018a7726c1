"""The optax drop-ins beside optax's own: the same numbers in float64, and right where optax is not."""

import functools
import inspect
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import steepest.optax
from steepest import dialects

# name, options: every case of every dialect, epsilon far from its default so that its place shows.
EPS = {"eps": 0.3}
CASES = [
    ("sgd", {}),
    ("sgd", {"momentum": 0.9}),
    ("sgd", {"momentum": 0.9, "nesterov": True}),
    ("adagrad", {**EPS, "initial_accumulator_value": 0.2}),
    *(
        ("rmsprop", {**EPS, "decay": 0.8, "centered": centered, "eps_in_sqrt": inside, **velocity})
        for centered in (False, True)
        for inside in (False, True)
        for velocity in ({}, {"momentum": 0.9}, {"momentum": 0.9, "nesterov": True})
    ),
    ("adadelta", {**EPS, "rho": 0.8}),
    ("adadelta", {**EPS, "weight_decay": 0.1}),
    ("adam", {**EPS, "b1": 0.8, "b2": 0.95, "eps_root": 0.1}),
    ("adam", {**EPS, "nesterov": True}),
    ("amsgrad", EPS),
    ("amsgrad", {**EPS, "bias_correction_mu": False, "bias_correction_nu": False}),
    ("adamw", {**EPS, "weight_decay": 0.1}),
    ("adamw", {**EPS, "weight_decay": 0.1, "mask": {"w": True, "b": False}, "nesterov": True}),
    ("adamw", {**EPS, "weight_decay": lambda count: 0.1 / (1 + count)}),
    ("adamax", EPS),
    ("adamaxw", {**EPS, "weight_decay": 0.1}),
    ("nadam", EPS),
    ("nadam", {**EPS, "nesterov": False, "eps_root": 0.1}),
    ("nadamw", {**EPS, "weight_decay": 0.1}),
    ("radam", EPS),
    ("lion", {"weight_decay": 0.1}),
    ("muon", {"weight_decay": 0.1, "adam_weight_decay": 0.1}),
    ("muon", {"nesterov": False, "consistent_rms": 0.2}),
]


def native_of(name):
    return getattr(optax, name, None) or getattr(optax.contrib, name)


def told(case):
    return " ".join([case[0], *(f"{name}={value}" for name, value in case[1].items() if not callable(value))])


def rate(count):
    return 0.01 * (1.2 + jnp.sin(count.astype(jnp.float64 if jax.config.jax_enable_x64 else jnp.float32) / 9))


@functools.cache
def gradients(steps):
    """Of very different sizes, a row a step; b's are exactly 0 for stretches, and for the first 300 steps."""
    random, sizes = np.random.default_rng(7), np.array([1e-3, 0.1, 1.0, 5.0])
    rows = [(random.normal(size=(3, 4)) * sizes, random.normal(size=5)) for _ in range(steps)]
    alive = [step >= 300 and step % 50 > 20 for step in range(steps)]
    w, b = (np.stack(column) for column in zip(*rows, strict=True))
    return {"w": w, "b": b * np.array(alive)[:, None]}


def course(transformation, steps=1000, dtype=jnp.float64):
    """The parameters after each step, and the last state."""
    random = np.random.default_rng(3)
    parameters = {"w": jnp.asarray(random.normal(size=(3, 4)), dtype), "b": jnp.asarray(random.normal(size=5), dtype)}

    def step(now, g):
        parameters, state = now
        updates, state = transformation.update(g, state, parameters)
        parameters = optax.apply_updates(parameters, updates)
        return (parameters, state), parameters

    began = parameters, jax.jit(transformation.init)(parameters)
    rows = jax.tree.map(lambda one: jnp.asarray(one, dtype), gradients(steps))
    (_, state), moved = jax.jit(functools.partial(jax.lax.scan, step))(began, rows)
    return moved, state


def trained(transformation, **how):
    """The last parameters and state."""
    moved, state = course(transformation, **how)
    return {name: rows[-1] for name, rows in moved.items()}, state


@functools.cache
def ours_in_float64(place):
    """The course of a thousand steps of a case."""
    name, options = CASES[place]
    return course(getattr(steepest.optax, name)(rate, **options))


def both(name, options, learning_rate, **how):
    theirs = trained(native_of(name)(learning_rate, **options), **how)
    ours = trained(getattr(steepest.optax, name)(learning_rate, **options), **how)
    return ours, theirs


@pytest.mark.parametrize("place", range(len(CASES)), ids=[told(case) for case in CASES])
def test_a_thousand_steps_are_optax_s_own_in_float64(place):
    case = CASES[place]
    with jax.enable_x64(True):
        ours, state = ours_in_float64(place)
        theirs, their_state = trained(native_of(case[0])(rate, **case[1]))
        for name, parameter in theirs.items():
            np.testing.assert_allclose(ours[name][-1], parameter, rtol=1e-10, err_msg=name)
        compared = [field for field in state._fields if field not in ("count", "mu_product")]
        for field in compared if case[0] != "muon" else []:  # optax's has two states, one a kind of leaf
            native = optax.tree.get(their_state, field)
            for name in native:
                np.testing.assert_allclose(getattr(state, field)[name], native[name], rtol=1e-10, atol=1e-300)
        assert int(state.count) == 1000


@pytest.mark.parametrize("place", range(len(CASES)), ids=[told(case) for case in CASES])
def test_float32_stays_near_float64(place):
    """A step rounds its parameter once, by half of 1.2e-7 of it, and its own size a few times.

    With P the largest parameter on the way, which no sum of 200 steps exceeds here by more than twice, the worst sum is
    200 * 6e-8 * P for the parameter and ten roundings of 1.2e-7 of what moved: below 200 * 6e-8 * 2 P in all. Lion's
    sign turns over where rounding decides it: twice its rate, once.
    """
    case = CASES[place]
    with jax.enable_x64(True):
        exact = {name: np.asarray(rows[199]) for name, rows in ours_in_float64(place)[0].items()}
    near, _ = trained(getattr(steepest.optax, case[0])(rate, **case[1]), steps=200, dtype=jnp.float32)
    for name, parameter in exact.items():
        bound = 0.05 if case[0] == "lion" else 200 * 6e-8 * 2 * max(1, np.abs(parameter).max())
        np.testing.assert_allclose(near[name], parameter, rtol=0, atol=bound)


@pytest.mark.parametrize("native", dialects.FRAMEWORKS["optax"], ids=lambda native: native.name)
def test_signatures_are_optax_s_own(native):
    theirs = inspect.signature(native_of(native.name)).parameters
    ours = inspect.signature(getattr(steepest.optax, native.name)).parameters
    assert [name for name in ours if name != "dialect"] == list(theirs)
    for name, parameter in theirs.items():
        assert ours[name].default == parameter.default, name
        assert ours[name].kind is parameter.kind, name


def test_lives_in_chains_masks_hyperparameters_and_accumulation():
    for wrap in (
        lambda make: optax.chain(optax.clip_by_global_norm(1.0), make(1e-2)),
        lambda make: optax.masked(make(1e-2), {"w": True, "b": False}),
        lambda make: optax.MultiSteps(make(1e-2), 3),
        lambda make: optax.inject_hyperparams(make)(learning_rate=rate, b1=0.8),
        lambda make: optax.multi_transform({"a": make(1e-2), "z": optax.set_to_zero()}, {"w": "a", "b": "z"}),
    ):
        with jax.enable_x64(True):
            ours, _ = trained(wrap(steepest.optax.adam), steps=40)
            theirs, _ = trained(wrap(optax.adam), steps=40)
            for name in theirs:
                np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-10)


def test_runs_under_scan_and_vmap_and_gives_its_buffers_back():
    transformation = steepest.optax.nadam(1e-2)

    @functools.partial(jax.jit, donate_argnums=0)
    def run(carry, gradients):
        def one(carry, g):
            parameters, state = carry
            updates, state = transformation.update(g, state)
            return (optax.apply_updates(parameters, updates), state), None

        return jax.lax.scan(one, carry, gradients)[0]

    def begin():
        return jnp.ones(3), transformation.init(jnp.ones(3))

    many = jnp.asarray(np.random.default_rng(0).normal(size=(2, 10, 3)), jnp.float32)
    alone = [run(begin(), one)[0] for one in many]
    twice = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), begin())
    together = jax.vmap(run)(twice, many)[0]
    np.testing.assert_allclose(together, jnp.stack(alone), rtol=1e-6)


def test_missing_gradients_stay_missing():
    transformation = steepest.optax.adam(1e-2)
    state = transformation.init({"a": jnp.ones(2), "b": None})
    updates, state = transformation.update({"a": jnp.ones(2), "b": None}, state)
    assert updates["b"] is None
    assert state.mu["b"] is None
    np.testing.assert_allclose(updates["a"], -1e-2, rtol=1e-5)


def test_state_pickles_and_has_optax_s_names():
    state = steepest.optax.adam(1e-2).init({"a": jnp.ones(2)})
    again = pickle.loads(pickle.dumps(state))
    assert type(again) is type(state)
    np.testing.assert_array_equal(optax.tree.get(again, "nu")["a"], [0, 0])


def test_the_mean_gradient_can_be_kept_narrow():
    state = steepest.optax.adam(1e-2, mu_dtype=jnp.bfloat16).init({"a": jnp.ones(2)})
    assert state.mu["a"].dtype == jnp.bfloat16
    _, state = steepest.optax.adam(1e-2, mu_dtype=jnp.bfloat16).update({"a": jnp.ones(2)}, state)
    assert (state.mu["a"].dtype, state.nu["a"].dtype) == (jnp.bfloat16, jnp.float32)


@pytest.mark.parametrize("name", ["adam", "rmsprop", "adamax"])
def test_no_gradient_in_float16_is_no_step_where_optax_gives_nan(name):
    zero = jnp.zeros(2, jnp.float16)
    for library, step in ((optax, np.nan), (steepest.optax, 0.0)):
        transformation = getattr(library, name)(1e-2)
        updates, _ = transformation.update(zero, transformation.init(zero))
        np.testing.assert_array_equal(np.asarray(updates, np.float32), step)


def test_the_first_step_is_right_to_the_last_digit_where_optax_s_is_not():
    first = {}
    for library in (optax, steepest.optax):
        transformation = library.adam(1.0, eps=0.0)
        updates, _ = transformation.update(jnp.ones(1), transformation.init(jnp.ones(1)))
        first[library] = abs(float(updates[0]) + 1)
    assert first[steepest.optax] < 2e-7 < 5e-6 < first[optax]


def test_adadelta_without_a_learning_rate_descends_where_optax_climbs():
    for library, sign in ((optax, 1), (steepest.optax, -1)):
        transformation = library.adadelta()
        updates, _ = transformation.update(jnp.full(1, 2.0), transformation.init(jnp.ones(1)), jnp.ones(1))
        assert np.sign(updates[0]) == sign


@pytest.mark.parametrize("spoken", ["textbook", "torch", "keras"])
def test_another_dialect_is_its_method(spoken):
    native = dialects.like(dialects.find("optax", "adam"), spoken)
    options = native.defaults | {"learning_rate": 1e-2, "eps": 0.3}
    method, numbers = native.method(options), native.numbers(options)
    with jax.enable_x64(True):
        ours, _ = trained(steepest.optax.adam(1e-2, eps=0.3, dialect=spoken), steps=30)
        parameter = np.random.default_rng(3).normal(size=(3, 4))
        state = method.initial_state(parameter)
        for t, g in enumerate(gradients(30)["w"], start=1):
            step, state = method(parameter, g, state, t, numbers)
            parameter = parameter + step
        np.testing.assert_allclose(ours["w"], parameter, rtol=1e-12)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: steepest.optax.adam(-1.0), r"learning_rate of adam must be zero or positive.*received -1\.0"),
        (lambda: steepest.optax.adam(1e-3, b1=1.0), r"b1 of adam must be in \[0, 1\); received 1\.0"),
        (lambda: steepest.optax.adam(1e-3, eps=float("nan")), "eps of adam"),
        (lambda: steepest.optax.rmsprop(1e-3, bias_correction=True), "no equal"),
        (lambda: steepest.optax.amsgrad(1e-3, bias_correction_mu=False), "no equal"),
        (lambda: steepest.optax.adam(1e-3, dialect="kears"), "keras"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(make, sentence):
    with pytest.raises(ValueError, match=sentence):
        make()


def test_weight_decay_asks_for_the_parameters():
    transformation = steepest.optax.adamw(1e-2)
    with pytest.raises(ValueError, match=r"needs the parameters.*update\(gradients, state, params\)"):
        transformation.update(jnp.ones(2), transformation.init(jnp.ones(2)))


def test_a_mistyped_argument_is_a_type_error():
    with pytest.raises(TypeError, match="epsilon"):
        steepest.optax.adam(1e-3, epsilon=1e-8)
