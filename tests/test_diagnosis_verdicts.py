"""Verdicts on runs whose trouble is plain, the same when nothing that matters is changed, and what cannot be told."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import steepest as st
from steepest import functions
from steepest.diagnosis import KINDS, Sibling, diagnose, gather, remedy
from steepest.diagnosis._criteria import found as found_in


def named(found):
    return {one.name for one in found.verdicts}


def bowl(scale=1.0, dtype=np.float32, curvatures=(1.0, 3.0)):
    c = np.asarray(curvatures, dtype)
    return st.Problem(np.array([2.0, -1.0], dtype), lambda p: scale * jnp.sum(jnp.asarray(c, p.dtype) * p**2) / 2)


def ravine():
    return functions.quadratic(1e4, dimensions=4, rotated=True)


PLAIN = {
    "saddle": lambda: st.fit(functions.bounded_saddle((1.0, 0.0)), st.SGD(0.1), epochs=200, patience=None),
    "bad local minimum": lambda: st.fit(functions.rastrigin(start=(2.2, 1.2)), st.SGD(1e-3), epochs=300, patience=None),
    "plateau or saturation": lambda: st.fit(functions.sigmoid_well((6.0, 4.0)), st.SGD(0.1), epochs=200, patience=None),
    "cliff or exploding gradient": lambda: st.fit(
        functions.cliff((-1.8, 1.0), steepness=100.0), st.SGD(1.7), epochs=60, patience=None
    ),
    "ill-conditioning": lambda: st.fit(ravine(), st.SGD(1e-4), epochs=300, patience=None),
    "noisy gradient": lambda: st.fit(
        functions.noisy(functions.quadratic(2.0), scale=20.0), st.SGD(0.2), epochs=40, batch_size=8, patience=None
    ),
    "rate too small": lambda: st.fit(bowl(), st.SGD(1e-3), epochs=100, patience=None),
    "rate too large": lambda: st.fit(bowl(), st.SGD(0.8), epochs=100, patience=None),
}


@pytest.mark.parametrize("kind", PLAIN)
def test_a_plain_trouble_of_a_function_is_named_with_its_evidence(kind):
    found = diagnose(PLAIN[kind]())
    assert found.outcome == "troubled"
    assert kind in named(found), found
    one = next(verdict for verdict in found.verdicts if verdict.name == kind)
    assert 0.5 <= one.confidence <= 1
    assert one.numbers
    assert one.basis in ("siblings", "probes", "thresholds")
    assert one.refuted_by
    assert one.action.sentence
    assert kind in str(found)
    assert kind in found._repr_html_()
    assert found.to_json()["verdicts"]


def test_runs_that_end_where_they_should_are_healthy():
    for run in (
        st.fit(functions.booth(), st.SGD(0.08), epochs=200, patience=None),
        st.fit(functions.rosenbrock(), st.Adam(0.05), epochs=1000, patience=None),
    ):
        found = diagnose(run)
        assert (found.outcome, found.verdicts) == ("healthy", ()), found
        assert found.reason


def test_troubles_of_networks_are_named():
    # One network for all of them, so that programs are compiled once.
    problem = st.network(st.read("iris"), hidden=(8,))

    def names(optimizer, start=None, epochs=25):
        found = diagnose(st.fit(problem, optimizer, epochs=epochs, patience=None, start=start))
        return named(found) or {found.outcome}

    assert names(st.Adam(0.03)) == {"healthy"}
    fresh = st.fit(problem, st.Adam(0.03), epochs=1).last
    layers = [jax.tree.map(np.asarray, layer) for layer in fresh]
    zeros = tuple(jax.tree.map(np.zeros_like, layer) for layer in layers)
    assert names(st.Adam(0.03), zeros) >= {"bad initialisation"}
    off = layers[0]._replace(biases=np.full(8, -50, np.float32))
    assert names(st.Adam(0.03), (off, layers[1])) >= {"dead units"}
    grown = [layer._replace(weights=20 * layer.weights) for layer in layers]
    assert names(st.Adam(0.003), tuple(grown)) >= {"lost plasticity"}
    # Units in another order are the same network.
    order = np.random.default_rng(0).permutation(8)
    permuted = (
        layers[0]._replace(weights=layers[0].weights[:, order], biases=layers[0].biases[order]),
        layers[1]._replace(weights=layers[1].weights[order]),
    )
    both = [names(st.Adam(1e-5), start) for start in (tuple(layers), permuted)]
    assert both[0] == both[1] == {"rate too small"}


# --- metamorphic: what does not matter


@pytest.mark.parametrize("kind", ["saddle", "ill-conditioning"])
def test_names_survive_a_loss_a_thousand_times_as_large(kind):
    run = PLAIN[kind]()
    value = run.problem.instances([0])[0].loss
    start = np.asarray(run.problem.instances([0])[0].init(jax.random.key(0)))
    large = st.Problem(start, lambda p: 1000 * value(p, ()))
    again = st.fit(large, st.SGD(run.optimizer.learning_rate / 1000), epochs=run.settings.epochs, patience=None)
    plain = diagnose(st.fit(st.Problem(start, lambda p: value(p, ())), run.optimizer, epochs=run.settings.epochs,
                            patience=None))  # fmt: skip
    assert named(diagnose(again)) == named(plain)


@pytest.mark.parametrize("kind", ["plateau or saturation", "rate too large"])
def test_names_survive_another_cadence(kind):
    run = PLAIN[kind]()
    assert set(found_in(gather(run, places=4))) == set(found_in(gather(run, places=30)))


def test_names_survive_float64():
    with jax.enable_x64(True):
        for rate, kind in ((1e-3, "rate too small"), (0.8, "rate too large")):
            run = st.fit(bowl(dtype=np.float64), st.SGD(rate), epochs=100, patience=None)
            assert run.last.dtype == np.float64
            assert named(diagnose(run)) == {kind}


# --- what cannot be told


def test_nan_before_the_first_step_cannot_be_told():
    found = diagnose(st.fit(st.Problem(np.ones(2, np.float32), lambda p: jnp.log(-jnp.sum(p))), st.SGD(0.1), epochs=3))
    assert found.outcome == "cannot tell"
    assert "before the first step" in found.sentence


def test_what_has_no_second_derivative_is_told_without_it():
    @jax.custom_vjp
    def square(x):
        return jnp.sum(x**2)

    square.defvjp(lambda x: (square(x), x), lambda x, g: (2 * g * x,))
    found = diagnose(st.fit(st.Problem(np.ones(3, np.float32), square), st.SGD(1e-4), epochs=50, patience=None))
    assert named(found) == {"rate too small"}
    assert "second derivative" in found.missing[0]


def test_a_gradient_that_is_not_finite_to_begin_with_cannot_be_told():
    cone = st.Problem(np.zeros(2, np.float32), lambda p: jnp.sqrt(jnp.sum(p**2)))
    found = diagnose(st.fit(cone, st.SGD(0.1), epochs=50, patience=None))
    assert found.outcome == "cannot tell"
    assert "gradient is not finite before the first step" in found.sentence


def test_verdicts_do_not_depend_on_the_time_given():
    """Of a network for which the longer time is enough for whole runs, and the shorter for a few epochs of each."""
    run = st.fit(st.network(st.read("wine"), hidden=(6,)), st.SGD(1e-5), epochs=40, patience=None)
    short, long = (diagnose(run, seconds=seconds) for seconds in (0.05, 60))
    assert named(short) == named(long) == {"rate too small"}
    assert any("epochs in the time given" in one for one in short.missing)


def test_a_run_of_one_step_says_what_is_missing():
    found = diagnose(st.fit(bowl(), st.SGD(0.1), epochs=1))
    assert any("two steps" in one for one in found.missing)


def test_what_is_no_run_is_refused():
    with pytest.raises(st.InputError, match="A run is diagnosed; received Problem"):
        diagnose(bowl())


def test_siblings_that_are_known_are_not_trained_again():
    run = st.fit(bowl(), st.SGD(1e-3), epochs=100, patience=None)
    known = Sibling("rate", 100.0, 1e-9, 1e-9)
    found = diagnose(run, siblings=[known])
    rates = [one for one in found.evidence.siblings if one.kind == "rate"]
    assert rates == [known]
    assert named(found) == {"rate too small"}


# --- remedies


@pytest.mark.parametrize("kind", ["saddle", "cliff or exploding gradient"])
def test_the_suggested_action_helps(kind):
    found = diagnose(PLAIN[kind]())
    number = [one.name for one in found.verdicts].index(kind)
    done = remedy(found, number)
    assert done.helped, done


def test_there_is_no_remedy_for_a_healthy_run():
    found = diagnose(st.fit(functions.booth(), st.SGD(0.08), epochs=200, patience=None))
    with pytest.raises(st.InputError, match="nothing to remedy: the run is healthy"):
        remedy(found)


def test_kinds_are_thirteen():
    assert len(set(KINDS)) == 13
