"""``steepest compare``: who wins in each of several races on one table, what differs, and what cannot be compared."""

import json
import re

import numpy as np
import polars as pl
import pytest

from steepest.problems import Measure
from steepest.races import judge

from .cli_tools import Shell, tree

# Their medians are 1.046 and 1.536.
LOSSES = {"adam": 1.001 + np.arange(8) / 100, "sgd": 1.501 + np.arange(8) / 100}
USUAL = {"adam": 1e-3, "sgd": 0.1, "nadam": 1e-3}


@pytest.fixture
def shell(tmp_path, monkeypatch, capsys):
    return Shell(tmp_path, monkeypatch, capsys)


def race(path, losses=None, *, first_seed=3, rates=USUAL, edit=lambda facts: facts):
    """The directory of a race whose optimizers had these losses, by fresh seed, at their only rates."""
    losses = LOSSES if losses is None else losses
    rows, curves = [], []
    for name, own in losses.items():
        staged = [("tune", seed, 1.0) for seed in (0, 1)]
        for stage, seed, loss in [*staged, *(("confirm", first_seed + i, one) for i, one in enumerate(own))]:
            number = len(rows)
            told = {"run": number, "optimizer": name, "learning_rate": rates[name], "seed": seed, "stage": stage}
            told |= {"status": "ok", "epochs": 2, "steps": 20, "best_epoch": 2, "train_loss": loss}
            rows.append(
                told | dict.fromkeys(("validation_loss", "best_validation_loss", "steady_validation_loss"), loss)
            )
            curves += [
                {"run": number, "epoch": e, "step": 10 * e, "train_loss": loss, "validation_loss": loss}
                for e in range(3)
            ]
    runs = pl.DataFrame(rows)
    verdict = judge(runs, {name: rates[name] for name in losses}, Measure("cross-entropy", "nats"))
    facts = {
        "kind": "race", "format": 2, "steepest": "0.1.0", "versions": {"jax": "1"}, "partial": False, "model": None,
        "verdict": verdict.to_json() | {"seeds": sorted(set(runs["seed"]))},
        "spec": {"data": "wine", "target": "target", "network": {"hidden": [64]}, "validation": 0.2, "test_seed": 0,
                 "learning_rates": {name: [rates[name]] for name in losses}, "seeds": [0, 1],
                 "confirm_seeds": sorted(set(runs.filter(pl.col("stage") == "confirm")["seed"]))},
        "data": {"name": "wine", "fingerprint": "abc", "rows": 178, "columns": 13},
        "metric": {"name": "validation cross-entropy", "unit": "nats", "part": "validation"},
    }  # fmt: skip
    path.mkdir()
    (path / "race.json").write_text(json.dumps(edit(facts)))
    (path / "made.json").write_text(
        json.dumps({"command": "steepest race wine", "created": "2026-11-23", "seconds": 1.0})
    )
    runs.write_parquet(path / "runs.parquet")
    pl.DataFrame(curves).write_parquet(path / "curves.parquet")


def asked(**changes):
    """An edit of the facts: entries of the spec, or of another part where the name says so, as in data__name."""

    def edit(facts):
        for name, value in changes.items():
            part, _, key = name.rpartition("__")
            facts[part or "spec"][key] = value
        return facts

    return edit


def row(told: str, first: str) -> list[str]:
    (line,) = (line for line in told.splitlines() if line.startswith(first + " "))
    return re.split(r"\s{2,}", line)


def test_it_says_who_wins_in_each_what_was_asked_differently_and_who_is_better(shell):
    """In B Adam is worse by 0.2 on each of eight seeds: p = 2/256, over two optimizers after Holm 4/256 = 0.0156. SGD
    is the same. What each recommends is Adam, and is compared on its own: p = 2/256 = 0.00781.

    Of eight losses X_1 to X_8 cover the median in 1 - 2/256, X_2 to X_7 in 1 - 18/256 of samples: I = 0.675, and the
    ends lie 7 I / (1 + 6 I) = 0.936 of the way inwards: 1.01036 to 1.06164, and 0.2 more.
    """
    race(shell.place / "a")
    race(shell.place / "b", LOSSES | {"adam": LOSSES["adam"] + 0.2}, edit=asked(network={"hidden": [16]}))
    before = tree(shell.place)
    told = shell.works("compare", "a", "b")
    assert tree(shell.place) == before
    assert told.startswith(
        "A = a: Use Adam at a learning rate of 0.001: median validation cross-entropy 1.04 nats (95 % interval "
    )
    assert "\nB = b: Use Adam at a learning rate of 0.001: median validation cross-entropy 1.24 nats (95 % " in told
    asked_part = told.split("What was asked differently:\n")[1].split("\n\n")[0]
    assert [line.split() for line in asked_part.splitlines()] == [["A", "B"], ["Network,", "hidden", "64", "16"]]
    assert row(told, "recommended")[1:4] == ["Adam, 1.04 (1.01 to 1.06)", "Adam, 1.24 (1.21 to 1.26)", "0.2"]
    assert row(told, "recommended")[-2:] == ["0.00781", "A"]
    assert row(told, "Adam")[1:4] == ["1.04 (1.01 to 1.06) at 0.001", "1.24 (1.21 to 1.26) at 0.001", "0.2"]
    assert row(told, "Adam")[-2:] == ["0.0156", "A"]
    assert row(told, "SGD")[1:] == [*["1.54 (1.51 to 1.56) at 0.1"] * 2, "0", "0", "1", "neither"]
    assert told.endswith(
        "\nAll recommend Adam.\nCompared on 8 shared seeds (3 to 10).\n"
        "Beyond luck, A is better than B with what it recommends by 0.2 (95 % interval 0.2) and Adam by 0.2 (95 % "
        "interval 0.2).\n"
    )


def test_where_choices_winners_optimizers_and_rates_differ(shell):
    race(shell.place / "a")
    losses = {"sgd": LOSSES["adam"], "nadam": LOSSES["adam"] + np.tile([0.1, -0.1], 4)}
    race(shell.place / "b", losses, rates=USUAL | {"sgd": 0.3})
    told = shell.works("compare", "a", "b")
    assert "\nRecommended: Adam in A; SGD in B.\n" in told
    assert "\nWinners: Adam in A; SGD and Nadam in B.\n" in told
    assert "\nRaced only in some: Adam in A; Nadam in B.\n" in told
    assert "\nOther learning rates: SGD 0.1 in A and 0.3 in B.\n" in told
    assert row(told, "SGD")[1:4] == ["1.54 (1.51 to 1.56) at 0.1", "1.04 (1.01 to 1.06) at 0.3", "-0.5"]
    assert row(told, "SGD")[-1] == "B"
    assert row(told, "Nadam")[1:] == ["—", row(told, "Nadam")[2], "—", "—", "—", "—"]
    assert "Beyond luck, B is better than A with SGD by 0.5 (95 % interval 0.5)." in told


def test_only_shared_seeds_are_paired(shell):
    """A has seeds 3 to 10 and B 5 to 12, B's losses being those of A's same seeds and 0.5 more."""
    race(shell.place / "a")
    race(shell.place / "b", {"adam": 1.501 + np.arange(2, 10) / 100}, first_seed=5)
    told = shell.works("compare", "a", "b")
    assert "Compared on 6 shared seeds (5 to 10)." in told
    assert row(told, "Adam")[3:] == ["0.5", "0.5", "0.0312", "A"]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"first_seed": 50}, "they share no seed"),
        ({"edit": asked(test_seed=1)}, "their test seed differ, and so do the rows held back at a seed"),
        ({"edit": asked(verdict__confirmed=False)}, "only some of them ran fresh seeds"),
    ],
    ids=["other seeds", "other parts", "unconfirmed"],
)
def test_what_no_seed_pairs_is_not_compared_seed_by_seed(shell, changes, why):
    race(shell.place / "a")
    race(shell.place / "b", **changes)
    told = shell.works("compare", "a", "b")
    assert f"\nNot compared seed by seed, since {why}; medians may differ by luck.\n" in told
    assert row(told, "Adam") == ["Adam", *["1.04 (1.01 to 1.06) at 0.001"] * 2]
    assert "p (Holm)" not in told
    assert "luck" not in told.split("may differ by luck.")[1]


def test_versions_and_grids_are_among_what_differs(shell):
    race(shell.place / "a")
    race(shell.place / "b", {"adam": LOSSES["adam"]}, edit=lambda facts: facts | {"versions": {"jax": "2"}})
    part = shell.works("compare", "a", "b").split("What was asked differently:\n")[1].split("\n\n")[0]
    differ = [re.split(r"\s{2,}", line) for line in part.splitlines()[1:]]
    assert differ == [["Learning rates, SGD", "0.1", "—"], ["Version, jax", "1", "2"]]


def test_few_shared_seeds_decide_nothing(shell):
    race(shell.place / "a")
    race(shell.place / "b", {"adam": LOSSES["adam"][:5] + 1})
    told = shell.works("compare", "a", "b")
    assert "Compared on 5 shared seeds (3 to 7); fewer than 6 decide nothing." in told
    assert row(told, "Adam")[3:] == ["1", "—", "0.0625", "undecided"]
    assert told.endswith("No difference is beyond luck.\n")


def test_a_race_and_its_copy_are_equal(shell):
    race(shell.place / "a")
    race(shell.place / "b")
    told = shell.works("compare", "a", "b")
    assert "What was asked differently" not in told
    assert row(told, "recommended")[-1] == "neither"
    assert told.endswith("All recommend Adam.\nCompared on 8 shared seeds (3 to 10).\nNo difference is beyond luck.\n")


def test_further_races_stand_beside_the_first(shell):
    for name, more in {"a": 0.2, "b": 0.0, "c": 0.4}.items():
        race(shell.place / name, {"adam": LOSSES["adam"] + more})
    told = shell.works("compare", "a", "b", "c")
    lines = [re.split(r"\s{2,}", line) for line in told.splitlines() if line.startswith("Adam ")]
    assert [line[4:6] for line in lines] == [["B", "-0.2"], ["C", "0.2"]]
    assert [line[-1] for line in lines] == ["B", "A"]


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (asked(data__fingerprint="xyz", data__name="iris"), "'a' and 'b' raced on wine and iris: their losses"),
        (asked(data__fingerprint="xyz"), "raced on two tables that are both called wine and differ"),
        (asked(target="colour"), "raced on wine with the targets target and colour"),
        (asked(metric__unit="bits"), "measure validation cross-entropy in nats and validation cross-entropy in bits"),
        (asked(class_weight="balanced"), "validation cross-entropy in nats with class weight balanced: those cannot"),
        (lambda facts: facts | {"verdict": None}, "The race in 'b' reached no verdict"),
        (lambda facts: facts | {"kind": "fit"}, "'b/race.json' was not written by steepest"),
    ],
    ids=["another table", "another table of that name", "another target", "another unit", "other weights", "no verdict",
         "a fit"],
)  # fmt: skip
def test_what_cannot_be_compared_is_refused_in_a_sentence(shell, edit, said):
    race(shell.place / "a")
    race(shell.place / "b", edit=edit)
    assert said in shell.refuses("compare", "a", "b", "--out", "page.html", silently=True)


def test_too_few_directories_and_another_kind_of_file_are_refused(shell):
    race(shell.place / "a")
    assert "Compare 2 to 26 races; received 1." in shell.refuses("compare", "a")
    assert "There is no directory 'nowhere'" in shell.refuses("compare", "a", "nowhere")
    assert "--out takes an .html file" in shell.refuses("compare", "a", "a", "--out", "page.pdf")


def test_a_copy_of_the_table_under_another_name_is_the_same_table(shell):
    race(shell.place / "a")
    race(shell.place / "b", edit=asked(data__name="wine-copy", data="wine-copy"))
    assert "Compared on 8 shared seeds" in shell.works("compare", "a", "b")


def test_the_page_says_the_same_and_keeps_hostile_names_text(shell):
    hostile = "</script><script>alert(1)</script>"
    race(shell.place / "a", edit=asked(data__name=hostile, metric__unit=hostile))
    race(shell.place / "b", {"adam": LOSSES["adam"] + 0.5}, edit=asked(data__name=hostile, metric__unit=hostile))
    told = shell.works("compare", "a", "b", "--out", "page.html")
    assert told.endswith("Drawn: page.html\n")
    page = (shell.place / "page.html").read_text(encoding="utf-8")
    assert hostile not in page
    assert "Beyond luck, A is better than B with what it recommends by 0.5 (95 % interval 0.5) and Adam by 0.5" in page
    label = re.search(r'id="differences" role="img" aria-label="([^"]*)"', page)[1]
    assert "Adam B − A: 0.5 (0.5), A is better" in label
    (figure,) = (
        json.loads(text) for text in re.findall(r'type="application/json" id="differences-data">(.*?)</script>', page)
    )
    (trace,) = figure["data"]
    assert trace["x"] == pytest.approx([0.5, 0.5])
    assert "<td>1.04 (1.01 to 1.06) at 0.001</td><td>1.54 (1.51 to 1.56) at 0.001</td><td>0.5</td>" in page
    assert shell.works("compare", "a", "b", "--out", "page.html") == told
    assert (shell.place / "page.html").read_text(encoding="utf-8") == page
