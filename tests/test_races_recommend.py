"""What a race recommends, and that every line of code it offers builds the optimizer that raced."""

import dataclasses
import json
import math

import jax
import jax.numpy as jnp
import keras
import numpy as np
import polars as pl
import pytest
import torch

import steepest as st
from steepest import rules
from steepest.errors import InputError
from steepest.gradients import ClipByGlobalNorm
from steepest.optimizer import optimizer
from steepest.problems import Measure
from steepest.races import Recommendation, judge, plan_race, recommend
from steepest.training import Settings

from .dialect_cases import KNOBS

RATE = 0.03125  # a rate that float32 holds, in which Keras keeps it
OTHER = "# The same by steepest's drop-in:\n"
# Rules that each framework's own class computes as they are written, by their equations and docs/dialects.md.
NATIVE = {
    "torch": {"sgd", "momentum", "nesterov", "nesterov_lookahead", "adadelta", "adam", "adamw", "nadam"},
    "keras": {
        "sgd", "momentum", "nesterov", "nesterov_lookahead", "adagrad", "rmsprop", "rmsprop_momentum", "adadelta",
        "adamax", "lion",
    },
    "optax": {
        "sgd", "momentum", "nesterov", "nesterov_lookahead", "adagrad", "rmsprop", "rmsprop_momentum", "adadelta",
        "adam", "adamw", "amsgrad", "radam", "lion",
    },
}  # fmt: skip


def recommendation(one, **other):
    facts = {
        "plateau": (0.01, 0.1), "at_edge": False, "rates": 5, "epochs": 7, "best_epoch": 3, "best_epochs": (2, 5),
        "runs": 4, "still_falling": 0, "batch_size": None, "patience": 2,
    }  # fmt: skip
    return Recommendation(one, **{**facts, **other})


def with_knobs(name):
    """A rule at the common rate, with knobs far from their defaults, but those that no framework's own class has."""
    kept = ("epsilon_root", "rms", "threshold", "momentum_decay")
    knobs = {knob: KNOBS[knob] for knob in rules.hyperparameters(rules.ALL[name]) if knob not in kept}
    return optimizer(name, RATE, **knobs)


def slope(place):
    """The gradient of a bent valley, another in each entry; arithmetic alone, for arrays of every library."""
    steep = place * 0 + 1
    steep[..., -1] = 3.0
    return steep * place + 0.3 * place**3


def starts_for(rule):
    """A matrix, and for a rule that leaves other shapes to its fall-back also a vector."""
    return [np.array([[1.0, -0.7], [0.4, 0.2], [-0.9, 0.6]]), np.array([0.5, -0.3, 0.8])][: 2 if rule.fallback else 1]


def raced(one, place):
    """Where ten steps of the rule that raced take a place; for look-ahead, the point looked ahead to."""
    rule, knobs = one.rule, one.hyperparameters
    if rule.fallback is not None and place.ndim != 2:
        rule, knobs = rule.fallback, {k: v for k, v in knobs.items() if k in rules.hyperparameters(rule.fallback)}
    state, ahead = rules.initial_state(rule, place), rule.look_ahead or (lambda state, **knobs: 0.0)
    for t in range(1, 11):
        given = {"parameter": place} if rules.wants_parameter(rule) else {}
        g = slope(place + ahead(state, **knobs))
        step, state = rule(g, state, t, learning_rate=RATE, **knobs, **given)
        place = place + step
    return place + ahead(state, **knobs)


def in_torch(code, starts):
    model = torch.nn.ParameterList([torch.nn.Parameter(torch.tensor(start)) for start in starts])
    places = list(model.parameters())
    named = {"model": model}
    exec(code, named)
    for _ in range(10):
        for place in places:
            place.grad = slope(place.detach())
        for name in ("optimizer", "optimizer_of_others"):
            if name in named:
                named[name].step()
    return [place.detach().numpy() for place in places]


def in_keras(code, starts):
    places = [keras.Variable(start, dtype="float64", name=f"place{i}") for i, start in enumerate(starts)]
    named = {}
    exec(code, named)
    named["optimizer"].build(places)
    for _ in range(10):
        named["optimizer"].apply([jnp.asarray(slope(np.array(place.value))) for place in places])
    return [np.asarray(place.value) for place in places]


def in_optax(code, places):
    named = {}
    exec(code, named)
    state = named["optimizer"].init(places)
    for _ in range(10):
        updates, state = named["optimizer"].update([jnp.asarray(slope(place)) for place in places], state, places)
        places = [place + np.asarray(step) for place, step in zip(places, updates, strict=True)]
    return places


WALKS = {"torch": in_torch, "keras": in_keras, "optax": in_optax}


@pytest.fixture
def double():
    """torch keeps Nadam's product in the default dtype, JAX forgets float64 unless it is asked for."""
    torch.set_default_dtype(torch.float64)
    with jax.enable_x64(True):
        yield
    torch.set_default_dtype(torch.float32)


def parts(code):
    """The code, and what its comments offer besides, ready to run."""
    first, _, other = code.partition(OTHER)
    return [first, *(["\n".join(line.removeprefix("# ") for line in other.splitlines())] if other else [])]


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("framework", WALKS)
@pytest.mark.parametrize("name", rules.ALL)
def test_every_line_to_paste_moves_as_the_optimizer_that_raced(name, framework):
    one = with_knobs(name)
    code = recommendation(one).code(framework)
    assert (OTHER in code) == (name in NATIVE[framework])
    assert ("has nothing that computes the same" in code) != (OTHER in code)
    agree(one, framework, code)


def agree(one, framework, code):
    """Whether the code, and what its comments offer besides, move as the rule."""
    starts = starts_for(one.rule)
    for part in parts(code):
        for place, start in zip(WALKS[framework](part, starts), starts, strict=True):
            np.testing.assert_allclose(place, raced(one, start), rtol=0, atol=1e-10, err_msg=part)


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize(
    ("name", "framework", "knobs", "called"),
    [
        ("nadam", "optax", {"momentum_decay": math.inf}, "optax.nadam("),
        ("nadam", "torch", {"momentum_decay": math.inf}, 'momentum_decay=float("inf")'),
        ("nadam", "keras", {"momentum_decay": 1.0}, "keras.optimizers.Nadam("),
        ("adam", "torch", {"epsilon_root": 0.1}, "from_rule(adam)("),
        ("momentum", "torch", {"momentum": 0.0}, "from_rule(momentum)("),
        ("radam", "torch", {"threshold": 5.0}, "from_rule(radam)("),
        ("muon", "torch", {"rms": 0.3}, "from_rule(muon)(matrices"),
        ("muon", "keras", {}, "from_rule(muon)("),
        ("amsgrad", "keras", {"epsilon_root": 0.1}, "from_rule(amsgrad)("),
        ("adamw", "keras", {"epsilon_root": 0.1, "weight_decay": 0.4}, "from_rule(adamw)("),
        ("adamw", "keras", {"epsilon_root": 0.1, "weight_decay": 0.0}, "from_rule(adamw)("),
    ],
    ids=lambda one: ", ".join(f"{k}={v}" for k, v in one.items()) if isinstance(one, dict) else None,
)
def test_knobs_decide_whose_class_computes_the_same(name, framework, knobs, called):
    one = optimizer(name, RATE, **knobs)
    code = recommendation(one).code(framework)
    assert called in code
    agree(one, framework, code)


@pytest.mark.parametrize("name", rules.ALL)
def test_the_lines_for_steepest_build_an_equal_optimizer(name):
    for one in (optimizer(name), with_knobs(name)):
        build, _, fit = recommendation(one).code("steepest").partition("run = ")
        named = {}
        exec(build, named)
        assert named["optimizer"] == one
        assert fit == "st.fit(problem, optimizer, epochs=7, batch_size=None, patience=2)\n"


def test_gradient_transforms_are_arguments_here_and_told_elsewhere():
    one = optimizer("adam", 1e-3, transforms=(ClipByGlobalNorm(0.5),))
    build, *_ = recommendation(one).code("steepest").partition("run = ")
    named = {}
    exec(build, named)
    assert named["optimizer"] == one
    for framework in WALKS:
        assert "went through ClipByGlobalNorm(limit=0.5).\n" in recommendation(one).code(framework)


def test_a_rule_of_ones_own_is_built_from_it():
    @st.rule(rules.SGDState)
    def halved(g, state, t, *, learning_rate):
        return -learning_rate / 2 * g, state

    for framework in WALKS:
        code = recommendation(optimizer(halved, 0.1)).code(framework)
        assert f"from steepest.{framework} import from_rule\n\noptimizer = from_rule(halved)(" in code
        assert "import halved" not in code  # no module has it
    assert "st.optimizer.optimizer(halved, learning_rate=0.1)" in recommendation(optimizer(halved, 0.1)).code(
        "steepest"
    )
    halved.__qualname__, halved.__module__ = "halved", "my_rules"
    assert "from my_rules import halved\n" in recommendation(optimizer(halved, 0.1)).code("torch")


def test_a_rule_that_no_framework_can_have_is_told_so():
    @st.rule(rules.SGDState, look_ahead=lambda state: 0.0)
    def ahead(g, state, t, *, learning_rate):
        return -learning_rate * g, state

    last = recommendation(optimizer(ahead, 0.1)).code("torch").splitlines()[-1]
    assert last.startswith("# ahead wants its gradient elsewhere than at the parameter")


def test_an_unknown_framework_is_refused():
    with pytest.raises(InputError, match=r"Unknown framework 'torhc'. Did you mean 'torch'\?"):
        recommendation(st.Adam()).code("torhc")


PATIENT = Settings(epochs=200, patience=10)


def table(*rows, stage):
    """Rows of (learning rate, seed, best epoch, status), all of Adam; the steady loss falls with the rate."""
    names = ("learning_rate", "seed", "best_epoch", "status")
    frame = pl.DataFrame(rows, schema=names, orient="row").with_columns(
        optimizer=pl.lit("adam"), stage=pl.lit(stage), steady_validation_loss=1 - pl.col("learning_rate")
    )
    return frame.select(sorted(frame.columns))


def recommended(*tables, settings=PATIENT):
    plan = plan_race("adam", learning_rates=[1e-3, 1e-2, 0.1], seeds=[0, 1], confirm_seeds=[2, 3, 4], settings=settings)
    runs = pl.concat(tables)
    usual = {"adam": plan.optimizers["adam"].learning_rate}
    return recommend(plan, runs, judge(runs, usual, Measure("loss", "")))


# Losses 0.999, 0.99 and 0.9: the last is best by a tenth on every seed, so the plateau is that rate alone, at the end.
TUNING = table(
    *((rate, seed, 150, "ok") for rate in (1e-3, 1e-2, 0.1) for seed in (0, 1)), stage="tune"
)  # fmt: skip
FRESH = table(
    *((1e-3, seed, 190, "ok") for seed in (2, 3, 4, 5)), (1e-3, 6, 190, "diverged"),
    (0.1, 2, 12, "stopped"), (0.1, 3, 30, "stopped"), (0.1, 4, 35, "stopped"), (0.1, 5, 80, "stopped"),
    (0.1, 6, 7, "diverged"), stage="confirm",
)  # fmt: skip


def test_the_epochs_are_those_of_its_own_fresh_runs():
    """Best epochs 12, 30, 35 and 80: their median is 32.5, and the last shows itself 10 epochs later.

    The tuning's 150, the usual rate's 190 and the diverged run's 7 do not count.
    """
    told = recommended(TUNING, FRESH)
    assert (told.name, told.learning_rate, told.plateau, told.at_edge) == ("adam", 0.1, (0.1, 0.1), True)
    assert (told.best_epoch, told.best_epochs, told.runs, told.epochs) == (33, (12, 80), 4, 90)
    assert (told.still_falling, told.rates, told.batch_size, told.patience) == (0, 3, None, 10)
    assert told.training == {"epochs": 90, "batch_size": None, "patience": 10}
    assert told.sentence == (
        "Adam at a learning rate of 0.1, held constant: no other that was tried is known to be as good, and rates "
        "beyond were not tried. Train in batches of at most 32 for up to 90 epochs with a patience of 10: the loss was "
        "lowest at epoch 33 (12 to 80 over 4 seeds)."
    )


def test_a_usual_rate_that_is_taken_back_is_not_told_as_the_only_one_tried():
    """Tuned at 0.001 alone, whose loss is 0.999; the usual 0.1 reaches 0.9 on the fresh seeds."""
    plan = plan_race([st.Adam(0.1)], learning_rates=[1e-3], seeds=1, confirm_seeds=2, settings=PATIENT)
    fresh = table(*((rate, seed, 12, "ok") for rate in (1e-3, 0.1) for seed in (1, 2)), stage="confirm")
    runs = pl.concat([table((1e-3, 0, 12, "ok"), stage="tune"), fresh])
    told = recommend(plan, runs, judge(runs, {"adam": 0.1}, Measure("loss", "")))
    assert (told.learning_rate, told.rates) == (0.1, 2)
    assert "the rate must be hit, since no other that was tried is known to be as good" in told.sentence


def test_without_fresh_seeds_those_of_the_tuning_count():
    """Its last epoch, 150, and 10 make 160, but of 155 allowed all are taken; 150 is not the last of them."""
    told = recommended(TUNING, settings=Settings(epochs=155, patience=10, batch_size="all"))
    assert (told.epochs, told.best_epochs, told.runs, told.still_falling) == (155, (150, 150), 2, 0)
    assert (
        "Train on all rows at once for up to 155 epochs with a patience of 10: the loss was lowest at epoch 150."
        in (told.sentence)
    )


def test_a_loss_that_still_fell_is_told():
    told = recommended(TUNING, settings=Settings(epochs=150, patience=None, batch_size=16))
    assert (told.epochs, told.still_falling) == (150, 2)
    assert told.sentence.endswith(
        "Train in batches of 16 for up to 150 epochs: the loss was lowest at epoch 150. At the last epoch the loss of "
        "2 of 2 seeds was still falling: more epochs may do better."
    )


def test_epochs_are_rounded_up_to_two_digits():
    """123 and a patience of 10 are 133; 140 has two digits."""
    runs = table(*((rate, 0, 123, "ok") for rate in (1e-3, 1e-2)), stage="tune")
    assert recommended(runs).epochs == 140


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"plateau": (3e-4, 3e-3)}, "anything from 3e-4 to 0.003 is as good."),
        ({"plateau": (3e-4, 3e-3), "at_edge": True}, "from 3e-4 to 0.003 is as good, and rates beyond were not tried."),
        ({"plateau": (1e-3, 1e-3)}, "the rate must be hit, since no other that was tried is known to be as good."),
        ({"plateau": (1e-3, 1e-3), "rates": 1}, "held constant: no other rate was tried."),
    ],
    ids=["a range", "a range at the end", "one rate", "one tried"],
)
def test_how_free_the_rate_is(facts, said):
    assert said in recommendation(st.Adam(1e-3), **facts).sentence


def test_no_verdict_recommends_nothing():
    plan = plan_race("adam")
    assert recommend(plan, TUNING, None) is None


def test_a_race_keeps_it_and_a_fit_goes_on_with_it(tmp_path):
    bowl = st.Problem(init=jnp.array([1.0, 2.0]), loss=lambda x: jnp.sum(x**2), name="bowl")
    race = st.race(
        bowl, [st.Momentum(0.1, momentum=0.5)], learning_rates=[1e-3, 0.1], seeds=2, confirm_seeds=2, epochs=12
    )
    told = race.recommendation
    assert told.optimizer() == st.Momentum(0.1, momentum=0.5)
    run = st.fit(bowl, told.optimizer(), **told.training)
    assert run.best_loss == pytest.approx(race.winner.run.best_loss, rel=1e-6)
    named = {"problem": bowl}
    exec(told.code("steepest"), named)
    assert named["run"].best_loss == run.best_loss

    kept = json.loads((st.save(race, tmp_path / "race") / "race.json").read_text())["recommendation"]
    assert kept == json.loads(json.dumps(told.to_json()))
    assert (kept["optimizer"], kept["learning_rate"], kept["hyperparameters"]) == ("momentum", 0.1, {"momentum": 0.5})
    assert (kept["schedule"], kept["epochs"], kept["transforms"]) == ("constant", 12, [])
    assert list(kept["code"]) == ["steepest", "torch", "keras", "optax"]
    nothing = dataclasses.replace(race, verdict=None, winner=None)
    assert json.loads((st.save(nothing, tmp_path / "none") / "race.json").read_text())["recommendation"] is None
