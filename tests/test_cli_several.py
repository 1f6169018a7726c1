"""``steepest race`` on several tables: each raced as if alone, then scored together; or all refused before any runs."""

import contextlib
import io
import json
import re
import shutil
import sys
from pathlib import Path
from statistics import median
from types import SimpleNamespace

import polars as pl
import pytest

from steepest.cli import _races, main

from .cli_tools import Shell, tree

SMALL = ("--hidden", "none", "--epochs", "4", "--optimizers", "sgd,adam", "--learning-rates", "0.03,0.1")
SMALL += ("--seeds", "1", "--confirm-seeds", "6", "--quiet", "--no-diagnosis")


@pytest.fixture
def shell(tmp_path, monkeypatch, capsys):
    return Shell(tmp_path, monkeypatch, capsys)


@pytest.fixture(scope="module")
def raced(tmp_path_factory):
    """Races of two files called x in one directory, and what was said."""
    place = tmp_path_factory.mktemp("raced")
    for number, sign in (("1", 1), ("2", -1)):
        rows = [{"a": i % 7, "b": (i * 5) % 11, "y": "ab"[(sign * i % 7) > 3]} for i in range(60)]
        (place / number).mkdir()
        pl.DataFrame(rows).write_csv(place / number / "x.csv")
    said, words = io.StringIO(), ["race", "1/x.csv", "2/x.csv", "--target", "y", *SMALL, "--out", "out"]
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(said):
        patch.chdir(place)
        patch.setenv("COLUMNS", "200")
        patch.setattr(sys, "argv", ["steepest", *words])
        with pytest.raises(SystemExit) as ended:
            main()
    assert not ended.value.code
    return place, said.getvalue()


def facts(place, name="profile.json"):
    return json.loads((place / "out" / name).read_text())


def test_each_table_is_raced_as_if_alone(raced, shell):
    place, _ = raced
    assert sorted(path.name for path in (place / "out").iterdir()) == ["profile.json", "report.html", "x", "x-2"]
    shell.works("race", place / "2" / "x.csv", "--target", "y", *SMALL, "--out", "alone")
    for name in ("runs.parquet", "curves.parquet", "race.json"):
        assert (shell.place / "alone" / name).read_bytes() == (place / "out" / "x-2" / name).read_bytes()
    assert not (shell.place / "alone" / "profile.json").exists()


def test_what_is_said_of_all_tables(raced):
    _, said = raced
    assert said.startswith("Table 1 of 2: x\n")
    assert "\nReport: out/x/report.html\n\nTable 2 of 2: x-2\n" in said
    head, *rows = said.split("\nOver 2 tables:\n")[1].splitlines()
    assert re.split(r"\s{2,}", head) == [
        "Optimizer",
        "Score (95 %)",
        "Within 1 % (95 %)",
        "Among the winners",
        "Mean rank (95 %)",
    ]
    first, second = (re.split(r"\s{2,}", row) for row in rows[:2])
    assert {first[0], second[0]} == {"SGD", "Adam"}
    assert float(first[1].split()[0]) >= float(second[1].split()[0])
    assert rows[2].startswith(f"{first[0]} has the highest score, ") or first[1].split()[0] == second[1].split()[0]
    assert "among SGD and Adam on 2 tables (8 targets); another field has other scores." in rows[2]
    assert rows[3] == "Report: out/report.html"


def test_the_numbers_are_those_of_the_curves(raced):
    """Steps to each target, read off the curves anew, and from them the ratios and the scores."""
    place, _ = raced
    told = facts(place)
    assert (told["kind"], told["field"], told["r_max"]) == ("profile", ["sgd", "adam"], 4)
    assert [(one["directory"], one["name"]) for one in told["tables"]] == [("x", "x"), ("x-2", "x")]
    assert [(one["table"], one["share"]) for one in told["tasks"]] == [
        (name, share) for name in ("x", "x-2") for share in (0.5, 0.8, 0.95, 1.0)
    ]
    ratios = {"sgd": [], "adam": []}
    for table in told["tables"]:
        own = place / "out" / table["directory"]
        runs = pl.read_parquet(own / "runs.parquet").filter(pl.col("stage") == "confirm")
        curves = pl.read_parquet(own / "curves.parquet")
        ranks = json.loads((own / "race.json").read_text())["verdict"]["leaderboard"]
        for target in table["targets"]:
            medians = {}
            for rank in ranks:
                of = (pl.col("optimizer") == rank["optimizer"]) & (pl.col("learning_rate") == rank["learning_rate"])
                steps = [first_step(curves, run, target["loss"]) for run in runs.filter(of).sort("seed")["run"]]
                task = next(
                    one for one in told["tasks"]
                    if (one["table"], one["share"]) == (table["directory"], target["share"])
                )  # fmt: skip
                assert [s if s < 1e9 else None for s in steps] == task["steps"][rank["optimizer"]]
                medians[rank["optimizer"]] = median(steps)
            least = min(medians.values())
            assert least < 1e9  # somebody gets everywhere here
            for name, own_median in medians.items():
                ratios[name].append(own_median / least)
    for one in told["optimizers"]:
        score = sum(min(1.0, max(0.0, (4 - r) / 3)) for r in ratios[one["optimizer"]]) / 8
        assert one["score"] == pytest.approx(score)
        assert one["low"] <= score <= one["high"]


def first_step(curves, run, loss):
    rows = curves.filter(pl.col("run") == run).sort("epoch")
    watched, steps = [*rows["validation_loss"], float("inf")], rows["step"]
    return next((steps[e] for e in range(1, len(rows)) if sorted(watched[e - 1 : e + 2])[1] <= loss), 1e18)


def test_standings_are_those_of_the_verdicts(raced):
    place, _ = raced
    boards = [facts(place, f"{name}/race.json")["verdict"] for name in ("x", "x-2")]
    for one in facts(place)["optimizers"]:
        name, places, within, won = one["optimizer"], [], 0, 0
        for verdict in boards:
            medians = {rank["optimizer"]: rank["median"] for rank in verdict["leaderboard"]}
            places.append(sorted(medians.values()).index(medians[name]) + 1)
            within += medians[name] <= 1.01 * min(medians.values())
            won += name in verdict["winners"]
        assert (one["within"], one["won"], one["tables"], one["rank"]) == (within, won, 2, sum(places) / 2)
        assert 0 <= one["within_low"] <= within <= one["within_high"] <= 2
        assert 1 <= one["rank_low"] <= one["rank"] <= one["rank_high"] <= 2


def test_the_page_shows_the_profile_with_its_words_and_asks_the_network_for_nothing(raced):
    page = (raced[0] / "out" / "report.html").read_text(encoding="utf-8")
    label = re.search(r'id="profile" role="img" aria-label="([^"]*)"', page)[1]
    assert re.match(r"Of 8 tables and targets: \w+ is quickest on [\d.]+ %, within twice the least on ", label)
    (figure,) = (json.loads(text) for text in re.findall(r'id="profile-data">(.*?)</script>', page))
    told = facts(raced[0])
    for trace in figure["data"]:
        ratios = [task["ratios"][trace["name"].lower()] or 1e9 for task in told["tasks"]]
        assert trace["y"] == pytest.approx([sum(r <= tau for r in ratios) / 8 for tau in trace["x"]])
        assert (trace["x"][0], trace["x"][-1]) == (1, 4)
    assert len({(trace["marker"]["symbol"], trace["line"]["dash"]) for trace in figure["data"]}) == 2
    without = re.sub(r"<script nonce.*?</script>", "", page, flags=re.S)
    assert re.findall(r'href="([^"]*)"', without) == ["#main", "x/report.html", "x-2/report.html"]
    assert not re.search(r"https?:|//cdn|@import|url\(", without)


def test_report_draws_all_again_and_the_same(raced, shell):
    shutil.copytree(raced[0] / "out", "out")
    before = tree(shell.place)
    (shell.place / "out" / "report.html").unlink()
    assert shell.works("report", "out") == "Report: out/report.html\n"
    assert tree(shell.place) == before
    assert "'out' holds the races x, x-2. Give one of them: out/x." in shell.refuses("report", "out", "--markdown")


def edited(place, change):
    told = json.loads((place / "race.json").read_text())
    change(told)
    (place / "race.json").write_text(json.dumps(told))


def test_a_race_without_a_verdict_counts_for_nobody(raced, shell):
    shutil.copytree(raced[0] / "out", "out")
    edited(shell.place / "out" / "x", lambda told: told.update(verdict=None))
    edited(shell.place / "out" / "x-2", lambda told: told["verdict"].update(confirmed=False))
    shell.works("report", "out")
    told = facts(shell.place)
    assert {task["table"] for task in told["tasks"]} == {"x-2"}
    assert [one["tables"] for one in told["optimizers"]] == [1, 1]
    page = (shell.place / "out" / "report.html").read_text(encoding="utf-8")
    assert '<a href="x/report.html">x</a>: No verdict was reached.' in page
    assert "unconfirmed: no fresh seeds on x-2; differences may be luck" in page
    edited(shell.place / "out" / "x-2", lambda told: told.update(verdict=None))
    shell.works("report", "out")
    assert facts(shell.place)["optimizers"] == []
    page = (shell.place / "out" / "report.html").read_text(encoding="utf-8")
    assert "No race of these came to a target, so none is quickest.</h1>" in page


@pytest.mark.parametrize(
    "damage",
    [
        lambda told: "",
        lambda told: "[" * 100_000,
        lambda told: json.dumps(told | {"tables": [{"directory": "../x"}]}),
        lambda told: json.dumps(told | {"tables": []}),
        lambda told: json.dumps(told | {"kind": "race"}),
        lambda told: json.dumps(told | {"format": 99}),
        lambda told: json.dumps(told | {"tables": [{"directory": "gone"}]}),
    ],
    ids=[
        "empty",
        "brackets",
        "a place elsewhere",
        "no tables",
        "another kind",
        "a newer format",
        "a race that is gone",
    ],
)
def test_a_damaged_directory_of_races_is_refused(raced, shell, damage):
    shutil.copytree(raced[0] / "out", "out")
    (shell.place / "out" / "profile.json").write_text(damage(facts(raced[0])))
    said = shell.refuses("report", "out", silently=True)
    assert re.search(r"'out/profile.json' (is damaged|has format 99)|There is no directory 'out/gone'", said)


def test_no_table_takes_the_place_of_the_page():
    tables = [SimpleNamespace(table=SimpleNamespace(name=name)) for name in ("report.html", "iris", "iris", "..")]
    assert _races._directories(Path("out"), tables) == [
        Path("out", name) for name in ("table-report.html", "iris", "iris-2", "table-..")
    ]


def test_what_was_left_undone_is_gone_on_with(raced, shell):
    """The second race and what follows are gone; the first is found whole, and all is as it was but for the clock."""
    shutil.copytree(raced[0] / "out", "out")
    before = tree(shell.place)
    shutil.rmtree("out/x-2")
    for name in ("profile.json", "report.html"):
        (shell.place / "out" / name).unlink()
    tables = [raced[0] / number / "x.csv" for number in ("1", "2")]
    asked = ("race", *tables, "--target", "y", *SMALL, "--out", "out")
    assert "'out' holds races of these tables: add --resume to go on" in shell.refuses(*asked, silently=True)
    shell.works(*asked, "--resume")
    after = tree(shell.place)
    clocks = ("made.json", "x/report.html", "x-2/report.html")
    assert {name: data for name, data in after.items() if not name.endswith(clocks)} == {
        name: data for name, data in before.items() if not name.endswith(clocks)
    }


def test_leaderboards_as_tables(raced, shell):
    directory = raced[0] / "out" / "x"
    assert shell.works("report", directory, "--markdown").startswith(
        "| Optimizer | Learning rate | Median loss (nats, 95 %) |"
    )
    assert "\\begin{tabular}{lrrrrrr}" in shell.works("report", directory, "--latex")
    assert "exclude each other" in shell.refuses("report", directory, "--markdown", "--latex")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("iris", "nowhere.csv"), "There is no file nowhere.csv"),
        (("iris", "wine", "iris"), "Each table is raced once; received 'iris' more than once"),
        (("iris", "wine", "--target", "colour"), "colour"),
        (("iris", "wine", "--batch-size", "120"), "120"),
        (("iris", "wine", "--optimizers", "adma"), "Did you mean 'adam'?"),
        (("iris", "wine", "--resume"), "--out DIR"),
        (("iris", "wine", "--resume", "--out", "new"), "There are no races of these tables in 'new'"),
        (("iris", "wine", "--add-seeds", "2", "--out", "new"), "There are no races of these tables in 'new'"),
        (("iris", "wine", "--out", "there"), "exists already"),
    ],
    ids=["no file", "twice", "no such target", "batch too large", "no optimizer", "no directory", "none there",
         "none to add to", "a place taken"],
)  # fmt: skip
def test_what_is_wrong_with_one_is_refused_before_any_runs(shell, monkeypatch, words, said):
    (shell.place / "there").mkdir()
    monkeypatch.setattr(_races, "run_one", lambda *_, **__: pytest.fail("a race began"))
    assert said in shell.refuses("race", *words, silently=True)


def test_a_dry_run_tells_of_each_and_leaves_nothing(shell, monkeypatch):
    from steepest.cli import _race
    from steepest.races import Estimate

    monkeypatch.setattr(_race, "estimate", lambda problem, plan: Estimate(len(plan), 3.0))
    told = shell.works("race", "iris", "wine", *SMALL, "--dry-run")
    assert re.search(r"^iris: 150 rows.*\n28 runs: .*\nwine: 178 rows.*\n28 runs: ", told, re.M)
    assert tree(shell.place) == {}


def test_an_interrupt_ends_them_all_and_keeps_what_ended(shell, monkeypatch):
    begun = []

    def partial(console, one, place, **_):
        begun.append(place.name)
        return SimpleNamespace(complete=False)

    monkeypatch.setattr(_races, "run_one", partial)
    assert shell("race", "iris", "wine", *SMALL, "--out", "out").code == 130
    assert begun == ["iris"]

    def interrupted(console, one, place, **_):
        raise KeyboardInterrupt

    monkeypatch.setattr(_races, "run_one", interrupted)
    said = shell("race", "iris", "wine", *SMALL, "--out", "out")
    assert said.code == 130
    assert said.out.endswith("races that ended are kept in out. Go on by the same command and --resume.\n")


def test_what_ran_is_kept_where_no_table_has_an_answer(shell):
    lost = ("--learning-rates", "1e6,1e7", "--confirm-seeds", "0", "--hidden", "4")
    said = shell("race", "iris", "wine", *SMALL, *lost, "--out", "out")
    assert said.code == 2
    assert said.err.startswith("steepest: iris: Every run diverged: race again with smaller learning rates, such as ")
    assert " wine: Every run diverged: " in said.err
    assert said.err.endswith(" What ran is kept in out.\n")
    assert {"iris", "wine", "profile.json", "report.html"} == {path.name for path in (shell.place / "out").iterdir()}


def test_one_optimizer_alone_is_not_called_the_quickest(shell):
    told = shell.works("race", "iris", "wine", *SMALL, "--optimizers", "sgd", "--out", "out")
    assert "SGD raced alone, so none is quickest." in told
