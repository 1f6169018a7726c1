"""What the tables of dialects say beyond names and defaults, tried on the native optimizers themselves."""

import dataclasses

import jax
import jax.numpy as jnp
import keras
import numpy as np
import optax
import pytest
import torch

import steepest.keras
import steepest.optax
import steepest.torch
from steepest import dialects, rules
from steepest.dialects import Named

RATE, SHAPE = 0.03125, (3, 2)  # a rate that float32 holds
LIBRARY = {"torch": torch.optim, "keras": keras.optimizers, "optax": optax}
DROP_IN = {"torch": steepest.torch, "keras": steepest.keras, "optax": steepest.optax}
NATIVES = [dialect for framework in LIBRARY for dialect in dialects.FRAMEWORKS[framework]]
WAYS = [way for dialect in NATIVES for case in dialect.cases if (way := Named.to(dialect, case))]
each_way = pytest.mark.parametrize("way", WAYS, ids=lambda way: f"{way.dialect.framework} {way}")
each_native = pytest.mark.parametrize("dialect", NATIVES, ids=lambda one: f"{one.framework} {one.name}")


@pytest.fixture(autouse=True)
def _double():
    """torch keeps Nadam's product in the default dtype, JAX forgets float64 unless it is asked for."""
    torch.set_default_dtype(torch.float64)
    with jax.enable_x64(True):
        yield
    torch.set_default_dtype(torch.float32)


def make(dialect, options, libraries=LIBRARY):
    """The optimizer's own maker in a framework, at the common rate."""
    library = libraries[dialect.framework]
    maker = getattr(library, dialect.name, None) or getattr(optax.contrib, dialect.name)
    rate = {"lr" if dialect.framework == "torch" else "learning_rate": RATE}
    return lambda *parameters: maker(*parameters, **rate, **options)


def train(dialect, options, starts, gradients, libraries=LIBRARY):
    """Move parameters; a step's gradient is None for one that has none, 0 where optax has no such thing.

    Returns where they end, and what looks up a part of the first one's state.
    """
    maker = make(dialect, options, libraries)
    if dialect.framework == "torch":
        places = [torch.tensor(start, requires_grad=True) for start in starts]
        optimizer = maker(places)
        for given in gradients:
            for place, g in zip(places, given, strict=True):
                place.grad = None if g is None else torch.tensor(g)
            optimizer.step()
        return [place.detach().numpy() for place in places], lambda name: np.asarray(optimizer.state[places[0]][name])
    if dialect.framework == "keras":
        places = [keras.Variable(start, dtype=str(start.dtype), name="place") for start in starts]
        optimizer = maker()
        optimizer.build(places)
        for given in gradients:
            there = [(keras.ops.convert_to_tensor(g), p) for g, p in zip(given, places, strict=True) if g is not None]
            optimizer.apply(*zip(*there, strict=True))
        return [keras.ops.convert_to_numpy(place.value) for place in places], lambda name: variable(optimizer, name)
    transformation, places = maker(), [jnp.asarray(start) for start in starts]
    state = transformation.init(places)
    for given in gradients:
        there = [jnp.zeros_like(p) if g is None else jnp.asarray(g) for g, p in zip(given, places, strict=True)]
        updates, state = transformation.update(there, state, places)
        places = optax.apply_updates(places, updates)
    return [np.asarray(place) for place in places], lambda name: np.asarray(optax_part(state, name))


def variable(optimizer, name):
    """Of a Keras optimizer, the one variable of that name; Nadam's product has none."""
    (found,) = (
        [optimizer._u_product]
        if name == "u_product"
        else [one for one in optimizer.variables if one.name == f"place_{name}"]
    )
    return keras.ops.convert_to_numpy(found.value)


def optax_part(state, name):
    """Of an optax state, the one part of that name, for the first parameter."""
    (found,) = [part for _, value in optax.tree.get_all_with_path(state, name) for part in jax.tree.leaves(value)]
    return found


def by_method(method, numbers, start, gradients, first=1):
    place, state = start.copy(), method.initial_state(start)
    for t, g in enumerate(gradients, start=first):
        step, state = method(place, g, state, t, numbers)
        place = place + step
    return place, state


def told(way, **more):
    options = {**way.dialect.defaults, **way.options, **more}
    rate = next(a.name for a in way.dialect.arguments if a.means == "learning_rate")
    return way.dialect.method({**options, rate: RATE}), way.dialect.numbers({**options, rate: RATE})


def random(count, seed=5):
    return np.random.default_rng(seed).normal(size=(count, *SHAPE))


@each_way
def test_the_state_has_the_native_s_names_and_begins_where_it_begins(way):
    start, g = random(2)
    _, look_up = train(way.dialect, way.options, [start], [[g]])
    method, numbers = told(way)
    _, state = by_method(method, numbers, start, [g])
    for name, value in state.items():
        if way.dialect.framework == "optax" and name == "mu_product":
            continue  # the drop-in's own: with a constant momentum optax needs none
        # Keras keeps the rate, and Muon's sums, in float32.
        np.testing.assert_allclose(look_up(name), value, rtol=1e-6 if way.dialect.framework == "keras" else 1e-13)


COUNTED = ("Adam", "AdamW", "NAdam", "Nadam", "Adamax", "RAdam", "adam", "nadam", "adamax", "radam")


@pytest.mark.parametrize("dialect", [d for d in NATIVES if d.name in COUNTED], ids=lambda d: f"{d.framework} {d.name}")
def test_a_late_parameter_is_counted_as_the_table_says(dialect):
    start, other, *gradients = random(5)
    given = [[gradients[0], None], [gradients[1], None], [gradients[2], gradients[2]]]
    (_, late), _ = train(dialect, {"weight_decay": 0.0} if "W" in dialect.name else {}, [start, other], given)
    way = Named.to(dialect, dialect.case(dialect.defaults))
    method, numbers = told(way)
    numbers.pop("weight_decay", None)
    expected = {
        kind: by_method(method, numbers, other, [gradients[2]], first)[0]
        for kind, first in (("each parameter", 1), ("all", 3))
    }
    if "mu_product" in method.fields:  # the product is of all momenta so far
        state = method.initial_state(other)
        place = other
        for t, g in ((1, 0 * other), (2, 0 * other), (3, gradients[2])):
            step, state = method(place, g, state, t, numbers)
            place = place + step
        expected["all"] = place
    apart = {kind: np.abs(late - place).max() for kind, place in expected.items()}
    (wrong,) = {"each parameter", "all"} - {dialect.step_count}
    assert apart[dialect.step_count] < 1e-8 < 1e-4 < apart[wrong]


def decaying():
    for dialect in NATIVES:
        argument = next((a.name for a in dialect.arguments if a.means == "weight_decay"), None)
        for case in dialect.cases:
            way = Named.to(dialect, case)
            if argument and way and case.rule is not rules.sgd:  # for plain SGD the two kinds are one
                yield way, argument


@pytest.mark.parametrize(
    ("way", "argument"), [pytest.param(*one, id=f"{one[0].dialect.framework} {one[0]}") for one in decaying()]
)
def test_weight_decay_is_of_the_kind_in_the_table(way, argument):
    start, *gradients = random(5)
    (theirs,), _ = train(way.dialect, {**way.options, argument: 0.5}, [start], [[g] for g in gradients])
    method, numbers = told(way, **{argument: 0.5})
    kinds = {kind: dataclasses.replace(method, weight_decay=kind) for kind in ("coupled", "decoupled")}
    if method.weight_decay == "none":  # a knob of the rule itself
        kinds = {"decoupled": method}
    apart = {kind: np.abs(by_method(one, numbers, start, gradients)[0] - theirs).max() for kind, one in kinds.items()}
    kind = method.weight_decay if method.weight_decay != "none" else "decoupled"
    bfloat16 = way.dialect.framework == "torch" and way.case.rule is rules.muon  # torch iterates in it
    assert apart.pop(kind) < (0.02 if bfloat16 else 1e-6)
    assert all(far > 1e-4 for far in apart.values())


@each_native
def test_only_what_the_notes_name_turns_to_nan_in_float16(dialect):
    start = [np.ones((2, 2), np.float16)]
    (native,), _ = train(dialect, {}, start, [[np.zeros((2, 2), np.float16)]])
    noted = any("gradient of exactly 0 gives NaN in float16" in note for note in dialect.notes)
    assert np.isnan(native).all() == noted
    (ours,), _ = train(dialect, {}, start, [[np.zeros((2, 2), np.float16)]], DROP_IN)
    assert np.isfinite(ours).all()


@each_native
def test_the_first_step_is_off_in_float32_where_the_notes_say_so(dialect):
    """Adam's kin move by the rate on the first step, whatever the gradient: 1e-5 of it is what the notes speak of."""
    start, g, zero = [np.zeros(1, np.float32)], [[np.ones(1, np.float32)]], {}
    for name in ("eps", "epsilon", "weight_decay"):
        if name in dialect.defaults:
            zero[name] = 0.0
    noted = any("of the bias is off by 1e-5 at first" in note for note in dialect.notes)
    if not noted:
        assert dialect.framework == "torch" or dialect.cases[-1].rule not in (rules.adam, rules.amsgrad)
        return
    with jax.enable_x64(False):
        (native,), _ = train(dialect, zero, start, g)
        (ours,), _ = train(dialect, zero, start, g, DROP_IN)
    exact, numbers = told(Named.to(dialect, dialect.case(dialect.defaults)), **zero)
    expected, _ = by_method(exact, numbers, np.zeros(1), [np.ones(1)])
    assert 3e-6 < abs(native[0] / expected[0] - 1) < 3e-5
    assert abs(ours[0] / expected[0] - 1) < 10 * 6e-8  # ten roundings


def test_keras_s_epsilon_hat_counts_32_times_at_first():
    start, g = [np.zeros(1)], [[np.full(1, 1e-3)]]
    adam = dialects.find("keras", "Adam")
    (moved,), _ = train(adam, {"epsilon": 1e-3}, start, g)
    assert moved[0] == pytest.approx(-RATE / (1 + 32), rel=0.02)
    assert any("32 times" in note for note in adam.notes)


def test_torch_never_dampens_the_first_gradient():
    way = Named(dialects.find("torch", "SGD"), None, {"momentum": 0.9, "dampening": 0.5})
    start, g = random(2)
    _, look_up = train(way.dialect, way.options, [start], [[g]])
    np.testing.assert_array_equal(look_up("momentum_buffer"), g)


def test_optax_s_adadelta_climbs_without_a_rate():
    update, _ = optax.adadelta().update(jnp.ones(1), optax.adadelta().init(jnp.ones(1)), jnp.ones(1))
    ours, _ = steepest.optax.adadelta().update(jnp.ones(1), steepest.optax.adadelta().init(jnp.ones(1)), jnp.ones(1))
    assert update[0] > 0 > ours[0]
