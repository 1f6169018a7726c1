"""Who wins: golden cases small enough to work out by hand."""

import json
import math

import polars as pl
import pytest

from steepest.problems import Measure
from steepest.races import Verdict
from steepest.races import judge as judged

INF = math.inf
NATS = Measure("loss", "nats")


def judge(table: pl.DataFrame, usual: dict[str, float]) -> Verdict | None:
    return judged(table, usual, NATS)


def runs(*rows: tuple) -> pl.DataFrame:
    """Rows of (optimizer, learning rate, seed, steady loss), and a status where it is not ``ok``."""
    full = [(*row, "ok")[:5] if len(row) == 4 else row for row in rows]
    names = ("optimizer", "learning_rate", "seed", "steady_validation_loss", "status")
    types = (pl.String, pl.Float64, pl.Int64, pl.Float64, pl.String)
    return pl.DataFrame(full, schema=dict(zip(names, types, strict=True)), orient="row")


def seeds_of(name: str, rate: float, *losses: float) -> list[tuple]:
    """One run a loss, with seeds 0, 1, ...; an infinite loss is a diverged run that had reached 0.001 before."""
    return [
        (name, rate, seed, 0.001, "diverged") if loss == INF else (name, rate, seed, loss)
        for seed, loss in enumerate(losses)
    ]


def test_the_median_over_seeds_decides_not_the_best_run():
    table = runs(*seeds_of("adam", 1e-3, 0.1, 0.9, 0.8), *seeds_of("sgd", 1e-2, 0.5, 0.6, 0.4))
    verdict = judge(table, {"adam": 1e-3, "sgd": 1e-2})
    assert (verdict.optimizer, verdict.learning_rate) == ("sgd", 1e-2)
    first, second = verdict.leaderboard
    assert (first.optimizer, first.median, first.low, first.high) == ("sgd", 0.5, 0.4, 0.6)
    assert (second.optimizer, second.median, second.low, second.high) == ("adam", 0.8, 0.1, 0.9)
    assert not verdict.confirmed
    assert "SGD at a learning rate of 0.01" in verdict.sentence
    assert "0.5 nats over 3 seeds" in verdict.sentence
    assert "Adam at 0.001 with 0.8" in verdict.sentence


def test_a_median_of_an_even_count_is_the_mean_of_the_middle_two():
    verdict = judge(runs(*seeds_of("adam", 1e-3, 0.1, 0.2, 0.6, 0.9)), {"adam": 1e-3})
    assert verdict.leaderboard[0].median == pytest.approx(0.4)


def test_a_diverged_run_counts_as_infinite_though_it_was_low_before():
    table = runs(*seeds_of("adam", 1e-2, 0.1, INF, INF), *seeds_of("adam", 1e-3, 0.5, 0.6, 0.7))
    verdict = judge(table, {"adam": 1e-3})
    standing = verdict.leaderboard[0]
    assert (standing.learning_rate, standing.median) == (1e-3, 0.6)
    assert (standing.runs, standing.diverged) == (6, 2)


def test_a_rate_stands_if_fewer_than_half_its_runs_diverged():
    verdict = judge(runs(*seeds_of("adam", 1e-2, 0.1, 0.3, INF)), {"adam": 1e-2})
    standing = verdict.leaderboard[0]
    assert (standing.median, standing.low, standing.high) == (0.3, 0.1, INF)
    assert json.loads(json.dumps(verdict.to_json(), allow_nan=False))["leaderboard"][0]["high"] is None


def test_interrupted_runs_are_left_out():
    table = runs(*seeds_of("adam", 1e-3, 0.5, 0.6), ("adam", 1e-3, 2, 0.0, "interrupted"))
    standing = judge(table, {"adam": 1e-3}).leaderboard[0]
    assert (standing.median, standing.runs) == (0.55, 2)


def test_a_seed_cut_short_is_left_out_where_another_is_whole():
    table = runs(*seeds_of("adam", 1e-3, 0.5, 0.05), *seeds_of("adam", 1e-2, 0.1), *seeds_of("sgd", 1e-2, 0.3))
    verdict = judge(table, {"adam": 1e-3, "sgd": 1e-2})
    assert [(one.optimizer, one.learning_rate, one.median) for one in verdict.leaderboard] == [
        ("adam", 1e-2, 0.1),
        ("sgd", 1e-2, 0.3),
    ]
    assert "over 1 seed;" in verdict.sentence


def test_all_whole_seeds_count():
    table = runs(*seeds_of("adam", 1e-3, 0.5, 0.7, 0.01), *seeds_of("adam", 1e-2, 0.1, 0.2))
    verdict = judge(table, {"adam": 1e-3})
    assert (verdict.learning_rate, verdict.leaderboard[0].median) == (1e-2, pytest.approx(0.15))


def test_the_sentence_counts_the_seeds_of_the_winner():
    table = runs(*seeds_of("adam", 1e-3, 0.1, 0.2), *seeds_of("sgd", 1e-2, 0.5, 0.6))
    assert "over 2 seeds" in judge(table, {"adam": 1e-3, "sgd": 1e-2}).sentence


def test_one_seed_is_one_seed():
    verdict = judge(runs(*seeds_of("adam", 1e-3, 0.25)), {"adam": 1e-3})
    assert verdict.sentence == (
        "Use Adam at a learning rate of 0.001: median validation loss 0.25 nats over 1 seed. "
        "Unconfirmed: no fresh seeds have tested it."
    )


@pytest.mark.parametrize(
    "table", [runs(), runs(*seeds_of("adam", 0.1, INF, INF)), runs(*seeds_of("adam", 1, 0.1, INF))]
)
def test_there_is_no_verdict_where_no_median_is_finite(table):
    assert judge(table, {"adam": 1e-3}) is None


def test_an_optimizer_that_always_diverged_stands_last_at_the_rate_nearest_its_usual_one():
    lost = [row for rate in (1e-4, 1e-2, 1.0) for row in seeds_of("sgd", rate, INF)]
    verdict = judge(runs(*lost, *seeds_of("adam", 1e-3, 9.0)), {"sgd": 2e-2, "adam": 1e-3})
    assert [standing.optimizer for standing in verdict.leaderboard] == ["adam", "sgd"]
    last = verdict.leaderboard[1]
    assert (last.learning_rate, last.median, last.diverged) == (1e-2, INF, 3)


def test_the_sentence_says_that_the_next_one_diverged():
    table = runs(*seeds_of("adam", 1e-3, 0.5), *seeds_of("sgd", 1e-2, INF))
    told = judge(table, {"adam": 1e-3, "sgd": 1e-2}).sentence
    assert "; next is SGD at 0.01, half of whose runs or more diverged. Unconfirmed" in told


@pytest.mark.parametrize(("best", "at_edge"), [(0, True), (1, False), (2, True)])
def test_a_best_rate_at_the_end_of_its_grid_is_flagged(best, at_edge):
    table = runs(
        *(row for i, rate in enumerate((0.1, 1, 10)) for row in seeds_of("sgd", rate, 0.2 if i == best else 0.5))
    )
    assert judge(table, {"sgd": 1.0}).leaderboard[0].at_edge is at_edge


def test_a_lone_rate_is_no_edge():
    assert judge(runs(*seeds_of("sgd", 0.1, 0.5)), {"sgd": 0.1}).leaderboard[0].at_edge is False


def test_what_the_usual_rate_reached_is_told_where_it_ran():
    table = runs(*seeds_of("adam", 1e-3, 0.5, 0.7), *seeds_of("adam", 1e-2, 0.2, 0.2), *seeds_of("sgd", 1.0, 0.9, 0.9))
    adam, sgd = judge(table, {"adam": 1e-3, "sgd": 1e-2}).leaderboard
    assert (adam.usual_learning_rate, adam.usual_median) == (1e-3, 0.6)
    assert math.isnan(sgd.usual_median)


def test_the_usual_rate_is_found_though_the_grid_rounds_it():
    table = runs(*seeds_of("sgd", 0.1 * 10**0.5 / 10**0.5, 0.5))
    assert judge(table, {"sgd": 0.1}).leaderboard[0].usual_median == 0.5


def test_equal_medians_are_told_apart_by_the_worst_run_then_by_the_plan():
    table = runs(*seeds_of("adam", 0.1, 0.5, 0.9, 0.1), *seeds_of("sgd", 0.1, 0.5, 0.6, 0.4))
    assert judge(table, {"adam": 0.1, "sgd": 0.1}).optimizer == "sgd"
    equal = runs(*seeds_of("adam", 0.1, 0.5), *seeds_of("sgd", 0.1, 0.5))
    assert judge(equal, {"sgd": 0.1, "adam": 0.1}).optimizer == "sgd"
    assert judge(equal, {"adam": 0.1, "sgd": 0.1}).optimizer == "adam"


def test_equal_rates_of_one_optimizer_give_the_one_nearest_its_usual():
    table = runs(*seeds_of("sgd", 1e-3, 0.5), *seeds_of("sgd", 0.1, 0.5), *seeds_of("sgd", 10.0, 0.5))
    assert judge(table, {"sgd": 0.2}).learning_rate == 0.1


def test_the_usual_of_the_rates_that_noise_cannot_tell_apart_is_recommended():
    """0.001 is worse than 0.01 by 0.01, -0.02 and 0.04: 0.01 on average, with a standard error of 0.03 / sqrt(3)."""
    table = runs(*seeds_of("adam", 1e-3, 0.50, 0.60, 0.40), *seeds_of("adam", 1e-2, 0.49, 0.62, 0.36))
    standing = judge(table, {"adam": 1e-3}).leaderboard[0]
    assert (standing.learning_rate, standing.median, standing.low, standing.high) == (1e-3, 0.5, 0.4, 0.6)


def test_a_rate_that_is_worse_on_every_seed_alike_is_not():
    table = runs(*seeds_of("adam", 1e-3, 0.55, 0.67, 0.42), *seeds_of("adam", 1e-2, 0.49, 0.62, 0.36))
    assert judge(table, {"adam": 1e-3}).learning_rate == 1e-2  # 0.057 on average, with an error of 0.003


def test_nor_is_one_that_another_beats_on_every_seed_though_the_lowest_wavers():
    """The lowest median wavers so much that 0.001 is within its noise; 0.01 is better than 0.001 whatever the seed."""
    wavers = seeds_of("nadam", 1.0, 0.0004, 0.0012, 0.111)
    table = runs(*seeds_of("nadam", 1e-3, 0.084, 0.055, 0.035), *seeds_of("nadam", 1e-2, 0.010, 0.005, 0.017), *wavers)
    assert judge(table, {"nadam": 1e-3}).learning_rate == 1e-2


@pytest.mark.parametrize(("usual", "learning_rate"), [(0.5049, 1e-3), (0.5051, 1e-2)])
def test_a_hundredth_of_the_loss_is_no_difference(usual, learning_rate):
    table = runs(*seeds_of("adam", 1e-3, usual, usual), *seeds_of("adam", 1e-2, 0.5, 0.5))
    assert judge(table, {"adam": 1e-3}).learning_rate == learning_rate


def test_the_sentence_says_that_a_rate_ends_its_grid():
    rows = [row for rate, loss in ((0.1, 0.5), (1.0, 0.4), (10.0, 0.1)) for row in seeds_of("sgd", rate, loss)]
    assert "at a learning rate of 10" in (told := judge(runs(*rows), {"sgd": 1.0}).sentence)
    assert "Its plateau reaches the end of its grid: a better rate may lie beyond." in told
    assert "end of its grid" not in judge(runs(*rows[:2], *seeds_of("sgd", 10.0, 0.9)), {"sgd": 1.0}).sentence
