"""A run is decided by its seed alone, however it is watched; its numbers are data, so that nothing compiles twice."""

import dataclasses
import math
import time
from contextlib import contextmanager

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from steepest.data import read
from steepest.errors import InputError
from steepest.gradients import AddNoise, ClipByGlobalNorm, ClipByValue
from steepest.optimizer import SGD, Adam, Momentum
from steepest.problems import Problem, network
from steepest.races import race
from steepest.schedules import Constant, LinearDecay, Warmup
from steepest.training import Settings, fit, fit_instance
from steepest.training._run import curves_table

RANDOM = np.random.default_rng(4)
X, Y = RANDOM.normal(size=(23, 3)).astype(np.float32), RANDOM.normal(size=23).astype(np.float32)


def line(parameters, batch):
    return jnp.mean((batch[0] @ parameters["slope"] + parameters["level"] - batch[1]) ** 2)


def start(key):
    return {"slope": jax.random.normal(key, (3,)), "level": jnp.float32(0.0)}


PROBLEM = Problem(init=start, loss=line, data=(X, Y), validation=(X[:5], Y[:5]), name="line")


def content(run):
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves((run.parameters, run.last))]
    return [leaf.tobytes() for leaf in leaves], run.curves.rows(), run.status, run.best_epoch, run.steps


# Clipping, noise, momentum and a moving rate: all that a run carries from one epoch to the next.
BUSY = Momentum(Warmup(LinearDecay(0.05, 0.001, 60), 10), transforms=(ClipByGlobalNorm(2.0), AddNoise(0.1)))
OPTIONS = {"epochs": 12, "batch_size": 5, "patience": None, "seed": 3}


def test_the_same_seed_gives_the_same_run_bit_for_bit_and_another_another():
    first = fit(PROBLEM, BUSY, **OPTIONS)
    assert content(fit(PROBLEM, BUSY, **OPTIONS)) == content(first)
    other = fit(PROBLEM, BUSY, **OPTIONS | {"seed": 4})
    assert content(other) != content(first)
    assert other.curves.row(0) != first.curves.row(0)  # another start
    drawn = fit(PROBLEM, BUSY, **OPTIONS | {"sampling": "replacement"})
    assert drawn.curves.row(0) == first.curves.row(0)
    assert drawn.curves.row(1) != first.curves.row(1)  # other minibatches


def test_a_run_is_the_same_however_it_is_watched():
    unwatched = fit(PROBLEM, BUSY, **OPTIONS)
    heard = []

    def watch(epoch, train_loss, watched_loss):
        heard.append((epoch, train_loss, watched_loss))
        return True

    (instance,) = PROBLEM.instances([3])
    settings = Settings(12, 5, None)
    for seconds in (0.0, 1e-9, 0.5, math.inf):
        heard.clear()
        run = fit_instance(PROBLEM, instance, BUSY, settings, seed=3, watch=watch, watch_seconds=seconds)
        assert content(run) == content(unwatched)
        rows = unwatched.curves.select("epoch", "train_loss", "validation_loss").rows()
        assert all(one in rows for one in heard)
        if seconds < 1e-6:
            assert heard == rows[1:]  # every epoch
        if seconds == math.inf:
            assert heard == rows[-1:]  # once


def test_a_watcher_can_end_a_run():
    whole = fit(PROBLEM, BUSY, **OPTIONS)
    (instance,) = PROBLEM.instances([3])
    run = fit_instance(
        PROBLEM, instance, BUSY, Settings(12, 5, None), seed=3, watch=lambda epoch, *_: epoch < 4, watch_seconds=0.0
    )
    assert (run.status, run.epochs, run.steps) == ("interrupted", 4, 20)
    assert run.curves.rows() == whole.curves.rows()[:5]
    watched = run.curves["validation_loss"]
    assert (run.best_loss, run.best_epoch) == (watched.min(), watched.arg_min())
    assert "interrupted after 4 epochs (20 steps" in repr(run)


def test_a_watcher_that_ends_a_run_at_its_last_epoch_ends_nothing():
    (instance,) = PROBLEM.instances([3])
    settings = Settings(3, 5, None)
    run = fit_instance(PROBLEM, instance, BUSY, settings, seed=3, watch=lambda epoch, *_: epoch < 3, watch_seconds=0.0)
    assert (run.status, run.epochs) == ("ok", 3)


def test_a_watchers_error_is_its_own():
    def interrupt(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(PROBLEM, BUSY, **OPTIONS, watch=interrupt)


def test_what_a_run_tells_of_itself():
    began = time.perf_counter()
    run = fit(PROBLEM, BUSY, **OPTIONS)
    assert 0 < run.seconds <= time.perf_counter() - began
    assert run.curves.columns == ["epoch", "step", "train_loss", "validation_loss"]
    assert run.curves["epoch"].to_list() == list(range(13))
    assert run.curves["step"].to_list() == list(range(0, 65, 5))
    assert float(line(run.parameters, (X[:5], Y[:5]))) == pytest.approx(run.best_loss, rel=1e-5)
    row = run.row()
    assert (row["optimizer"], row["seed"], row["status"], row["epochs"], row["steps"]) == ("momentum", 3, "ok", 12, 60)
    assert row["learning_rate"] == pytest.approx(0.05)
    assert row["best_validation_loss"] == run.best_loss <= row["validation_loss"] == run.curves["validation_loss"][-1]
    assert repr(run).startswith("Run of momentum at 0.05 on line, seed 3: ran all 12 epochs (60 steps, ")


def test_adam_at_its_usual_rate_is_the_default():
    chosen = fit(PROBLEM, epochs=1).optimizer
    assert (chosen.name, chosen.learning_rate) == ("adam", 1e-3)


def test_errors_in_the_users_units():
    run = fit(network(read("diabetes"), hidden=()), SGD(0.01), epochs=1)
    scale = run.problem.instances([0]) and run.problem.reported(1.0, 0)
    assert scale == pytest.approx(77, rel=0.1)  # the target's standard deviation
    # The loss is in squared standard deviations, what is told the root of it in units of the target.
    np.testing.assert_allclose(
        run.reported_curves()["validation_loss"], scale * np.sqrt(run.curves["validation_loss"]), rtol=1e-12
    )
    assert run.reported_best == pytest.approx(scale * math.sqrt(run.best_loss))
    assert run.row()["best_validation_loss"] == run.reported_best


# --- what compiles --------------------------------------------------------------------------------------------------


@contextmanager
def compiled():
    """The names of the functions compiled inside the block."""
    names = []

    def listen(event, _seconds, **about):
        if event == "/jax/core/compile/backend_compile_duration":
            names.append(str(about.get("fun_name")))

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        yield names
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)


def test_nothing_compiles_again_when_only_numbers_change():
    clips = lambda limit: (ClipByGlobalNorm(limit), ClipByValue(limit), AddNoise(limit))  # noqa: E731
    busy = lambda *rates, momentum=0.9, limit=1.0: Momentum(  # noqa: E731
        Warmup(LinearDecay(*rates), rates[2]), momentum=momentum, transforms=clips(limit)
    )
    fit(PROBLEM, Adam(1e-3), epochs=3, batch_size=5)
    fit(PROBLEM, busy(0.1, 0.0, 9), epochs=3, batch_size=5)
    with compiled() as names:
        for chosen in (Adam(2e-3), Adam(np.float32(0.1)), Adam(1), Adam(b1=0.5), Adam(b2=0), Adam(epsilon=1e-3)):
            fit(PROBLEM, chosen, epochs=3, batch_size=5)
        for chosen in (busy(0.2, 0.1, 9), busy(0.1, 0.0, 20), busy(0.1, 0.0, 9, momentum=0.5), busy(1, 0, 9, limit=3)):
            fit(PROBLEM, chosen, epochs=3, batch_size=5)
        fit(PROBLEM, Adam(Constant(0.3)), epochs=3, batch_size=5)
        fit(PROBLEM, Adam().with_learning_rate(0.3), epochs=3, batch_size=5)
        for options in ({"seed": 5}, {"epochs": 1}, {"epochs": 40}, {"patience": 1}, {"patience": None}):
            fit(PROBLEM, Adam(), **{"epochs": 3, "batch_size": 5} | options)
        fit(PROBLEM, Adam(), epochs=3, batch_size=5, sampling="replacement")
        fit(PROBLEM, Adam(), epochs=3, batch_size=5, watch=lambda *_: True)
        (instance,) = PROBLEM.instances([0])
        fit_instance(PROBLEM, instance, Adam(), Settings(3, 5, least_improvement=0.1), seed=0)
    assert names == []


def test_a_problem_of_the_same_shapes_compiles_nothing_and_another_shape_its_loop_once():
    table, loops = read("iris"), lambda names: sum("train_epochs" in name for name in names)
    fit(network(table, hidden=()), epochs=1)
    with compiled() as names:
        fit(network(table, hidden=()), epochs=2, seed=1)  # another split and encoding too
        fit(network(read("iris"), hidden=[]), epochs=2)
    assert names == []
    with compiled() as names:
        fit(network(table, hidden=(4,)), epochs=1)
        fit(network(table, hidden=(4,)), epochs=2)
    assert loops(names) == 1


# --- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, r"^epochs must be a whole number, 1 or more; received 0\."),
        ({"epochs": 2.5}, r"^epochs must be a whole number, 1 or more; received 2\.5\."),
        ({"epochs": None}, r"^epochs must be a whole number, 1 or more; received None\."),
        ({"epochs": math.nan}, r"^epochs must be .* received nan\."),
        ({"epochs": math.inf}, r"^epochs must be .* received inf\."),
        ({"epochs": True}, r"^epochs must be .* received True\."),
        ({"batch_size": -4}, r"^batch_size must be a whole number, 1 or more; received -4\."),
        ({"batch_size": "many"}, r"^batch_size must be .* received many\."),
        ({"batch_size": 24}, r"^batch_size 24 is larger than the 23 training rows\. Give 23 or fewer\."),
        ({"patience": 0}, r"^patience must be a whole number, 1 or more; received 0\."),
        ({"sampling": "shufled"}, r"^Unknown sampling 'shufled'\. Did you mean 'shuffled'\? Allowed: shuffled, repl"),
        ({"seed": -1}, r"^seed must be a whole number from 0 to 2147483647; received -1\. Try 0\."),
        ({"seed": 2**31}, r"^seed must be a whole number from 0 to 2147483647; received 2147483648\."),
        ({"seed": 0.5}, r"^seed must be .* received 0\.5\."),
        ({"seed": "lucky"}, r"^seed must be .* received 'lucky'\."),
    ],
)
def test_numbers_out_of_range_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        fit(PROBLEM, **options)


@pytest.mark.parametrize("least", [-0.1, 1.0, math.nan])
def test_a_least_improvement_out_of_range_is_refused(least):
    with pytest.raises(InputError, match=rf"^least_improvement must be in \[0, 1\); received {least}"):
        Settings(least_improvement=least)


@pytest.mark.parametrize(
    ("given", "rows", "size"), [(None, 500, 32), (None, 20, 20), ("all", 500, 500), (7, 500, 7), (20, 20, 20)]
)
def test_rows_of_a_batch(given, rows, size):
    assert Settings(batch_size=given).batch_size_for(rows) == size


def test_settings_as_plain_values():
    assert Settings(5, 8).to_json() == {
        "epochs": 5, "batch_size": 8, "patience": 10, "least_improvement": 1e-4, "sampling": "shuffled",
    }  # fmt: skip
    assert Settings(patience=None).patience_epochs == math.inf
    assert Settings(patience=3).patience_epochs == 3.0


@pytest.mark.parametrize(
    ("best_epoch", "watched", "steady"),
    [
        (3, [9.0, 4.0, 2.0, 0.0, 6.0, 8.0, 1.0], (4.0 + 2.0 + 0.0 + 6.0 + 8.0) / 5),
        (1, [9.0, 1.0, 2.0, 3.0, 7.0], 2.0),  # what was before training is left out
        (4, [9.0, 4.0, 3.0, 2.0, 1.0], 2.0),
        (0, [1.0, 5.0, 7.0, 9.0], 6.0),
        (0, [1.0], 1.0),
    ],
)
def test_a_steady_loss_is_that_of_the_epochs_around_the_best(best_epoch, watched, steady):
    run = fit(Problem(init=[1.0], loss=lambda x: x[0] ** 2), epochs=1)
    curves = curves_table(np.array([watched, watched]), steps_per_epoch=1)
    run = dataclasses.replace(run, curves=curves, best_epoch=best_epoch, best_loss=min(watched))
    assert run.steady_loss == pytest.approx(steady)
    assert run.row()["steady_validation_loss"] == run.steady_loss


@pytest.mark.parametrize("verb", [fit, race])
@pytest.mark.parametrize("given", [read("wine"), "wine", None])
def test_what_is_no_problem_is_refused_with_the_way_to_make_one(verb, given):
    kind = type(given).__name__
    with pytest.raises(InputError, match=rf"^fit and race minimise a problem; received {kind}\. Make one with network"):
        verb(given)


def test_a_network_needs_a_table_that_was_read():
    with pytest.raises(InputError, match=r"^A network is trained on a table that was read; received str\. Try network"):
        network("x.csv")
