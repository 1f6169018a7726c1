"""``steepest fit --like DIR``: what it takes over, what wins over it, and what it refuses."""

import json
import shutil
from pathlib import Path

import polars as pl
import pytest

import steepest as st
from steepest.cli._like import like
from steepest.schedules import over_run

from .cli_tools import TINY, TINY_RACE, Shell

ROWS = [f"{i},{i % 7},{1 + i % 3},{'ab'[i >= 30]}" for i in range(60)]
TABLE = "x,z,w,y\n" + "\n".join(ROWS) + "\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A race and a fit of all the options there are, neither at any default."""
    place = tmp_path_factory.mktemp("made")
    (place / "table.csv").write_text(TABLE)
    problem = st.network(
        st.read(place / "table.csv", target="y", weight="w"), hidden=(5, 3), activation="tanh", scale=0.5,
        class_weight="balanced", validation=0.3,
    )  # fmt: skip
    raced = [st.Adam(b2=0.95), st.Momentum(momentum=0.5)]
    race = st.race(
        problem, raced, learning_rates=[0.001, 0.01], seeds=1, confirm_seeds=2, epochs=30, batch_size=8, patience=3
    )
    st.save(race, place / "race")
    assert race.verdict.optimizer == "adam"
    run = st.fit(problem, st.Momentum(0.3, momentum=0.4), epochs=4, batch_size="all", patience=None)
    st.save(run, place / "fit")
    return place


@pytest.fixture
def shell(made, tmp_path, monkeypatch, capsys):
    place = tmp_path / "here"
    shutil.copytree(made, place)
    return Shell(place, monkeypatch, capsys)


def spec(directory, name="run.json"):
    return json.loads((Path(directory) / name).read_text())["spec"]


def edit(file, *path, to):
    """Set what stands at a path of keys in a JSON file; None takes it away."""
    told = part = json.loads(Path(file).read_text())
    for key in path[:-1]:
        part = part[key]
    if to is None:
        del part[path[-1]]
    else:
        part[path[-1]] = to
    Path(file).write_text(json.dumps(told))


def test_a_fit_like_a_race_ends_where_the_race_s_own_run_did(shell):
    """The recommended optimizer at its rate on a fresh seed of the race, on the same table with the same network."""
    told = shell.works("fit", "table.csv", "--like", "race", "--seed", "2", "--out", "again")
    facts = json.loads(Path("race/race.json").read_text())
    rate, epochs = facts["verdict"]["learning_rate"], facts["recommendation"]["epochs"]
    assert f"  Like 'race': Adam at a learning rate of {rate:.3g}, constant, for up to {epochs} epochs.\n" in told
    (before,) = (
        pl.read_parquet("race/runs.parquet")
        .filter((pl.col("optimizer") == "adam") & (pl.col("learning_rate") == rate) & (pl.col("seed") == 2))
        .rows(named=True)
    )
    (after,) = pl.read_parquet("again/runs.parquet").rows(named=True)
    assert (after["epochs"], after["best_epoch"]) == (before["epochs"], before["best_epoch"])
    assert after["best_validation_loss"] == pytest.approx(before["best_validation_loss"], rel=1e-5)
    asked, raced = spec("again"), spec("race", "race.json")
    assert asked["optimizers"]["adam"]["b2"] == 0.95
    same = ("data", "target", "task", "network", "loss", "weight", "class_weight", "validation", "test", "test_seed")
    for name in (*same, "batch_size", "patience", "least_improvement", "sampling", "steps_per_epoch"):
        assert asked[name] == raced[name], name
    assert raced["network"]["hidden"] == [5, 3]
    assert asked["epochs"] == epochs


def test_options_that_are_given_win_though_they_are_the_usual_ones(shell):
    """relu, 100 epochs and no early stopping are given; He's weights fit relu, as Glorot's fitted the race's tanh."""
    shell.works(
        "fit", "table.csv", "--like", "race", "--activation", "relu", "--epochs", "100", "--patience", "0", "--set",
        "b1=0.5", "--learning-rate", "0.05", "--hidden", "4", "--batch-size", "all", "--scale", "1", "--quiet",
        "--schedule", "linear", "--out", "given",
    )  # fmt: skip
    told = spec("given")
    assert told["network"] == {"hidden": [4], "activation": "relu", "initializer": "he_normal", "scale": 1.0}
    assert (told["epochs"], told["patience"], told["batch_size"]) == (100, None, "all")
    assert told["optimizers"]["adam"] == {"b1": 0.5, "b2": 0.95, "epsilon": 1e-8, "epsilon_root": 0.0}
    assert told["schedule"] == "LinearDecay(initial=0.05, final=0.0005, steps=100)"
    assert (told["weight"], told["class_weight"]) == ("w", "balanced")


def taken(directory, **given):
    return like(Path(directory), given)


def test_another_optimizer_that_raced_has_its_own_rate(shell):
    verdict = json.loads(Path("race/race.json").read_text())["verdict"]
    (second,) = (one for one in verdict["leaderboard"] if one["optimizer"] == "momentum")
    told = taken("race", optimizer="Momentum")
    assert (told["learning_rate"], told["set_"], told["epochs"]) == (second["learning_rate"], ["momentum=0.5"], 30)
    told = taken("race", optimizer="lion", set_=["b1=0.8"])
    assert (told["learning_rate"], told["set_"]) == (None, ["b1=0.8"])
    assert "optimizer" not in told
    told = taken("fit", optimizer="lion")
    assert (told["learning_rate"], told["set_"]) == (None, [])


def test_another_target_or_task_is_found_anew(shell):
    assert (taken("race")["target"], taken("race")["task"]) == ("y", "binary")
    assert taken("race", target="x")["task"] is None
    assert taken("race", task="regression")["loss"] is None


def test_a_loss_or_initializer_that_was_only_usual_is_not_insisted_on(shell):
    assert (taken("race")["loss"], taken("race")["initializer"]) == (None, None)
    edit("race/race.json", "spec", "network", "initializer", to="lecun_normal")
    edit("race/race.json", "spec", "task", to="regression")
    edit("race/race.json", "spec", "loss", to="huber")
    assert (taken("race")["loss"], taken("race")["initializer"]) == ("huber", "lecun_normal")


def test_a_fit_is_repeated_to_the_bit(shell):
    shell.works(
        "fit", "wine", *TINY, "--optimizer", "rmsprop", "--set", "decay=0.8", "--schedule", "cosine", "--warmup", "3",
        "--clip-norm", "0.5", "--noise", "0.1", "--sampling", "replacement", "--out", "first",
    )  # fmt: skip
    shell.works("fit", "wine", "--like", "first", "--out", "second")
    assert spec("first") == spec("second")
    first, second = (pl.read_parquet(f"{name}/curves.parquet") for name in ("first", "second"))
    assert first.equals(second)


def test_a_fit_from_python_is_taken_over_too(shell):
    told = taken("fit")
    assert (told["optimizer"], told["learning_rate"], told["set_"]) == ("momentum", 0.3, ["momentum=0.4"])
    assert (told["epochs"], told["batch_size"], told["patience"]) == (4, "all", None)
    assert (told["schedule"], told["warmup"], told["clip_norm"], told["noise"]) == ("constant", 0, None, None)
    assert (told["hidden"], told["validation"], told["scale"]) == ((5, 3), 0.3, 0.5)


@pytest.mark.parametrize("name", ["constant", "linear", "cosine", "polynomial", "exponential", "steps", "inverse-time"])
@pytest.mark.parametrize("warmup", [0, 2])
def test_every_schedule_is_known_again(shell, name, warmup):
    """Four epochs of one step, all rows being one batch."""
    edit("fit/run.json", "spec", "schedule", to=repr(over_run(name, 0.3, 4, warmup=warmup)))
    assert (taken("fit")["schedule"], taken("fit")["warmup"]) == (name, warmup)


@pytest.mark.parametrize(
    ("told", "options"),
    [
        ("ClipByValue(limit=0.25)", {"clip_value": 0.25}),
        ("ClipByGlobalNorm(limit=1e-05)", {"clip_norm": 1e-5}),
        ("AddNoise(stddev=0.1, decay=0.55)", {"noise": 0.1}),
    ],
    ids=["value", "norm", "noise"],
)
def test_every_transform_is_known_again(shell, told, options):
    edit("fit/run.json", "spec", "transforms", to=[told])
    edit("race/race.json", "spec", "transforms", to={"adam": [told]})
    for directory in ("fit", "race"):
        found = taken(directory)
        assert {name: found[name] for name in ("clip_value", "clip_norm", "noise") if found[name]} == options
    assert not any(taken("race", optimizer="momentum")[name] for name in ("clip_value", "clip_norm", "noise"))


def test_an_infinite_knob_comes_back(shell):
    """JSON has no infinity, and the file null in its place."""
    edit("race/race.json", "spec", "optimizers", "adam", "b2", to=[])
    text = Path("race/race.json").read_text().replace('"b2": []', '"b2": null')
    Path("race/race.json").write_text(text)
    assert "b2=inf" in taken("race")["set_"]


def test_a_race_from_before_there_was_a_recommendation_serves_too(shell):
    edit("race/race.json", "recommendation", to=None)
    edit("race/race.json", "format", to=1)
    told = taken("race")
    assert (told["optimizer"], told["epochs"], told["batch_size"]) == ("adam", 30, 8)


def test_a_race_of_ones_own_loss_says_nothing_of_the_network(shell):
    """Its spec has none of what a table and a network ask for."""
    for name in ("network", "target", "task", "loss", "weight", "class_weight", "validation", "test", "test_seed"):
        edit("race/race.json", "spec", name, to=None)
    told = taken("race")
    assert (told["optimizer"], told["patience"]) == ("adam", 3)
    assert not {"hidden", "target", "validation"} & set(told)


def test_a_race_says_how_free_its_rate_is(shell):
    told = shell.works("race", "wine", *TINY_RACE, "--confirm-seeds", "0", "--quiet", "--out", "small")
    line = (
        "SGD at a learning rate of 0.1, held constant: no other rate was tried. Train in batches of at most 32 for up "
        "to 2 epochs with a patience of 10: the loss was lowest at epoch 2. At the last epoch its loss was still "
        "falling: more epochs may do better.\n"
    )
    assert line in told
    assert json.loads(Path("small/race.json").read_text())["recommendation"]["sentence"] + "\n" == line


def test_what_is_no_run_directory_is_refused(shell):
    Path("empty").mkdir()
    Path("going").mkdir()
    Path("going/.race").mkdir()
    for where, said in {
        "nowhere": "There is no directory 'nowhere' to train like. Give one that `steepest race` or",
        "table.csv": "There is no directory 'table.csv' to train like.",
        "empty": "'empty' holds neither race.json nor run.json. Give one that",
        "going": "The race in 'going' has not ended yet. End it with --resume, then train like it.",
        ".": "'.' holds the races race. Give one of them: race.",
    }.items():
        assert shell.refuses("fit", "table.csv", "--like", where, silently=True).startswith(said)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "'race/race.json' is damaged ("),
        ("[" * 100_000, "'race/race.json' is damaged ("),
        ("[]", "'race/race.json' was not written by steepest"),
        ('{"kind": "fit", "format": 2}', "'race/race.json' was not written by steepest"),
        ('{"kind": "race"}', "'race/race.json' was not written by steepest"),
        ('{"kind": "race", "format": 99}', "'race/race.json' has format 99, and this steepest reads up to 2"),
        ('{"kind": "race", "format": 2}', "'race/race.json' is damaged ('verdict' is missing)"),
        ('{"kind": "race", "format": 2, "verdict": null}', "The race in 'race' has no verdict, so there is nothing to"),
    ],
    ids=["cut", "deep", "a list", "a fit", "no format", "newer", "no facts", "no verdict"],
)
def test_a_foreign_or_damaged_file_is_refused(shell, content, said):
    Path("race/race.json").write_text(content)
    assert shell.refuses("fit", "table.csv", "--like", "race", silently=True).startswith(said)


BROKEN = [
    ("race", ("spec",), [], "'spec' is of the wrong kind"),
    ("race", ("spec", "network", "hidden"), "5", "'hidden' is of the wrong kind"),
    ("race", ("spec", "network", "hidden"), [[]], "hidden must be positive whole numbers of units"),
    ("race", ("spec", "network", "activation"), None, "'activation' is missing"),
    ("race", ("spec", "network", "activation"), "tahn", "Did you mean 'tanh'?"),
    ("race", ("spec", "network", "scale"), True, "'scale' is of the wrong kind"),
    ("race", ("spec", "task"), "clustering", "'task' is clustering"),
    ("race", ("spec", "test_seed"), -1, "'test_seed' is -1"),
    ("race", ("spec", "validation"), 2.5, "must leave some training rows"),
    ("race", ("spec", "patience"), 1.5, "patience must be a whole number"),
    ("race", ("spec", "sampling"), "none", "Unknown sampling 'none'"),
    ("race", ("spec", "optimizers", "adam", "b1"), "x", "'b1' is of the wrong kind"),
    ("race", ("spec", "optimizers", "adam", "b1"), 2, "b1 must be in [0, 1)"),
    ("race", ("verdict", "leaderboard"), [5], "'optimizer' is missing"),
    ("race", ("verdict", "leaderboard"), [{"optimizer": "adam", "learning_rate": -1}], "learning_rate must be"),
    ("race", ("verdict", "optimizer"), "yogi", "'race' is of 'yogi', a rule that the command line does not know"),
    ("race", ("recommendation", "epochs"), 0, "epochs must be a whole number, 1 or more"),
    ("race", ("recommendation", "batch_size"), 500, "batch_size 500 is larger than the"),
    ("fit", ("spec", "learning_rates"), {"adam": []}, "'learning_rates' has not one number"),
    ("fit", ("spec", "schedule"), "Mine()", "went by Mine(), which no option makes. Name another by --schedule."),
    ("fit", ("spec", "transforms"), ["Mine(x=1.2.3)"], "went through Mine(x=1.2.3), which no option makes"),
    ("fit", ("spec", "transforms"), ["AddNoise(stddev=0.1, decay=0.2)"], "which no option makes"),
]


@pytest.mark.parametrize(("directory", "path", "to", "said"), BROKEN, ids=[f"{b[1][-1]} {b[2]}" for b in BROKEN])
def test_whatever_is_not_as_it_was_written_is_one_sentence(shell, directory, path, to, said):
    edit(f"{directory}/{'race' if directory == 'race' else 'run'}.json", *path, to=to)
    assert said in shell.refuses("fit", "table.csv", "--like", directory, silently=True)


def test_a_column_that_the_data_lacks_is_refused(shell):
    Path("other.csv").write_text(TABLE.replace("w,y", "w,label"))
    said = shell.refuses("fit", "other.csv", "--like", "race", silently=True)
    assert said.startswith("Unknown target column 'y'.")
    assert said.endswith("The columns are x, z, w, label. 'race' has that target: name another by --target.")
    Path("other.csv").write_text(TABLE.replace("w,y", "u,y"))
    said = shell.refuses("fit", "other.csv", "--like", "race", silently=True)
    assert said.endswith("'race' has that weight: name another by --weight.")
    said = shell.refuses("fit", "other.csv", "--like", "race", "--target", "q", silently=True)
    assert said.startswith("Unknown target column 'q'.")
    assert "'race'" not in said
