"""Every command as a new user would try it: what it says, what it writes, and that it does it again."""

import json
import re
import shlex
import shutil

import numpy as np
import polars as pl
import pytest

from steepest.cli import _progress

from .cli_tools import TINY, TINY_RACE, Shell
from .tables import mixed_table

BUILT_IN = ("digits", "breast-cancer", "wine", "iris", "diabetes")


@pytest.fixture
def shell(tmp_path, monkeypatch, capsys):
    return Shell(tmp_path, monkeypatch, capsys)


def facts(directory, name="race.json"):
    return json.loads((directory / name).read_text())


@pytest.mark.parametrize("name", BUILT_IN)
def test_each_built_in_table_can_be_fitted_raced_and_predicted(shell, name):
    told = shell.works("fit", name, "--out", "fit", "--epochs", "2", "--hidden", "none")
    assert "On the test part" in told
    assert "Model and report: fit" in told
    told = shell.works("race", name, *TINY_RACE, "--hidden", "none", "--out", "race")
    assert "Use SGD at a learning rate of 0.1" in told
    assert "Unconfirmed" in told
    assert "Report: race/report.html" in told
    told = shell.works("predict", "race", name, "--out", "out.parquet")
    rows = facts(shell.place / "race")["data"]["rows"]
    assert told == f"{rows:,} rows of 'target' predicted: out.parquet\n"
    assert len(pl.read_parquet(shell.place / "out.parquet")) == rows


@pytest.mark.parametrize(("target", "classes"), [("price", []), ("level", ["high", "low", "middle"])])
def test_a_table_of_every_kind_of_column_with_gaps(shell, mixed_csv, target, classes):
    table = pl.read_csv(mixed_csv)
    shell.works("fit", mixed_csv, "--target", target, *TINY, "--out", "fit")
    told = shell.works("race", mixed_csv, "--target", target, *TINY_RACE, "--out", "race")
    assert f"target '{target}'" in told
    for number, model in enumerate(("fit", "race", "race/model")):
        shell.works("predict", model, mixed_csv, "--out", f"{number}.csv")
        out = pl.read_csv(shell.place / f"{number}.csv")
        assert len(out) == len(table)
        assert out.columns == ["prediction", *(f"probability of {name}" for name in classes)]
        if classes:
            shares = out.drop("prediction").to_numpy()
            assert np.allclose(shares.sum(axis=1), 1, atol=1e-12)
            assert [classes[i] for i in shares.argmax(axis=1)] == out["prediction"].to_list()
        else:  # in the user's units: nearer the target's spread than a standardised number could be
            assert 0 < out["prediction"].std() < 3 * table["price"].std()


def test_predictions_stand_in_the_order_of_the_rows_whatever_the_columns(shell, mixed_csv):
    shell.works("fit", mixed_csv, "--target", "price", *TINY, "--out", "fit")
    table = mixed_table()
    table.reverse().write_csv("reversed.csv")
    table.select(reversed(table.drop("price").columns)).write_csv("columns.csv")
    shell.works("predict", "fit", mixed_csv, "--out", "plain.csv")
    shell.works("predict", "fit", "reversed.csv", "--out", "reversed_out.csv")
    shell.works("predict", "fit", "columns.csv", "--out", "columns_out.tsv")
    plain = pl.read_csv("plain.csv")["prediction"].to_numpy()
    assert np.allclose(pl.read_csv("reversed_out.csv")["prediction"].to_numpy()[::-1], plain, rtol=1e-5, atol=1e-5)
    columns = pl.read_csv("columns_out.tsv", separator="\t")["prediction"].to_numpy()
    assert np.allclose(columns, plain, rtol=1e-5, atol=1e-5)


def test_what_predict_takes_and_what_it_refuses(shell, mixed_csv):
    shell.works("fit", mixed_csv, "--target", "level", *TINY, "--out", "fit")
    table = mixed_table()
    table.with_columns(colour=pl.lit("mauve")).write_csv("new.csv")
    table.drop("size", "colour").write_csv("less.csv")
    table.with_columns(size=pl.lit("large")).write_csv("words.csv")
    table.head(0).write_csv("none.csv")
    table.head(1).write_csv("one.csv")
    (shell.place / "kept.csv").write_text("mine")
    new = shell("predict", "fit", "new.csv", "--out", "new_out.csv")
    assert (new.code, new.err) == (0, "Column 'colour': 300 rows hold values not seen in training, such as 'mauve'.\n")
    assert "300 rows" in new.out
    assert "1 row of" in shell.works("predict", "fit", "one.csv", "--out", "one_out.csv")
    assert shell.works("predict", "fit", "one.csv", "--out", "quiet.csv", "--quiet") == ""
    for words, said in {
        ("less.csv", "a.csv"): "'size', 'colour'",
        ("words.csv", "a.csv"): "'size' should hold numbers, but row 1 is 'large'",
        ("none.csv", "a.csv"): "no rows",
        ("new.csv", "kept.csv"): "'kept.csv' exists already",
        ("new.csv", "a.txt"): ".csv, .tsv or .parquet",
        ("new.csv", "kept.csv/a.csv"): "Cannot write",
        ("nowhere.csv", "a.csv"): "nowhere.csv",
    }.items():
        assert said in shell.refuses("predict", "fit", words[0], "--out", words[1])


def damage(place, name):
    def edit(change):
        content = json.loads((place / "model.json").read_text())
        change(content)
        (place / "model.json").write_text(json.dumps(content))

    {
        "no model.json": (place / "model.json").unlink,
        "an empty model.json": lambda: (place / "model.json").write_text(""),
        "no text": lambda: (place / "model.json").write_bytes(b"\xff\xfe\x00"),
        "brackets without end": lambda: (place / "model.json").write_text("[" * 100_000),
        "a class less": lambda: edit(lambda content: content["target"]["classes"].pop()),
        "another width": lambda: edit(lambda content: content["network"].update(hidden=[5])),
        "another task": lambda: edit(lambda content: content.update(task="regression")),
        "a list": lambda: (place / "model.json").write_text("[]"),
        "a newer format": lambda: edit(lambda content: content.update(format=99)),
        "no network": lambda: edit(lambda content: content.pop("network")),
        "an activation that is code": lambda: edit(lambda content: content["network"].update(activation="os.system")),
        "a field more": lambda: edit(lambda content: content["network"].update(evil=1)),
        "a layer more": lambda: edit(lambda content: content["network"].update(hidden=[4, 4])),
        "labels of a type that is code": lambda: edit(lambda content: content["target"].update(label_type="eval")),
        "no weights": (place / "weights.safetensors").unlink,
        "a pickle for weights": lambda: (place / "weights.safetensors").write_bytes(b"\x80\x04cos\nsystem\n" * 9),
        "a pickle for encoders": lambda: (place / "encoder.safetensors").write_bytes(b"\x80\x04cos\nsystem\n" * 9),
        "cut-off weights": lambda: (place / "weights.safetensors").write_bytes(
            (place / "weights.safetensors").read_bytes()[:-7]
        ),
    }[name]()


@pytest.fixture(scope="module")
def wine_model(tmp_path_factory):
    from steepest import SGD, fit, network, read
    from steepest.races import save_fit

    place = tmp_path_factory.mktemp("wine")
    save_fit(fit(network(read("wine"), (4,)), SGD(0.1), epochs=2), place)
    return place


@pytest.mark.parametrize(
    "name",
    [
        "no text", "brackets without end", "a class less", "another width", "another task",
        "no model.json", "an empty model.json", "a list", "a newer format", "no network", "an activation that is code",
        "a field more", "a layer more", "labels of a type that is code", "no weights", "a pickle for weights",
        "a pickle for encoders", "cut-off weights",
    ],
)  # fmt: skip
def test_a_model_that_is_damaged_or_hostile_is_refused(shell, wine_model, name):
    shutil.copytree(wine_model, "model")
    damage(shell.place / "model" / "model", name)
    sentence = shell.refuses("predict", "model", "wine", "--out", "out.csv")
    assert re.search(r"\bmodel\b|\bencoder\b|activation|target", sentence)


@pytest.mark.parametrize("place", ["nowhere", ".", "file.csv"])
def test_a_model_that_is_not_there(shell, place):
    (shell.place / "file.csv").write_text("a,b\n1,2\n")
    assert f"'{place}' holds no model" in shell.refuses("predict", place, "wine", "--out", "out.csv")


def test_constant_and_empty_columns_are_left_out_with_a_note(shell):
    rows = "".join(f"{i},{i % 5},7,,{'ab'[i % 2]}\n" for i in range(40))
    (shell.place / "table.csv").write_text("x,z,same,none,y\n" + rows)
    told = shell.works("fit", "table.csv", "--target", "y", *TINY, "--out", "fit")
    assert "Column 'same' is constant and was left out." in told
    assert "Column 'none' has no entries and was left out." in told
    assert "2 columns, 2 classes" in told
    shell.works("predict", "fit", "table.csv")
    assert len(pl.read_csv("predictions.csv")) == 40


def test_a_dry_run_says_how_many_runs_and_how_long_and_writes_nothing(shell):
    told = shell.works("race", "wine", *TINY, "--learning-rates", "2", "--optimizers", "sgd,adam", "--dry-run")
    assert re.search(
        r"^52 runs: 2 optimizers x 2 learning rates x 3 seeds, then the chosen and the usual rate of each x 10 fresh "
        r"seeds, up to 2 epochs each; at most \d+ s",
        told,
        re.M,
    )
    one = shell.works("race", "wine", *TINY_RACE, "--epochs", "1", "--dry-run")
    assert re.search(r"^1 run: 1 optimizer x 1 learning rate x 1 seed, up to 1 epoch each; at most \d+ s", one, re.M)
    assert list(shell.place.iterdir()) == []


def test_quiet_says_only_the_result(shell):
    told = shell.works("race", "wine", *TINY_RACE, "--quiet")
    assert told.splitlines()[0].startswith("Validation cross-entropy in nats, at each one's recommended learning rate")
    assert told.splitlines()[1].startswith("optimizer")
    assert "*" not in told
    assert "1 run:" not in told
    told = shell.works("fit", "wine", *TINY, "--quiet")
    assert told.splitlines()[0].startswith("adam ran all 2 epochs")


def test_without_a_terminal_progress_is_plain_lines(shell, monkeypatch):
    monkeypatch.setattr(_progress, "_PLAIN_SECONDS", -1.0)
    told = shell.works("race", "wine", *TINY_RACE, "--learning-rates", "3")
    lines = [line for line in told.splitlines() if " of 3 runs; " in line]
    assert [line.split()[0] for line in lines] == ["1", "2", "3"]
    assert "\r" not in told
    assert "\x1b" not in told
    told = shell.works("fit", "wine", *TINY, "--optimizer", "sgd")
    assert re.search(r"^[12] of 2 epochs; cross-entropy [\d.]+, validation [\d.]+$", told, re.M)


def test_names_that_are_taken_are_counted_up(shell):
    for _ in range(3):
        shell.works("fit", "wine", *TINY, "--optimizer", "sgd")
    assert sorted(path.name for path in shell.place.iterdir()) == ["fit-wine", "fit-wine-2", "fit-wine-3"]


def test_the_kept_command_repeats_the_race(shell):
    asked = ("--optimizers", "sgd,adam", "--learning-rates", "2", "--seeds", "3,1", "--confirm-seeds", "2")
    shell.works("race", "wine", *TINY, *asked)
    command = shlex.split(facts(shell.place / "race-wine", "made.json")["command"])
    assert command[0] == "steepest"
    shell.works(*command[1:])
    first, second = (pl.read_parquet(shell.place / name / "runs.parquet") for name in ("race-wine", "race-wine-2"))
    assert first.equals(second)
    assert set(first["seed"]) == {1, 3, 4, 5}
    for name in ("race.json", "curves.parquet", "model/weights.safetensors"):
        assert (shell.place / "race-wine" / name).read_bytes() == (shell.place / "race-wine-2" / name).read_bytes()


def test_the_leaderboard_fits_80_columns_and_explains_its_mark(shell, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    rates = ("--seeds", "1", "--quiet", "--learning-rates", "1e-4,3.16e-4")
    told = shell.works("race", "diabetes", *TINY, *rates, "--confirm-seeds", "0")
    head, *rows = told.splitlines()[1:11]
    for column in ("learning rate", "median", "lowest", "highest", "at usual rate", "diverged"):
        assert column in head
    assert [re.fullmatch(r"[A-Z]\w+ +[\d.e-]+\* .* \d of 2", row) is not None for row in rows] == [True] * 9
    assert "\n* the end of its grid: a rate further out was not tried and may be better\n" in told


def test_a_confirmed_leaderboard_tells_each_difference_with_its_interval(shell, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    told = shell.works(
        "race", "wine", *TINY, "--seeds", "1", "--quiet", "--learning-rates", "2", "--confirm-seeds", "6"
    )
    head, best, *rows = told.splitlines()[1:11]
    for column in ("optimizer", "rate", "median", "% above best", " p "):
        assert column in head
    assert told.splitlines()[0].endswith(", with 95 % intervals:")
    assert best.endswith(" best")
    ends, number = r"\[-?[\d.e-]+, -?[\d.e-]+\]", r"-?[\d.e-]+"
    for row in rows:
        assert len(row) <= 80
        words = rf"[A-Z]\w+ +{number}[* ] +{number} {ends} +{number} {ends} +{number} +(worse|equal|undecided)"
        assert re.fullmatch(words, row)
    best = next(line for line in told.splitlines() if line.startswith("Best baseline: "))
    differs = r"the network differs from it by \S+ \(95 % interval \S+ to \S+\), median .* nats on the same 6 seeds\."
    assert re.search(differs, best)


def test_neither_hyperparameters_nor_a_narrow_terminal_push_a_number_out_of_the_leaderboard(shell, monkeypatch):
    asked = ("--optimizers", "adam,momentum", "--search", "b2,epsilon,momentum", "--learning-rates", "0.03,0.1")
    race = ("race", "iris", *TINY, *asked, "--seeds", "1", "--confirm-seeds", "6", "--quiet", "--out", "race")
    words = {}
    for columns in ("80", "40"):
        monkeypatch.setenv("COLUMNS", columns)
        told = shell.works(*race, *(("--resume",) if words else ()))
        rows = re.split(r"^(?:\*|Undecided|Use) ", told.partition("intervals:\n")[2], flags=re.M)[0].splitlines()
        assert max(map(len, rows)) <= int(columns)
        words[columns] = sorted("".join(rows).replace(" ", ""))
    assert "with" in told
    assert words["80"] == words["40"]
    assert "…" not in words["80"]


def test_a_report_is_drawn_again(shell):
    shell.works("race", "wine", *TINY_RACE, "--out", "race")
    page = shell.place / "race" / "report.html"
    before = page.read_bytes()
    page.unlink()
    assert shell.works("report", "race") == "Report: race/report.html\n"
    assert page.read_bytes() == before


def test_a_race_in_which_every_run_diverges_is_told_and_kept(shell):
    said = shell("race", "wine", *TINY_RACE, "--learning-rates", "1e6,1e7", "--out", "race")
    assert said.code == 2
    assert said.err == (
        "steepest: Every run diverged: race again with smaller learning rates, such as 10000,100000. What ran is kept "
        "in race.\n"
    )
    assert said.out.endswith("Report: race/report.html\n")
    assert facts(shell.place / "race")["verdict"] is None
    assert "diverged" in (shell.place / "race" / "report.html").read_text()


def test_a_race_in_which_nothing_changes_the_loss_is_told_and_kept(shell):
    said = shell("race", "wine", *TINY_RACE, "--learning-rates", "1e-30,1e-29", "--seeds", "2", "--out", "race")
    assert said.code == 2
    assert said.err.startswith("steepest: The validation cross-entropy is the same in all runs of a seed (")
    assert said.err.endswith("so look at the target, the loss and the rates. What ran is kept in race.\n")
    assert len(pl.read_parquet(shell.place / "race" / "runs.parquet")) == 4


def test_a_fit_that_diverges_is_told_and_kept(shell):
    told = shell.works("fit", "wine", *TINY, "--optimizer", "sgd", "--learning-rate", "1e6", "--out", "fit")
    assert "sgd diverged in 1 epoch (" in told
    assert "Try a learning rate below" in told


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        (["--schedule", "constant"], {"schedule": "Constant"}),
        (["--schedule", "linear"], {"schedule": "LinearDecay"}),
        (["--schedule", "cosine"], {"schedule": "Cosine"}),
        (["--schedule", "polynomial"], {"schedule": "Polynomial"}),
        (["--schedule", "exponential"], {"schedule": "Exponential"}),
        (["--schedule", "steps"], {"schedule": "Steps"}),
        (["--schedule", "inverse-time"], {"schedule": "InverseTime"}),
        (["--warmup", "3"], {"schedule": "Warmup"}),
        (["--clip-norm", "0.5"], {"transforms": "ClipByGlobalNorm(limit=0.5)"}),
        (["--clip-value", "0.25"], {"transforms": "ClipByValue(limit=0.25)"}),
        (["--noise", "0.1"], {"transforms": "AddNoise(stddev=0.1"}),
        (["--sampling", "replacement"], {"sampling": "replacement"}),
        (["--optimizer", "momentum", "--set", "momentum=0.5"], {"optimizers": "'momentum': 0.5"}),
        (["--batch-size", "all"], {"batch_size": "all"}),
        (["--patience", "0"], {"patience": "None"}),
        (["--class-weight", "balanced"], {"class_weight": "balanced"}),
        (["--activation", "tanh", "--initializer", "lecun_normal", "--scale", "2"], {"network": "'scale': 2.0"}),
    ],
)
def test_every_option_of_fit_is_kept_and_changes_the_run(shell, options, kept):
    shell.works("fit", "wine", *TINY, "--optimizer", "sgd", "--learning-rate", "0.1", "--out", "plain")
    shell.works("fit", "wine", *TINY, "--optimizer", "sgd", "--learning-rate", "0.1", *options, "--out", "asked")
    spec = facts(shell.place / "asked", "run.json")["spec"]
    for name, value in kept.items():
        assert value in str(spec[name])
    losses = [pl.read_parquet(shell.place / name / "curves.parquet")["train_loss"][-1] for name in ("plain", "asked")]
    same = options in (["--schedule", "constant"], ["--patience", "0"])
    assert (losses[0] == losses[1]) is same


def test_sample_weights_change_the_fit(shell):
    rows = "".join(f"{i},{(i * 7) % 11},{1 if i % 3 else 50},{'ab'[i % 2]}\n" for i in range(40))
    (shell.place / "table.csv").write_text("x,z,w,y\n" + rows)
    shell.works("fit", "table.csv", "--target", "y", "--weight", "w", *TINY, "--out", "weighted")
    table = pl.read_csv("table.csv").with_columns(w=pl.lit(1))
    table.write_csv("even.csv")
    shell.works("fit", "even.csv", "--target", "y", "--weight", "w", *TINY, "--out", "even")
    losses = [pl.read_parquet(f"{name}/curves.parquet")["train_loss"][-1] for name in ("weighted", "even")]
    assert losses[0] != losses[1]


def test_hill_climbing_tries_networks_around_the_fitted_one(shell, monkeypatch):
    from steepest.cli import _fit
    from steepest.training import climb_network

    def short(run, **options):
        return climb_network(run, most_runs=6, **options)

    monkeypatch.setattr(_fit, "climb_network", short)
    told = shell.works("fit", "diabetes", "--epochs", "1", "--hidden", "none", "--optimizer", "sgd", "--hill-climb")
    tried = re.findall(r"^  width \d+, depth \d+, batch size \d+: ([\d.]+)$", told, re.M)
    assert len(tried) == 6  # itself, two widths, a layer more, two batch sizes
    lowest = re.search(r"^Lowest: width \d+, depth \d+, batch size \d+ with ([\d.]+), after 6 trained", told, re.M)
    assert float(lowest[1]) == min(map(float, tried))
    # In the user's units, as the rest: disease progression goes from 25 to 346.
    assert all(20 < float(loss) < 300 for loss in tried)


def test_a_warm_up_that_outlasts_the_run_is_told(shell):
    told = shell.works("fit", "wine", *TINY, "--warmup", "100000")
    assert "The warm-up of 100,000 steps is longer than the run of at most 8 steps" in told
    assert "the learning rate never reaches 0.001." in told
    assert "warm-up" not in shell.works("fit", "wine", *TINY, "--warmup", "8")
