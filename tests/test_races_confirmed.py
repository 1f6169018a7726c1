"""The verdict on fresh seeds: who wins, who may as well have, and what is said of it; cases worked out by hand."""

import math

import polars as pl
import pytest

from steepest.problems import Measure
from steepest.races import judge as judged

INF = math.inf
NATS = Measure("loss", "nats")
RATES = {"adam": 0.1, "sgd": 0.1, "rmsprop": 0.1}


def table(fresh, tuned=None, usual=None):
    """A race's runs: one rate an optimizer on one tuning seed, and the losses on fresh seeds by optimizer.

    tuned: losses by optimizer and rate.  usual: losses on the fresh seeds at a rate of 0.1 where another was chosen.
    """
    tuned = tuned or {(name, 0.1): 1.0 for name in fresh}
    rows = [(name, rate, 0, "tune", loss) for (name, rate), loss in tuned.items()]
    chosen = dict(tuned.keys())
    rows += [(name, chosen[name], 1 + i, "confirm", loss) for name, own in fresh.items() for i, loss in enumerate(own)]
    rows += [(n, 0.1, 1 + i, "confirm", loss) for n, own in (usual or {}).items() for i, loss in enumerate(own)]
    names = ("optimizer", "learning_rate", "seed", "stage", "steady_validation_loss")
    told = pl.DataFrame(rows, schema=names, orient="row").with_columns(
        pl.col("steady_validation_loss").cast(pl.Float64)
    )
    lost = pl.when(pl.col("steady_validation_loss").is_infinite()).then(pl.lit("diverged")).otherwise(pl.lit("ok"))
    return told.with_columns(status=lost)


def judge(fresh, **more):
    return judged(table(fresh, **more), {name: RATES[name] for name in fresh}, NATS)


# Ten seeds that differ among themselves by far more than optimizers do on any of them.
SEEDS = [1.0, 2.0, 1.5, 3.0, 1.2, 2.2, 1.8, 2.6, 1.4, 1.1]


def test_one_that_is_better_on_each_of_ten_seeds_wins_though_seeds_differ_more():
    """All ten signs alike: 2 of 2^10 sign flips are as far from zero, p = 0.00195; the median of the ten 0.1 is 0.1."""
    verdict = judge({"sgd": [one + 0.1 for one in SEEDS], "adam": SEEDS})
    leader, other = verdict.leaderboard
    assert (leader.optimizer, verdict.optimizer, verdict.winners) == ("adam", "adam", ("adam",))
    assert verdict.confirmed
    assert verdict.decided
    assert (verdict.more_seeds, verdict.reason) == (None, "")
    assert other.comparison.p == pytest.approx(2 / 2**10)
    assert other.comparison.median == pytest.approx(0.1)
    assert other.comparison.relation == "worse"
    # Of ten the interval's ends lie 0.66 of the way from the second to the third loss (see the report's own example).
    assert verdict.sentence == (
        "Use Adam at a learning rate of 0.1: median validation loss 1.65 nats (95 % interval 1.17 to 2.34) over 10 "
        "fresh seeds, better than the other; next is SGD, higher by 0.1 (95 % interval 0.1 to 0.1, p = 0.002)."
    )


def test_holm_counts_how_many_are_compared():
    """Two others, each of p = 2/1024: Holm doubles the smaller, and the other may not be below it."""
    verdict = judge({
        "adam": SEEDS, "sgd": [one + 0.1 for one in SEEDS], "rmsprop": [one + 0.2 for one in SEEDS],
    })  # fmt: skip
    assert [one.comparison.adjusted for one in verdict.leaderboard[1:]] == pytest.approx([4 / 2**10, 4 / 2**10])
    assert "better than each of the 2 others; next is SGD" in verdict.sentence


def test_one_better_on_nine_seeds_and_far_worse_on_one_has_not_won():
    """Nine of +0.1 and one of -1: the mean of their signs' flips is nothing out of the ordinary."""
    other = [one + 0.1 for one in SEEDS[:9]] + [SEEDS[9] - 1.0]
    verdict = judge({"adam": SEEDS, "sgd": other})
    assert set(verdict.winners) == {"adam", "sgd"}
    assert not verdict.decided
    assert verdict.sentence.startswith("Undecided between ")


def test_an_optimizer_against_itself_is_never_a_winner():
    verdict = judge({"adam": SEEDS, "sgd": SEEDS})
    assert verdict.winners == ("adam", "sgd")
    assert verdict.leaderboard[1].comparison.p == 1.0
    assert verdict.leaderboard[1].comparison.relation == "equal"
    assert verdict.decided
    told = (
        "Adam and SGD are equals to within 1 % (95 % interval of the difference 0 to 0). Use Adam at a learning rate of"
    )
    assert verdict.sentence.startswith(told)


def test_a_difference_within_the_margin_is_not_sold_as_one():
    """A hundredth of the median of 1.65 is 0.0165; 0.01 on every seed is significant, and nothing."""
    verdict = judge({"adam": SEEDS, "sgd": [one + 0.01 for one in SEEDS]})
    other = verdict.leaderboard[1].comparison
    assert other.adjusted < 0.05
    assert other.relation == "equal"
    assert verdict.winners == ("adam", "sgd")


def test_five_seeds_decide_nothing():
    """All five alike is p = 2/2^5 = 0.0625."""
    verdict = judge({"adam": SEEDS[:5], "sgd": [one + 0.1 for one in SEEDS[:5]]})
    assert verdict.leaderboard[1].comparison.p == pytest.approx(2 / 2**5)
    assert not verdict.decided
    assert "fewer than 6 seeds cannot tell 2 optimizers apart" in verdict.sentence


def test_one_that_diverges_on_fresh_seeds_stands_behind_and_is_worse():
    verdict = judge({"adam": SEEDS, "sgd": [INF] * 10})
    assert verdict.leaderboard[1].median == INF
    assert verdict.winners == ("adam",)
    assert verdict.to_json()["leaderboard"][1]["median"] is None
    told = "better than the other; next is SGD, half of whose runs or more diverged (p = 0.002)."
    assert verdict.sentence.endswith(told)


def test_the_worse_are_told_with_the_interval_of_the_nearest():
    verdict = judge({"adam": SEEDS, "sgd": SEEDS, "rmsprop": [one + 0.1 for one in SEEDS]})
    told = "difference 0 to 0); RMSProp is worse, higher by 0.1 (95 % interval 0.1 to 0.1, p = 0.0039). Use Adam at"
    assert told in verdict.sentence


def test_of_several_worse_the_nearest_is_told_and_of_several_equals_the_widest_interval():
    """Of the ten equal differences 0.003 and 0.006 the intervals are these; p = 2/1024 times the four compared."""
    behind = {"adam": 0.0, "sgd": 0.003, "nadam": 0.006, "rmsprop": 0.1, "adagrad": 0.2}
    runs = table({name: [one + more for one in SEEDS] for name, more in behind.items()})
    told = judged(runs, dict.fromkeys(behind, 0.1), NATS).sentence
    assert told.startswith(
        "Adam, SGD and Nadam are equals to within 1 % (95 % intervals of the differences to Adam within 0.003 to "
        "0.006); the other 2 are worse, the nearest of them RMSProp, higher by 0.1 (95 % interval 0.1 to 0.1, p = "
        "0.0078). Use "
    )


def test_a_leader_that_no_other_winner_comes_near_is_used_for_its_mean():
    """Nine of ten seeds are equal and on one SGD is 3 above: the mean is 0.3 above, far beyond a hundredth of 1.78."""
    verdict = judge({"adam": SEEDS, "sgd": [SEEDS[0] + 3.0, *SEEDS[1:]]})
    assert verdict.winners == ("adam", "sgd")
    assert (verdict.optimizer, verdict.reason) == ("adam", "its mean is lowest")


def test_of_equals_the_one_whose_rate_matters_least_is_used_and_why_is_said():
    """SGD's losses at 0.01 to 1 are level, two decades; Adam has but one rate that is."""
    tuned = {("adam", 0.1): 1.0, ("sgd", 0.01): 1.0, ("sgd", 1.0): 1.0, ("sgd", 0.1): 1.0}
    verdict = judge({"adam": SEEDS, "sgd": [one + 0.001 for one in SEEDS]}, tuned=tuned)
    assert verdict.winners == ("adam", "sgd")
    assert (verdict.optimizer, verdict.reason) == ("sgd", "its learning rate matters least")
    assert "Use SGD at a learning rate of 0.1, since its learning rate matters least: median" in verdict.sentence


def test_where_each_diverged_once_or_more_medians_tell_who_is_near_the_leader():
    """Adam diverged on one seed of ten and SGD on five: both means are infinite, and SGD's median is too."""
    fresh = {"adam": [INF, *SEEDS[1:]], "sgd": [*SEEDS[:5], *[INF] * 5]}
    verdict = judged(table(fresh), {"adam": 0.1, "sgd": 0.1}, NATS, state_arrays={"adam": 2, "sgd": 0})
    assert verdict.winners == ("adam", "sgd")
    assert (verdict.optimizer, verdict.reason) == ("adam", "its median is lowest")


def test_of_equals_no_better_than_each_other_the_one_with_the_least_state_is_used():
    runs = table({"adam": SEEDS, "sgd": [one + 0.001 for one in SEEDS]})
    verdict = judged(runs, {"adam": 0.1, "sgd": 0.1}, NATS, state_arrays={"adam": 2, "sgd": 0})
    assert (verdict.optimizer, verdict.reason) == ("sgd", "it keeps the least state")


def test_the_usual_rate_is_used_where_fresh_seeds_say_that_tuning_made_it_worse():
    tuned = {("adam", 0.1): 1.0, ("adam", 1.0): 0.5}
    verdict = judge({"adam": [one + 1 for one in SEEDS]}, tuned=tuned, usual={"adam": SEEDS})
    (adam,) = verdict.leaderboard
    assert (adam.learning_rate, adam.median, adam.plateau) == (0.1, 1.65, (0.1, 0.1))
    assert adam.tuning is None


def test_what_tuning_gained_is_told_seed_by_seed():
    tuned = {("adam", 0.1): 1.0, ("adam", 1.0): 0.5}
    verdict = judge({"adam": SEEDS}, tuned=tuned, usual={"adam": [one + 0.5 for one in SEEDS]})
    (adam,) = verdict.leaderboard
    assert (adam.learning_rate, adam.usual_learning_rate) == (1.0, 0.1)
    assert adam.tuning.median == pytest.approx(0.5)
    assert adam.tuning.relation == "worse"


def test_a_fresh_seed_that_was_cut_short_does_not_count():
    runs = table({"adam": SEEDS, "sgd": [one + 0.1 for one in SEEDS]})
    cut = runs.filter(~((pl.col("seed") == 10) & (pl.col("optimizer") == "sgd")))
    verdict = judged(cut, {"adam": 0.1, "sgd": 0.1}, NATS)
    assert len(verdict.leaderboard[1].comparison.differences) == 9


def test_who_is_too_close_to_be_told_apart_is_named_and_the_others_are_not_kept_waiting():
    """Adam's differences vanish on average beside their spread; SGD's are a tenth, three in ten of the other sign."""
    near = [one + (0.3 if seed % 2 else -0.299) for seed, one in enumerate(SEEDS)]
    far = [one + (-0.07 if seed in (3, 5, 7) else 0.1) for seed, one in enumerate(SEEDS)]
    verdict = judge({"rmsprop": SEEDS, "adam": near, "sgd": far})
    beside = {one.optimizer: one.comparison for one in verdict.leaderboard[1:]}
    assert beside["sgd"].relation == beside["adam"].relation == "undecided"
    assert verdict.too_close == ("adam",)
    assert verdict.more_seeds == beside["sgd"].more_seeds
    assert (
        f"Undecided between RMSProp, Adam and SGD: about {verdict.more_seeds} more seeds would settle it but for Adam, "
        "too close to RMSProp, if the difference is real."
    ) in verdict.sentence


@pytest.mark.parametrize(
    ("worse", "named"),
    [(0, "Undecided between all 6 optimizers"), (1, "Undecided between SGD, Adam, RMSProp and 2 others")],
)
def test_of_many_winners_the_first_are_named_and_the_others_counted(worse, named):
    """Each is a hundredth and a half above the one before it, by differences that change sign from seed to seed."""
    names = ("sgd", "adam", "rmsprop", "nadam", "adagrad", "adamax")
    fresh = {
        name: [loss + 0.015 * k + (0.3 if (seed + k) % 2 else -0.3) * (k > 0) for seed, loss in enumerate(SEEDS)]
        for k, name in enumerate(names)
    }
    if worse:
        fresh["adamax"] = [loss + 1.0 for loss in SEEDS]
    rates = dict.fromkeys(names, 0.1)
    verdict = judged(table(fresh), rates, NATS)
    assert verdict.sentence.startswith(named)
    assert len(verdict.winners) == 6 - worse
