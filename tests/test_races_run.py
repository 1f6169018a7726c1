"""A race is its runs: equal to single fits but for rounding, the same twice, and nothing that goes wrong is hidden."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

import steepest as st
from steepest.problems import Instance, Measure
from steepest.races import _baselines, estimate, plan_race, race
from steepest.training import Settings

X = jax.random.normal(jax.random.key(0), (60, 3))
DATA = (X, X @ jnp.array([1.0, -2.0, 0.5]))
RATES = [1e-3, 0.1, 1e3]
ASKED = {"learning_rates": RATES, "seeds": 2, "confirm_seeds": 0, "epochs": 4, "batch_size": 20}


def squared_error(w, batch):
    return jnp.mean((batch[0] @ w - batch[1]) ** 2)


@pytest.fixture(scope="module")
def problem():
    return st.Problem(lambda key: jax.random.normal(key, (3,)), squared_error, DATA, DATA, name="line")


@pytest.fixture(scope="module")
def raced(problem):
    return race(problem, ["sgd", "adam"], **ASKED)


def test_every_run_is_the_fit_of_its_optimizer_rate_and_seed(problem, raced):
    """Another program fuses other operations: 12 steps of some ten roundings each, in losses that sum 60 rows."""
    assert len(raced.runs) == 12
    for row in raced.runs.iter_rows(named=True):
        optimizer = {"sgd": st.SGD, "adam": st.Adam}[row["optimizer"]](row["learning_rate"])
        alone = st.fit(problem, optimizer, epochs=4, batch_size=20, seed=row["seed"])
        expected = {"run": row["run"], "stage": "tune", "hyperparameters": "", **alone.row()}
        assert_frame_equal(pl.DataFrame([row]), pl.DataFrame([expected]), check_column_order=False, rel_tol=1e-5)
        curves = raced.curves.filter(pl.col("run") == row["run"]).drop("run")
        assert_frame_equal(curves, alone.curves, rel_tol=1e-5)


def rare_categories():
    """200 rows of which four have a category of their own, so that training parts differ in how many they know."""
    random = np.random.default_rng(0)
    table = pl.DataFrame(
        {
            "size": random.normal(10, 3, 200),
            "colour": [f"rare {i}" if i < 4 else ("red", "blue")[i % 2] for i in range(200)],
        }
    )
    red = (table["colour"] == "red").cast(pl.Float64)
    table = table.with_columns(price=0.1 * table["size"] + red + pl.Series(random.normal(0, 0.3, 200)))
    return table.sample(fraction=1.0, shuffle=True, seed=1)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw", "lion"])
def test_a_seeds_run_does_not_depend_on_the_other_seeds(optimizer):
    """Columns of zeros may order a product's sums otherwise, so what is equal is equal but for roundings."""
    problem = st.network(st.read(rare_categories(), target="price"), hidden=(8,))
    widths = [instance.train[0].shape[1] for seed in (0, 3, 4) for instance in problem.instances([seed])]
    assert len(set(widths)) > 1
    alone = st.fit(problem, optimizer, epochs=5, seed=3)
    for seeds in ([3], [3, 4], [0, 3, 4]):
        raced = race(problem, [optimizer], learning_rates=1, seeds=seeds, confirm_seeds=0, epochs=5)
        row = raced.runs.filter(pl.col("seed") == 3).row(0, named=True)
        curves = raced.curves.filter(pl.col("run") == row["run"]).drop("run")
        assert row["best_validation_loss"] == pytest.approx(alone.reported_best, rel=1e-5)
        assert_frame_equal(curves, alone.reported_curves(), rel_tol=1e-5)


def test_two_races_differ_in_nothing_but_their_seconds(problem, raced):
    again = race(problem, ["sgd", "adam"], **ASKED)
    assert again.runs.equals(raced.runs)
    assert again.curves.equals(raced.curves)
    assert again.verdict.to_json() == raced.verdict.to_json()


def test_diverged_runs_are_rows(raced):
    lost = raced.runs.filter(pl.col("status") == "diverged")
    assert set(lost["learning_rate"]) == {1e3}
    assert set(lost["optimizer"]) == {"sgd", "adam"}
    assert raced.verdict.learning_rate == 0.1
    assert raced.verdict.leaderboard[0].diverged == 2


def test_the_winner_is_the_recommended_run_with_the_lowest_loss_and_its_parameters(problem, raced):
    number, run, model, test = raced.winner
    row = raced.runs.row(number, named=True)
    assert (row["run"], row["optimizer"], row["learning_rate"]) == (number, raced.verdict.optimizer, 0.1)
    same = (pl.col("optimizer") == raced.verdict.optimizer) & (pl.col("learning_rate") == 0.1)
    assert row["best_validation_loss"] == raced.runs.filter(same)["best_validation_loss"].min() == run.best_loss
    assert float(squared_error(run.parameters, DATA)) == pytest.approx(run.best_loss, rel=1e-6)
    assert (model, test) == (None, {})


def test_a_loss_without_data_can_be_raced():
    bowl = st.Problem(init=jnp.array([3.0, -4.0]), loss=lambda x: jnp.sum(x**2))
    raced = race(bowl, ["sgd"], learning_rates=[0.05, 0.5], seeds=1, confirm_seeds=6, epochs=2)
    # One step at rate 1/2 on |x|^2 lands on the minimum; at 0.05 each step keeps 9/10 of x, so 0.9^4 of the loss.
    tuning = raced.runs.filter(pl.col("stage") == "tune")
    assert tuning["best_validation_loss"].to_list() == pytest.approx([0.0, 25 * 0.9**4], abs=1e-6)
    assert raced.verdict.learning_rate == 0.5


def test_a_plan_holds_everything(problem):
    settings = Settings(epochs=2, batch_size=20)
    plan = plan_race(["sgd"], learning_rates=[0.1], seeds=[3], confirm_seeds=[5], settings=settings)
    assert race(problem, plan).runs.select("seed", "epochs", "steps").row(0) == (3, 2, 6)


def test_a_batch_larger_than_the_data_is_refused_before_anything_runs(problem):
    told = []
    with pytest.raises(st.InputError, match="61 is larger than the 60"):
        race(problem, ["sgd"], learning_rates=1, seeds=1, batch_size=61, on_end=told.append)
    assert told == []


class Broken:
    """A problem whose loss fails once it is trained on."""

    name, measure = "broken", Measure("loss", "")

    def instances(self, seeds):
        def loss(parameters, batch):
            raise ZeroDivisionError("of the loss itself")

        return [Instance(lambda key: jnp.zeros(2), loss, ()) for _ in seeds]

    def reported(self, losses, seed):
        return losses


def test_an_error_inside_a_run_is_not_swallowed():
    with pytest.raises(ZeroDivisionError, match="of the loss itself"):
        race(Broken(), ["sgd"], learning_rates=3, seeds=1)


def test_an_error_of_the_watcher_is_not_swallowed_and_ends_the_race(problem):
    told = []

    def watch(ended):
        told.append(ended.number)
        raise RuntimeError("of the watcher")

    with pytest.raises(RuntimeError, match="of the watcher"):
        race(problem, ["sgd"], learning_rates=50, seeds=10, epochs=4, batch_size=20, on_end=watch)
    assert len(told) == 1


def interrupt_after(count):
    told = []

    def watch(ended):
        told.append(ended.number)
        if len(told) == count:
            raise KeyboardInterrupt

    return watch


def test_an_interrupted_race_keeps_what_ended_and_says_so(problem):
    how = {"learning_rates": 50, "seeds": 10, "confirm_seeds": 0, "early": False, "epochs": 4, "batch_size": 20}
    raced = race(problem, ["sgd"], on_end=interrupt_after(3), **how)
    assert not raced.complete
    assert 3 <= len(raced.runs) < 500
    assert raced.curves["run"].n_unique() == len(raced.runs)
    marked = f"Partial, {len(raced.runs)} of 500 runs: Use SGD at a learning rate of "
    for told in (raced.outcome, raced.verdict.sentence, raced.verdict.to_json()["sentence"]):
        assert told.startswith(marked)
        assert told.count("Partial") == 1
    assert raced._repr_html_().count(marked) == 1
    assert set(raced.runs["status"]) <= {"ok", "stopped", "diverged"}


def test_a_race_interrupted_at_its_first_run_still_has_tables(problem, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("steepest.races._execute.Crew._train", interrupted)
    raced = race(problem, ["sgd"], **ASKED)
    assert (len(raced.runs), len(raced.curves), raced.verdict, raced.winner) == (0, 0, None, None)
    assert not raced.complete
    assert raced.runs.columns[:3] == ["run", "optimizer", "learning_rate"]
    assert "Partial, 0 of 6 runs: No run ended" in raced._repr_html_()


def test_an_interrupt_while_the_runs_are_handed_out_ends_the_race_at_once(problem, monkeypatch):
    from concurrent.futures import ThreadPoolExecutor

    handed = []

    def submit(self, *arguments):
        handed.append(arguments)
        if len(handed) == 6:
            raise KeyboardInterrupt
        return plainly(self, *arguments)

    plainly = ThreadPoolExecutor.submit
    monkeypatch.setattr(ThreadPoolExecutor, "submit", submit)
    raced = race(problem, ["sgd"], **ASKED)
    assert not raced.complete
    assert len(raced.runs) <= 5


def test_an_interrupt_while_the_winner_is_trained_keeps_the_results_and_leaves_it_for_when_the_race_goes_on(
    problem, monkeypatch
):
    whole = race(problem, ["sgd"], **ASKED)
    known = {}

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("steepest.races._race.fit_instance", interrupted)
        raced = race(problem, ["sgd"], on_end=lambda ended: known.setdefault(ended.number, ended), **ASKED)
    assert not raced.complete
    assert raced.runs.equals(whole.runs)
    assert raced.outcome == f"Partial, 6 of 6 runs: {whole.outcome}"
    assert raced.winner is None
    again = race(problem, ["sgd"], known=known, **ASKED)
    assert again.complete
    assert again.winner.number == whole.winner.number


def test_what_has_ended_is_kept_though_the_interrupt_comes_between_two_stretches():
    """Of 40 draws 20 are dropped after a tenth of the epochs, which nobody trains meanwhile."""
    bowl = st.Problem(init=jnp.array([3.0, -4.0]), loss=lambda x: jnp.sum(x**2), name="bowl")
    ended = []

    def watch(one):
        ended.append(one.number)
        if one.row["status"] == "dropped":
            raise KeyboardInterrupt

    asked = {"learning_rates": 4, "seeds": 1, "confirm_seeds": 0, "epochs": 10, "patience": None}
    raced = race(bowl, [st.SGD(0.1), st.Momentum(0.1)], search=["momentum"], on_end=watch, **asked)
    assert not raced.complete
    assert raced.runs["run"].to_list() == sorted(ended)
    assert len(ended) > 8


def test_runs_of_grids_that_grew_are_counted_as_planned(problem):
    """SGD's grid around a rate far too low grows by two rates three times, on a seed: six runs more."""
    ended = []

    def watch(one):
        ended.append(one.row["stage"])
        if ended.count("confirm") == 1 and ended[-1] == "confirm":
            raise KeyboardInterrupt

    asked = {"learning_rates": 5, "seeds": 1, "confirm_seeds": 4, "epochs": 4, "batch_size": 20}
    raced = race(problem, [st.SGD(1e-6)], on_end=watch, **asked)
    assert raced.outcome.startswith(f"Partial, {len(raced.runs)} of {5 + 6 + 2 * 4} runs: ")


def test_an_interrupt_before_any_run_ended_well_does_not_say_that_rates_are_too_large(problem):
    """With early dropping the first runs to end are those that diverge; all others wait, half trained."""
    raced = race(
        problem, ["sgd"], learning_rates=[0.01, 1e3, 1e4], seeds=2, confirm_seeds=0, epochs=10, batch_size=20,
        on_end=interrupt_after(1),
    )  # fmt: skip
    assert raced.verdict is None
    assert "of 6 runs: Only runs that diverged or were dropped, the first to end, have: nothing" in raced.outcome
    assert "smaller" not in raced.outcome


def test_an_estimate_counts_the_baselines_of_the_seeds_that_are_judged(monkeypatch):
    table = st.network(st.read("iris"), hidden=(4,))
    plan = plan_race(["sgd"], learning_rates=1, seeds=1, confirm_seeds=9, settings=Settings(epochs=1))
    assert 0 < _baselines.seconds_of_baselines(table, table.instances([0])[0], 0) < 60
    monkeypatch.setattr("steepest.races._estimate.seconds_of_baselines", lambda *_: 1000.0)
    told = estimate(table, plan)
    assert told.runs == len(plan)
    assert 7000 < told.seconds < 7100


def test_a_notebook_shows_the_verdict_and_the_leaderboard(raced):
    page = raced._repr_html_()
    assert raced.verdict.sentence in page
    assert "Partial" not in page
    assert page.count("Unconfirmed") == 1
    assert page.count("<tr>") == 1 + 2
    assert "<td>SGD</td><td>0.1</td>" in page
    assert "2 of 6" in page


def test_a_notebook_says_when_there_is_nothing_to_recommend(problem):
    raced = race(problem, ["sgd"], learning_rates=[1e3, 1e4], seeds=1, confirm_seeds=0, epochs=2, batch_size=20)
    assert raced.verdict is None
    page = raced._repr_html_()
    assert "diverged" in page
    assert "Unconfirmed" not in page


def test_what_a_user_named_cannot_break_the_notebooks_page(raced):
    named = dataclasses.replace(raced.verdict, sentence="<script>alert(1)</script>")
    assert "<script>" not in dataclasses.replace(raced, verdict=named)._repr_html_()


def test_the_losses_of_a_race_are_finite_or_the_run_diverged(raced):
    for row in raced.runs.iter_rows(named=True):
        assert np.isfinite(row["best_validation_loss"])
        assert np.isfinite(row["validation_loss"]) or row["status"] == "diverged"


def test_a_race_is_shown_on_one_line(raced):
    told = repr(raced)
    assert "\n" not in told
    assert told.startswith(f"Race on {raced.problem.name}: {len(raced.runs)} runs in ")
    assert told.endswith(f" s. {raced.outcome}")
