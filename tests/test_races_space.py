"""Searching further hyperparameters: what is drawn, that all draw alike, what is chosen, how it is told."""

import json
import math
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import polars as pl
import pytest

import steepest as st
from steepest.races import SPACE, parsed_knobs, plan_race, race, save
from steepest.races._choose import choose
from steepest.races._journal import Journal
from steepest.races._plan import CONFIRM, Entry
from steepest.races._space import configured, count_drawn, drawn, told_knobs, with_knobs
from steepest.races._store import about
from steepest.races._tune import _extension

# Three hundred times as steep across as along: plain descent crawls, and momentum as large as
# ((sqrt(300) - 1) / (sqrt(300) + 1))^2 = 0.79 goes best in the end (Polyak 1964).
VALLEY = st.Problem(
    lambda key: jnp.array([3.0, 1.0]) + 0.1 * jax.random.normal(key, (2,)),
    lambda x: 0.5 * (x[0] ** 2 + 300 * x[1] ** 2) + 1.0,
    name="valley",
)
NONE_YET = st.Momentum(momentum=0.0)
ASKED = {"learning_rates": 5, "seeds": 2, "confirm_seeds": 6, "epochs": 60, "patience": None}


@pytest.fixture(scope="module")
def searched():
    return race(VALLEY, ["sgd", NONE_YET, "adam"], search=["momentum"], **ASKED)


def test_what_is_drawn_lies_within_its_range_and_no_rate_twice():
    one = st.Adam(b1=0.8)
    tried = [1e-3 * 10 ** (k / 2) for k in range(-6, 7)]
    found = drawn(one, 1e-3, ["b2", "epsilon"], tried)
    assert len(found) == count_drawn(["b2", "epsilon"]) == 24
    for other in found:
        knobs = parsed_knobs(told_knobs(other, one))
        assert set(knobs) <= {"b2", "epsilon"}
        assert 0.9 <= other.hyperparameters["b2"] <= 0.9999
        assert 1e-10 <= other.hyperparameters["epsilon"] <= 1e-2
        assert 0.99e-4 <= other.learning_rate <= 1.01e-2
        assert other.hyperparameters["b1"] == 0.8
    rates = sorted([*tried, *(other.learning_rate for other in found)])
    assert all(high / low > 1 + 1e-5 for low, high in pairwise(rates))
    # Eight and more in either half of a range: points that fill it, not luck.
    longs = [1 / (1 - other.hyperparameters["b2"]) for other in found]
    assert 8 <= sum(long > math.sqrt(10 * 10_000) for long in longs) <= 16


def test_rates_are_as_much_smaller_as_momentum_makes_steps_longer():
    """At momentum 0.99 a step is ten times as long as at 0.9, in the end: the same draw has a tenth of the rate."""
    for one, other in zip(
        drawn(st.Momentum(), 0.1, ["momentum"], []), drawn(st.SGD(), 0.1, ["momentum"], []), strict=True
    ):
        momentum = one.hyperparameters["momentum"]
        assert one.learning_rate == pytest.approx(other.learning_rate * (1 - momentum) / 0.1, rel=0.01)


def test_a_rate_that_was_tried_is_not_drawn_again():
    first = drawn(st.SGD(), 0.1, ["momentum"], [])
    again = drawn(st.SGD(), 0.1, ["momentum"], [one.learning_rate for one in first])
    assert not {one.learning_rate for one in first} & {one.learning_rate for one in again}


def test_the_usual_rate_is_not_drawn_though_it_is_none_of_those_tried():
    """Among others a rate names its configuration: with the usual rate one would be taken for the untuned optimizer."""
    (_, usual, *_) = (one.learning_rate for one in drawn(st.Adam(), 0.01, ["b2"], [0.01]))
    again = [one.learning_rate for one in drawn(st.Adam(usual), 0.01, ["b2"], [0.01])]
    assert again[1] == pytest.approx(1.001 * usual, rel=1e-3)
    assert usual not in again


def test_a_rate_that_further_ones_come_upon_still_names_one_configuration():
    """With b2=0.99 the best rate, 0.001, is the highest: beyond are 0.00316 and 0.01, which ran with the usual b2."""
    losses = {(0.01, ""): 0.5, (0.1, ""): 0.5, (1e-4, "b2=0.99"): 0.2, (1e-3, "b2=0.99"): 0.1}
    table = tuned({setting: [loss] for setting, loss in losses.items()})
    crew = SimpleNamespace(of=lambda entries: [SimpleNamespace(row=row) for row in table.iter_rows(named=True)])
    one = st.Adam(0.1)
    entries = [Entry(i, configured(one, rate, parsed_knobs(knobs)), 0) for i, (rate, knobs) in enumerate(losses)]
    more = _extension(crew, plan_race([one], seeds=1), entries)
    assert [told_knobs(entry.optimizer, one) for entry in more] == ["b2=0.99", "b2=0.99"]
    assert [entry.optimizer.learning_rate for entry in more] == pytest.approx([0.001 * math.sqrt(10), 0.01001])


def test_every_optimizer_tries_as_many_configurations(searched):
    tuned = searched.runs.filter(pl.col("stage") == "tune")
    counts = tuned.group_by("optimizer").agg(pl.col("learning_rate").n_unique())
    assert len(set(counts["learning_rate"])) == 1
    assert counts["learning_rate"][0] >= 5 + 16
    named = tuned.group_by("optimizer", "learning_rate").agg(pl.col("hyperparameters").n_unique())
    assert set(named["hyperparameters"]) == {1}  # a rate names its configuration
    assert set(tuned.filter(pl.col("optimizer") == "sgd")["hyperparameters"]) == {""}
    assert tuned["run"].to_list() == list(range(len(tuned)))


def test_better_momentum_is_found_confirmed_and_recommended(searched):
    (standing,) = (one for one in searched.verdict.leaderboard if one.optimizer == "momentum")
    assert 0.4 < standing.hyperparameters["momentum"] < 0.85
    assert standing.median < 0.9 * standing.usual_median
    fresh = searched.runs.filter((pl.col("stage") == CONFIRM) & (pl.col("optimizer") == "momentum"))
    assert set(fresh["hyperparameters"]) == {"", f"momentum={standing.hyperparameters['momentum']!r}"}
    low, high = standing.plateau
    assert low <= standing.learning_rate <= high
    assert standing.name == f"Momentum with momentum {standing.hyperparameters['momentum']:g}"


def test_the_recommendation_is_of_what_was_searched():
    raced = race(VALLEY, [NONE_YET], search=["momentum"], **ASKED)
    found = raced.recommendation
    momentum = raced.verdict.recommended.hyperparameters["momentum"]
    assert found.raced.hyperparameters["momentum"] == momentum
    assert found.sentence.startswith(f"Momentum with momentum {momentum:g} at a learning rate of")
    assert found.rates >= 3
    assert f"Use Momentum with momentum {momentum:g} at" in raced.outcome
    again = st.fit(VALLEY, found.optimizer(), seed=raced.winner.run.seed, epochs=60, patience=None)
    assert again.row()["best_validation_loss"] == raced.winner.run.row()["best_validation_loss"]
    for framework in ("steepest", "torch", "keras", "optax"):
        assert f"{momentum:g}" in found.code(framework)


def test_a_race_without_search_says_nothing_of_hyperparameters():
    raced = race(VALLEY, ["sgd", "adam"], **ASKED)
    assert set(raced.runs["hyperparameters"]) == {""}
    assert "search" not in raced.plan.to_json()
    assert all(one.hyperparameters == {} for one in raced.verdict.leaderboard)


def test_a_killed_search_goes_on_with_the_same_results(searched, tmp_path):
    plan = plan_race(
        ["sgd", NONE_YET, "adam"], search=["momentum"], learning_rates=5, seeds=2, confirm_seeds=6,
        settings=searched.plan.settings,
    )  # fmt: skip
    place = tmp_path / "race"
    told = about(VALLEY, plan)
    assert told["spec"]["search"] == ["momentum"]
    seen = []

    def cut(ended):
        journal.write(ended)
        seen.append(ended)
        if len(seen) == 60:  # within what is drawn: 30 runs of the grid came before
            raise KeyboardInterrupt

    with Journal(place, told) as journal:
        race(VALLEY, plan, on_end=cut)
    with Journal(place, told, resume=True) as journal:
        assert 60 <= len(journal.known) < len(searched.runs)
        again = race(VALLEY, plan, known=journal.known)
    assert again.runs.equals(searched.runs)
    assert again.verdict == searched.verdict


def test_the_file_and_its_reader_know_what_was_searched(searched, tmp_path):
    place = save(searched, tmp_path / "race")
    st.report(place)
    ranks = json.loads((place / "race.json").read_text())["verdict"]["leaderboard"]
    (rank,) = (one for one in ranks if one["optimizer"] == "momentum")
    page = (place / "report.html").read_text()
    assert f"with momentum {rank['hyperparameters']['momentum']:g}" in page
    assert "with other hyperparameters" in page


def tuned(losses):
    """A table of tuning runs: losses by (rate, hyperparameters), one a seed."""
    return pl.DataFrame(
        [
            {"optimizer": "adam", "learning_rate": rate, "hyperparameters": knobs, "seed": seed, "status": "ok",
             "steady_validation_loss": loss}
            for (rate, knobs), several in losses.items()
            for seed, loss in enumerate(several)
        ]
    )  # fmt: skip


def test_other_hyperparameters_are_chosen_with_a_plateau_of_their_own():
    """With b2=0.9 the losses at 0.02 and 0.05 are within a hundredth; the usual rates beside them do not count."""
    losses = {(0.01, ""): [0.3, 0.31], (0.1, ""): [0.29, 0.3]}
    losses |= {(0.02, "b2=0.9"): [0.2, 0.21], (0.05, "b2=0.9"): [0.2, 0.2095], (0.03, "b2=0.99"): [0.25, 0.26]}
    found = choose(tuned(losses), "adam", 0.01)
    assert (found.hyperparameters, found.lowest, found.plateau) == ("b2=0.9", 0.05, (0.02, 0.05))
    assert found.at_edge
    assert found.runs == 10


def test_the_usual_hyperparameters_stay_where_others_are_better_by_noise_alone():
    """Differences of -0.02 and 0.01: their mean -0.005 is within one standard error, 0.015, of nothing."""
    losses = {(0.01, ""): [0.30, 0.31], (0.1, ""): [0.5, 0.5], (0.02, "b2=0.9"): [0.28, 0.32]}
    found = choose(tuned(losses), "adam", 0.01)
    assert (found.hyperparameters, found.learning_rate) == ("", 0.01)


@pytest.mark.parametrize(
    ("search", "message"),
    [
        (["momentom"], "momentum"),
        (["learning_rate"], "hyperparameter to search"),
        ("momentum", "a list of hyperparameters, such as \\[\"momentum\"\\]; received 'momentum'"),
        ([0.9], "a list of hyperparameters"),
        (["weight_decay"], "There is no 'weight_decay' to search: SGD and Adam have none"),
    ],
)
def test_what_cannot_be_searched_is_refused_by_name(search, message):
    with pytest.raises(st.InputError, match=message):
        plan_race(["sgd", "adam"], search=search)


def test_the_plan_counts_what_is_drawn():
    plain, more = (plan_race(["sgd", "adam"], search=search) for search in ((), ("b2", "b2", "epsilon")))
    assert more.search == ("b2", "epsilon")
    assert len(more) - len(plain) == 2 * 3 * 24


def test_every_range_is_documented():
    text = (Path(__file__).parents[1] / "docs" / "method.md").read_text()
    for knob, (low, high, _) in SPACE.items():
        assert f"| `{knob}` | {low:g} to {high:g} |" in text


def test_hyperparameters_are_said_as_people_say_them():
    assert with_knobs({"b1": 0.8, "b2": 0.99, "epsilon": 1e-6}) == " with b1 0.8, b2 0.99 and epsilon 1e-06"
