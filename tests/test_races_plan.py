"""What a race will run: grids, seeds and their order, worked out by hand."""

import json

import pytest

from steepest import rules
from steepest.errors import InputError
from steepest.gradients import ClipByGlobalNorm
from steepest.optimizer import SGD, Adam
from steepest.races import Plan, _plan, learning_rate_grid, plan_race
from steepest.schedules import Cosine
from steepest.training import Settings


def test_a_grid_steps_by_half_decades_around_its_centre():
    grid = learning_rate_grid(1e-3, 13)
    assert grid[6] == 1e-3
    assert grid[::2] == pytest.approx([1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0], rel=1e-12)
    assert grid[7] == pytest.approx(3.16227766e-3, rel=1e-8)


def test_a_grid_of_even_count_reaches_one_step_further_down():
    assert learning_rate_grid(1.0, 4) == pytest.approx([0.1, 0.316227766, 1.0, 3.16227766], rel=1e-8)
    assert learning_rate_grid(0.3, 1) == [0.3]


def test_every_optimizer_gets_as_many_rates_centred_on_its_usual_one():
    plan = plan_race()
    assert list(plan.rates) == list(rules.RULES)
    assert len(plan.rates) == 9
    for name, rates in plan.rates.items():
        assert len(rates) == 13
        assert rates[6] == rules.RULES[name].usual_learning_rate
    assert list(plan.seeds) == [0, 1, 2]
    assert list(plan.confirm_seeds) == list(range(3, 13))
    assert len(plan.entries()) == 9 * 13 * 3
    assert len(plan) == 9 * 13 * 3 + 9 * 2 * 10


def test_an_optimizer_of_ones_own_centres_its_grid_and_keeps_its_numbers():
    plan = plan_race(["sgd", Adam(0.02, b1=0.5)], learning_rates=3)
    assert plan.rates["adam"] == pytest.approx([0.02 / 10**0.5, 0.02, 0.02 * 10**0.5])
    assert {entry.optimizer.hyperparameters["b1"] for entry in plan.entries() if entry.optimizer.name == "adam"} == {
        0.5
    }


def test_given_rates_are_sorted_without_repeats_and_shared():
    plan = plan_race(["adam", "sgd"], learning_rates=[0.1, 1e-3, 0.1])
    assert plan.rates == {"adam": [1e-3, 0.1], "sgd": [1e-3, 0.1]}


def test_rates_that_only_rounding_tells_apart_are_one():
    assert plan_race(["sgd"], learning_rates=[0.3, 0.1 + 0.2, 0.1]).rates["sgd"] == [0.1, 0.3]


def test_given_seeds_stay_as_they_are():
    assert plan_race(["sgd"], seeds=[7, 2]).seeds == [7, 2]


def test_entries_alternate_optimizers_from_the_middle_rate_outwards():
    plan = plan_race(["adam", "sgd"], learning_rates=[1e-3, 1e-2, 1e-1], seeds=[5, 6])
    told = [(run, one.name, one.learning_rate, seed) for run, one, seed, _ in plan.entries()]
    of_a_seed = [("adam", 1e-2), ("sgd", 1e-2), ("adam", 1e-3), ("sgd", 1e-3), ("adam", 1e-1), ("sgd", 1e-1)]
    assert told == [(n, *of_a_seed[n % 6], 5 if n < 6 else 6) for n in range(12)]


def test_entries_of_grids_of_different_lengths_leave_nothing_out():
    plan = Plan({"adam": Adam(), "sgd": SGD()}, {"adam": [0.1, 0.2, 0.3], "sgd": [0.5]}, [0], Settings())
    assert sorted((e.optimizer.name, e.optimizer.learning_rate) for e in plan.entries()) == [
        ("adam", 0.1), ("adam", 0.2), ("adam", 0.3), ("sgd", 0.5),
    ]  # fmt: skip
    assert len(plan) == 4


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"optimizers": ["adma"]}, "Did you mean 'adam'"),
        ({"optimizers": []}, "at least one optimizer"),
        ({"optimizers": ["adam", "Adam"]}, "once"),
        ({"learning_rates": 0}, "how many rates, 1 to 100, or a list of rates, each positive; received 0. Try 13, or"),
        ({"learning_rates": 2.5}, "a list of rates, each positive; received 2.5"),
        ({"learning_rates": "0.1"}, "received '0.1'"),
        ({"learning_rates": None}, "received None"),
        ({"optimizers": "adma"}, "Unknown optimizer 'adma'. Did you mean 'adam'"),
        ({"optimizers": 3}, "Unknown optimizer '3'"),
        ({"seeds": 1.5}, "received 1.5. Try 3, or [0, 1, 2]"),
        ({"seeds": "3"}, "received '3'"),
        ({"learning_rates": -3}, "received -3"),
        ({"learning_rates": 101}, "received 101"),
        ({"learning_rates": []}, "learning_rates is empty"),
        ({"learning_rates": [0.0]}, "received 0.0"),
        ({"learning_rates": [0.1, -1.0]}, "received -1.0"),
        ({"learning_rates": [float("nan")]}, "received nan"),
        ({"seeds": 0}, "received 0"),
        ({"seeds": -1}, "received -1"),
        ({"seeds": [1, 1]}, "received [1, 1]"),
        ({"seeds": [-1]}, "received [-1]"),
        ({"seeds": [2**31]}, "received"),
        ({"seeds": 10**12}, "received 1000000000000"),
        ({"seeds": [0.5, 1.2]}, "different whole numbers from 0, at least one; received [0.5, 1.2]"),
        ({"seeds": ["a"]}, "received ['a']"),
        ({"seeds": [[1]]}, "received [[1]]"),
        ({"seeds": [True, 2]}, "received [True, 2]"),
        ({"confirm_seeds": [None]}, "received [None]"),
        ({"confirm_seeds": [0]}, "confirm_seeds must be fresh; received 0"),
        ({"seeds": [2**31 - 2], "confirm_seeds": 2}, "leave no 2 fresh ones after them below 2147483648"),
        ({"learning_rates": [Cosine(0.1, 0.0, 100)]}, "each positive; received [Cosine("),
        ({"search": None}, "a list of hyperparameters"),
        ({"optimizers": [Adam(Cosine(0.1, 0.0, 100))]}, "constant learning rates"),
    ],
)
def test_what_cannot_be_raced_is_refused_in_a_sentence(arguments, said):
    with pytest.raises(InputError) as caught:
        plan_race(**arguments)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("one", ["adam", rules.adam, Adam()])
def test_a_single_optimizer_is_a_list_of_one(one):
    assert plan_race(one, seeds=1).to_json() == plan_race(["adam"], seeds=1).to_json()


def test_a_plan_as_plain_values_tells_plans_apart():
    plain = plan_race(["adam"], learning_rates=1, seeds=1).to_json()
    assert json.loads(json.dumps(plain)) == plain
    others = [
        plan_race(["adam"], learning_rates=1, seeds=2),
        plan_race(["adam"], learning_rates=2, seeds=1),
        plan_race(["sgd"], learning_rates=1, seeds=1),
        plan_race([Adam(b2=0.99)], learning_rates=1, seeds=1),
        plan_race([Adam(transforms=(ClipByGlobalNorm(1.0),))], learning_rates=1, seeds=1),
        plan_race(["adam"], learning_rates=1, seeds=1, settings=Settings(epochs=7)),
    ]
    assert all(other.to_json() != plain for other in others)


def test_plans_of_the_same_rates_but_other_usual_ones_are_told_apart():
    """The usual rate races too, on fresh seeds."""
    one, other = (plan_race([Adam(usual)], learning_rates=[0.1, 0.2]).to_json() for usual in (0.01, 0.05))
    assert one["usual_learning_rates"] == {"adam": 0.01}
    assert one != other
    assert "usual_learning_rates" not in plan_race([Adam(0.1)], learning_rates=[0.1, 0.2]).to_json()


def test_the_longest_time_spreads_all_steps_over_the_cores(monkeypatch):
    monkeypatch.setattr(_plan, "workers", lambda: 2)
    assert _plan.seconds_at_most(10, 100, 0.01) == pytest.approx(5.0)  # 10 x 100 steps of 10 ms on two
    assert _plan.seconds_at_most(1, 100, 0.01) == pytest.approx(1.0)  # a lone run uses one core only
