"""The compiled loop against the same steps in NumPy, and its judgement of losses that are crafted for it."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from steepest import rules
from steepest.losses import squared_error
from steepest.networks import Layer, Network
from steepest.optimizer import SGD, Momentum, optimizer
from steepest.problems import Problem
from steepest.schedules import LinearDecay
from steepest.training import Settings, fit, fit_instance, minibatches
from steepest.training._loop import Parts, Patience, begin, first_losses, train_epochs

# --- a tiny network, its gradient by hand ---------------------------------------------------------------------------

RANDOM = np.random.default_rng(11)
X, Y = RANDOM.normal(size=(7, 3)), RANDOM.normal(size=7)
HELD_X, HELD_Y = RANDOM.normal(size=(4, 3)), RANDOM.normal(size=4)
START = [RANDOM.normal(size=shape) for shape in ((3, 2), (2,), (2, 1), (1,))]
NETWORK = Network((2,), "tanh")


def tiny_loss(parameters, batch):
    return jnp.mean(squared_error(NETWORK.apply(parameters, batch[0]), batch[1]))


@functools.cache  # a start is compiled once for each problem
def tiny_problem():
    start = (Layer(*START[:2]), Layer(*START[2:]))
    return Problem(init=start, loss=tiny_loss, data=(X, Y), validation=(HELD_X, HELD_Y))


def loss_and_gradient(parameters, x, y):
    """Mean squared error of the network and its gradient, by the chain rule, in NumPy."""
    w1, b1, w2, b2 = parameters
    h = np.tanh(x @ w1 + b1)
    error = (h @ w2 + b2)[:, 0] - y
    d_out = (2 * error / len(y))[:, None]
    d_hidden = (d_out @ w2.T) * (1 - h**2)
    return np.mean(error**2), [x.T @ d_hidden, d_hidden.sum(0), h.T @ d_out, d_out.sum(0)]


def by_numpy(name, schedule, *, epochs, batch_size, seed, sampling):
    """Parameters, training and validation losses of each epoch, a leaf and a step at a time."""
    rule, parameters, t = rules.find(name), [leaf.copy() for leaf in START], 0
    states = [rules.initial_state(rule, leaf) for leaf in parameters]
    curves = []
    for batches in minibatches(len(Y), batch_size, seed=seed, first_epoch=0, epochs=epochs, sampling=sampling):
        losses = []
        for rows in batches:
            t += 1
            point = parameters
            if rule.look_ahead:
                point = [p + rule.look_ahead(s) for p, s in zip(parameters, states, strict=True)]
            loss, gradients = loss_and_gradient(point, X[rows], Y[rows])
            for i, (g, state) in enumerate(zip(gradients, states, strict=True)):
                step, states[i] = rule(g, state, t, learning_rate=schedule(t - 1))
                parameters[i] = parameters[i] + step
            losses.append(loss)
        curves.append((np.mean(losses), loss_and_gradient(parameters, HELD_X, HELD_Y)[0]))
    return parameters, np.array(curves)


@pytest.mark.parametrize("name", [*rules.RULES, "nesterov_lookahead"])
def test_three_epochs_are_the_same_steps_in_numpy(name):
    schedule = LinearDecay(10 * rules.find(name).usual_learning_rate, 0.0, steps=12)
    sampling = "replacement" if name == "sgd" else "shuffled"
    with jax.enable_x64(True):
        run = fit(tiny_problem(), optimizer(name, schedule), epochs=3, batch_size=3, seed=5, sampling=sampling)
    parameters, curves = by_numpy(name, schedule, epochs=3, batch_size=3, seed=5, sampling=sampling)
    assert run.steps == 9
    assert run.curves["step"].to_list() == [0, 3, 6, 9]
    # float64: 9 steps, each a gradient of some hundred roundings of 1e-16, in directions that adaptive rules may
    # divide by small numbers: 1e-10 leaves room, and any other step, row or rate is off by more than 1e-3.
    for ours, theirs in zip(jax.tree.leaves(run.last), parameters, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(run.curves.select("train_loss", "validation_loss").to_numpy()[1:], curves, rtol=1e-10)
    first = [loss_and_gradient(START, x, y)[0] for x, y in ((X, Y), (HELD_X, HELD_Y))]
    np.testing.assert_allclose(run.curves.row(0)[2:], first, rtol=1e-12)
    assert max(np.abs(end - start).max() for end, start in zip(parameters, START, strict=True)) > 1e-3


def started(seed=0, learning_rate=0.05):
    """A run of the tiny problem before its first step: progress, optimizer, parts, minibatches of three epochs."""
    (instance,) = tiny_problem().instances([seed])
    chosen, parts = Momentum(LinearDecay(learning_rate, 0.0, 20)), Parts(instance.train, instance.validation)
    parameters = instance.init(jax.random.key(seed))
    first = first_losses_compiled(parameters, parts)
    rows = jnp.asarray(minibatches(7, 3, seed=seed, first_epoch=0, epochs=3))
    return begin(parameters, chosen.init(parameters), np.array(first)), chosen, parts, rows


first_losses_compiled = jax.jit(functools.partial(first_losses, loss=tiny_loss))
loop = functools.partial(train_epochs, epochs=3, patience=Patience(math.inf, 0.0), loss=tiny_loss)


def close(ours, theirs, rtol):
    """Equal but for the order of sums, over a few steps that do not amplify."""
    for mine, other in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        if not jnp.issubdtype(mine.dtype, jax.dtypes.prng_key):
            np.testing.assert_allclose(mine, other, rtol=rtol, atol=rtol)


def test_step_by_step_in_python_is_the_compiled_program():
    loss, data = (lambda x, a: jnp.mean((x - a) ** 2)), jnp.arange(5.0)
    run = functools.partial(train_epochs, epochs=2, patience=Patience(math.inf, 0.0), loss=loss)
    chosen, rows = Momentum(0.01), jnp.asarray(minibatches(5, 2, seed=0, first_epoch=0, epochs=2))
    progress = begin(jnp.float32(9.0), chosen.init(jnp.float32(9.0)), np.array([51.0, 51.0], np.float32))
    compiled = jax.jit(run)(progress, chosen, Parts(data, None), rows)
    with jax.disable_jit():
        eager = run(progress, chosen, Parts(data, None), rows)
    close(eager, compiled, rtol=1e-6)  # float32, six steps that contract
    assert abs(float(eager[0].parameters) - 9.0) > 1


def test_runs_side_by_side_are_the_runs_alone_and_end_alone():
    with jax.enable_x64(True):
        lanes = [(0, 0.05), (1, 0.2), (2, 1e6)]  # seed and learning rate; the last diverges
        alone = [jax.jit(loop)(*started(*lane)) for lane in lanes]
        progress, chosen, parts, rows = zip(*(started(*lane) for lane in lanes), strict=True)
        run_all = jax.jit(jax.vmap(loop, in_axes=(0, 0, None, 0)))
        together = run_all(stacked(progress), stacked(chosen), parts[0], stacked(rows))
        for lane, expected in enumerate(alone):
            close(jax.tree.map(lambda leaf, lane=lane: leaf[lane], together), expected, rtol=1e-12)
    progress, (train, _), _ = together
    assert progress.status.tolist() == [0, 0, 2]
    assert progress.epoch.tolist() == [3, 3, 1]
    np.testing.assert_array_equal(np.isnan(train), [[False] * 3, [False] * 3, [False, True, True]])
    assert np.abs(np.diff(train[:2], axis=0)).min() > 1e-3


def stacked(trees):
    return jax.tree.map(lambda *leaves: jnp.stack([jnp.asarray(leaf) for leaf in leaves]), *trees)


# --- judgement: a parameter that falls by 1 a step, and a validation loss looked up in a table ----------------------

TABLE = 12


def crafted(losses):
    """A problem with one training row and a validation loss of ``losses[k]`` after k steps of SGD at rate 1."""
    table = np.full((1, TABLE), losses[-1], np.float32)
    table[0, : len(losses)] = losses
    learn, watch = (np.zeros(1), np.zeros_like(table)), (np.ones(1), table)
    return Problem(init=np.float32(0.0), loss=looked_up, data=learn, validation=watch)


def looked_up(x, batch):
    watched, table = batch
    return jnp.where(watched[0] == 1, table[0, (-x).astype(jnp.int32)], x)


def judged(losses, *, epochs=10, patience=None, least=0.0):
    problem = crafted(losses)
    (instance,) = problem.instances([0])
    settings = Settings(epochs, patience=patience, least_improvement=least)
    return fit_instance(problem, instance, SGD(1.0), settings, seed=0)


def test_the_parameters_with_the_lowest_validation_loss_are_kept():
    run = judged([5, 4, 3, 6, 2, 7, 2, 9, 8, 8, 8])
    assert (run.best_epoch, run.best_loss, float(run.parameters), float(run.last)) == (4, 2.0, -4.0, -10.0)
    assert run.curves["validation_loss"].to_list() == [5, 4, 3, 6, 2, 7, 2, 9, 8, 8, 8]
    assert run.curves["train_loss"].to_list() == [0, 0, -1, -2, -3, -4, -5, -6, -7, -8, -9]
    assert (run.status, run.epochs, run.steps) == ("ok", 10, 10)


def test_parameters_that_never_improve_are_those_of_the_start():
    run = judged([1, 2, 2, 2])
    assert (run.best_epoch, run.best_loss, float(run.parameters)) == (0, 1.0, 0.0)


@pytest.mark.parametrize(
    ("losses", "patience", "least", "epochs", "best"),
    [
        ([5, 4, 4.5, 3, 3, 3.5, 2], 2, 0.0, 5, 3),  # equal is no improvement
        ([5, 4, 4.5, 3, 3, 3.5, 2], 3, 0.0, 9, 6),
        ([5, 6, 1], 1, 0.0, 1, 0),
        ([5, 4, 3, 2, 1, 1], 1, 0.0, 5, 4),
        ([100, 95, 91, 50], 2, 0.1, 2, 2),  # no tenth less than the best so far, though the best is kept
        ([100, 89, 81, 80], 2, 0.1, 3, 3),  # 89 is, 81 and 80 are not
        ([100, 95, 85, 50, 50], 2, 0.1, 5, 3),  # 85 is more than a tenth below 95
        ([-1, -2, -3, -3.2, -3.2], 2, 0.1, 4, 3),  # and so below zero
    ],
)
def test_training_stops_when_patience_ends(losses, patience, least, epochs, best):
    run = judged(losses, patience=patience, least=least)
    assert (run.status, run.epochs, run.steps, run.best_epoch) == ("stopped", epochs, epochs, best)
    assert float(run.parameters) == -best
    assert float(run.last) == -epochs


def test_without_patience_nothing_stops():
    assert (judged([1, 2]).status, judged([1, 2]).epochs) == ("ok", 10)
    assert judged([1, 2], patience=10).status == "stopped"  # at the last epoch, which is early by nothing
    assert judged([1, 2], patience=11).status == "ok"


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_not_finite_ends_the_run_and_keeps_what_was_best(bad):
    run = judged([5, 4, 3, bad, 1])
    assert (run.status, run.epochs, run.best_epoch, run.best_loss) == ("diverged", 3, 2, 3.0)
    assert float(run.parameters) == -2.0
    np.testing.assert_equal(run.curves["validation_loss"].to_list(), [5, 4, 3, bad])


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_validation_loss_that_is_not_finite_at_the_start_ends_the_run_before_it(bad):
    # Nothing compares with it: every later epoch would be neither better nor worse.
    run = judged([bad, 4, 3])
    assert (run.status, run.epochs, run.steps, float(run.parameters)) == ("diverged", 0, 0, 0.0)


def bowl(x):
    return jnp.sum(x**2)


@pytest.mark.parametrize(("start", "epochs"), [(1.0, 5), (30.0, 5)])
def test_a_loss_a_thousand_times_the_first_has_diverged(start, epochs):
    # At rate 2 the point goes to -3 times itself, the loss to 9 times: 9^4 = 6561 is seen at the fifth step.
    run = fit(Problem(init=np.float32([start]), loss=bowl), SGD(2.0), epochs=50, patience=None)
    assert (run.status, run.epochs, run.best_epoch) == ("diverged", epochs, 0)
    np.testing.assert_array_equal(run.parameters, [start])
    np.testing.assert_allclose(run.curves["validation_loss"], [9.0**k * start**2 for k in range(epochs + 1)], rtol=1e-6)


def test_a_start_without_a_finite_loss_is_a_diverged_run():
    run = fit(Problem(init=np.float32([np.nan]), loss=bowl), SGD(2.0), epochs=50)
    assert (run.status, run.epochs, run.steps, run.curves.height) == ("diverged", 0, 0, 1)


def test_gradient_descent_on_a_quadratic_is_its_closed_form():
    # Mean of h_i (x - a_i)^2 / 2: x - x* shrinks by 1 - rate mean(h) each step.
    h, a = np.array([0.5, 1.0, 3.0]), np.array([2.0, -1.0, 4.0])
    least = (h * a).mean() / h.mean()
    with jax.enable_x64(True):
        problem = Problem(
            init=np.float64(-3.0), loss=lambda x, batch: jnp.mean(batch[0] * (x - batch[1]) ** 2) / 2, data=(h, a)
        )
        run = fit(problem, SGD(0.3), epochs=25, batch_size="all", patience=None)
    x = least + (1 - 0.3 * h.mean()) ** np.arange(26) * (-3.0 - least)
    np.testing.assert_allclose(run.last, x[25], rtol=1e-13)
    losses = [(h * (one - a) ** 2).mean() / 2 for one in x]
    np.testing.assert_allclose(run.curves["validation_loss"], losses, rtol=1e-13)
    np.testing.assert_allclose(run.curves["train_loss"], [losses[0], *losses[:-1]], rtol=1e-13)
    assert run.best_epoch == 25
