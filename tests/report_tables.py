"""Run directories made up for the tests of the report: the same files that a race or a fit writes, in small."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

NINE = ("sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adadelta", "adam", "adamax", "nadam")
BEST = {"sgd": 0.3, "momentum": 0.1, "nesterov": 0.1, "adagrad": 0.03, "rmsprop": 1e-3, "adadelta": 3.0}
FLOOR = {"adam": 0.05, "nadam": 0.052, "rmsprop": 0.07, "adamax": 0.06, "adagrad": 0.11, "sgd": 0.2, "adadelta": 0.35}
START = 1.1


def race_directory(
    path: Path, *, optimizers=NINE, rates=13, seeds=3, classes=("class_0", "class_1", "class_2"), **facts
) -> Path:
    """A race in which each optimizer's loss is a parabola in log rate; far above its best it diverges."""
    runs, curves = [], []
    rng = np.random.default_rng(0)
    for optimizer in optimizers:
        best = BEST.get(optimizer, 1e-3)
        for rate in best * 10.0 ** np.linspace(-3, 2, rates):
            for seed in range(seeds):
                _add_run(runs, curves, optimizer, float(rate), seed, best, rng)
    return _write(path, "race", runs, curves, {**race_facts(runs, optimizers, seeds, classes), **facts})


def confirmed_directory(path: Path, *, optimizers=("adam", "sgd", "rmsprop"), fresh=8, dropped=True, **facts) -> Path:
    """A race of format 2 whose chosen rates ran on fresh seeds, of which the first two rates had been dropped."""
    race_directory(path, optimizers=optimizers, rates=5)
    told = json.loads((path / "race.json").read_text(encoding="utf-8"))
    runs, curves = (pq.read_table(path / f"{name}.parquet").to_pylist() for name in ("runs", "curves"))
    for row in runs if dropped else ():
        lowest = sorted({one["learning_rate"] for one in runs if one["optimizer"] == row["optimizer"]})[:2]
        if row["learning_rate"] in lowest:
            row.update({"status": "dropped", "epochs": 5})
    verdict, first = told["verdict"], len(runs)
    for rank in verdict["leaderboard"]:
        for seed in range(3, 3 + fresh):
            rng = np.random.default_rng(seed)  # the luck of a seed is the same for all
            best = BEST.get(rank["optimizer"], 1e-3)
            _add_run(runs, curves, rank["optimizer"], rank["learning_rate"], seed, best, rng)
    for row in runs[first:]:
        row["stage"] = "confirm"
    for row in runs:
        row["steady_validation_loss"] = row["best_validation_loss"]
    told |= {"format": 2, "verdict": verdict | confirmed_verdict(verdict["leaderboard"], runs[first:]), **facts}
    (path / "made.json").write_text(json.dumps(made(told)), encoding="utf-8")
    return _write(path, "race", runs, curves, told)


def made(told) -> dict:
    """What format 2 keeps apart, taken out of the facts."""
    steps = {rank["optimizer"]: 1e-5 * place for place, rank in enumerate(told["verdict"]["leaderboard"], 1)}
    return {key: told.pop(key) for key in ("command", "created", "seconds")} | {"step_seconds": steps}


def confirmed_verdict(ranks, runs) -> dict:
    """A verdict on fresh runs whose statistics are made up, all but the differences and medians."""
    losses = {rank["optimizer"]: [] for rank in ranks}
    for run in runs:
        losses[run["optimizer"]].append(np.inf if run["status"] == "diverged" else run["best_validation_loss"])
    losses = {name: np.array(own) for name, own in losses.items()}
    order = sorted(losses, key=lambda name: np.median(losses[name]))
    board = []
    for rank in sorted(ranks, key=lambda rank: order.index(rank["optimizer"])):
        own, leader = losses[rank["optimizer"]], losses[order[0]]
        plateau = [rank["learning_rate"] / 10, rank["learning_rate"]]
        told = {"median": float(np.median(own)), "low": float(own.min()), "high": float(own.max()), "plateau": plateau}
        beside = compared(rank["optimizer"], own - leader) if board else None
        board.append(rank | told | {"comparison": beside, "tuning": compared("usual", own * 0 + 0.01)})
    relations = ("undecided", "worse", "equal")
    for place, rank in enumerate(board[1:]):
        rank["comparison"]["relation"] = relations[place % 3]
        rank["comparison"]["more_seeds"] = 7 if place % 3 == 0 else None
    winners = [
        rank["optimizer"] for rank in board if not rank["comparison"] or rank["comparison"]["relation"] != "worse"
    ]
    told = {"confirmed": True, "optimizer": order[0], "learning_rate": board[0]["learning_rate"], "decided": False}
    told |= {"leaderboard": board, "winners": winners}
    return told | {"more_seeds": 7, "reason": "", "margin": 0.01, "seeds": None}


def compared(name, d) -> dict:
    return {"optimizer": name, "differences": d.tolist(), "median": float(np.median(d)), "low": float(d.min()),
            "high": float(d.max()), "p": 0.04, "adjusted": 0.08, "beaten": 0.75, "beaten_low": 0.41,
            "beaten_high": 0.93, "relation": "undecided", "more_seeds": 7}  # fmt: skip


def _add_run(runs, curves, optimizer, rate, seed, best, rng) -> None:
    away = np.log10(rate / best)
    floor = (
        FLOOR.get(optimizer, 0.09) * 10 ** (0.35 * away**2 if away < 0 else 0.8 * away**2) * np.exp(rng.normal(0, 0.15))
    )
    lost = away > 1.2 + 0.2 * seed
    epochs = 3 if lost else int(rng.integers(25, 41))
    floor = min(floor, 1e6) if away > 0.5 else min(floor, START * 0.97)
    steps = np.arange(epochs + 1)
    validation = floor + (START - floor) * np.exp(-steps / 6) * np.exp(rng.normal(0, 0.02, epochs + 1))
    train = validation * (0.3 + 0.7 * np.exp(-steps / 15))
    if lost:
        validation[-1] = train[-1] = np.nan
    run = len(runs)
    at = int(np.nanargmin(validation))
    runs.append({
        "run": run, "optimizer": optimizer, "learning_rate": rate, "seed": seed, "stage": "tune",
        "status": "diverged" if lost else "stopped" if epochs < 40 else "ok", "epochs": epochs, "steps": 4 * epochs,
        "best_epoch": at, "train_loss": float(train[-1]), "validation_loss": float(validation[-1]),
        "best_validation_loss": float(validation[at]), "seconds": 0.1,
    })  # fmt: skip
    for epoch in steps.tolist():
        row = {"run": run, "epoch": epoch, "step": 4 * epoch}
        curves.append(row | {"train_loss": float(train[epoch]), "validation_loss": float(validation[epoch])})


def race_facts(runs, optimizers, seeds, classes) -> dict:
    ranks = sorted((_rank(runs, optimizer) for optimizer in optimizers), key=lambda rank: rank["median"])
    first = ranks[0]
    chosen = next(
        r for r in runs if r["optimizer"] == first["optimizer"] and r["learning_rate"] == first["learning_rate"]
    )
    name = first["optimizer"].capitalize()
    sentence = f"Use {name} at a learning rate of 0.001: its median validation loss, 0.05 nats, is the lowest."
    grid = {o: sorted({r["learning_rate"] for r in runs if r["optimizer"] == o}) for o in optimizers}
    return shared_facts(classes) | {
        "kind": "race",
        "command": "steepest race wine --seeds 3",
        "spec": spec() | {"optimizers": list(optimizers), "learning_rates": grid, "seeds": list(range(seeds))},
        "verdict": {"sentence": sentence, "confirmed": False, "optimizer": first["optimizer"],
                    "learning_rate": first["learning_rate"], "leaderboard": ranks},
        "model": {"run": chosen["run"], "optimizer": first["optimizer"], "learning_rate": first["learning_rate"],
                  "seed": 0, "test": classification(classes)},
    }  # fmt: skip


def _rank(runs, optimizer) -> dict:
    mine = [run for run in runs if run["optimizer"] == optimizer]
    losses = {}
    for run in mine:
        lost = run["status"] == "diverged"
        losses.setdefault(run["learning_rate"], []).append(np.inf if lost else run["best_validation_loss"])
    best = min(losses, key=lambda rate: np.median(losses[rate]))
    usual = BEST.get(optimizer, 1e-3)
    near = min(losses, key=lambda rate: abs(np.log(rate / usual)))
    return {"optimizer": optimizer, "learning_rate": best, "median": float(np.median(losses[best])),
            "low": min(losses[best]), "high": max(losses[best]), "runs": len(mine),
            "diverged": sum(run["status"] == "diverged" for run in mine), "at_edge": optimizer == "adadelta",
            "usual_learning_rate": usual, "usual_median": float(np.median(losses[near]))}  # fmt: skip


def spec() -> dict:
    network = {"hidden": [64, 64], "activation": "relu", "initializer": "he_normal", "scale": 1.0}
    return {"data": "wine", "target": "target", "task": "multiclass", "network": network, "loss": "cross_entropy",
            "epochs": 40, "batch_size": 32, "patience": 10, "l2": None, "shuffle": True}  # fmt: skip


def shared_facts(classes) -> dict:
    data = {"name": "wine", "fingerprint": "9f86d081884c7d65", "rows": 178, "columns": 13, "target": "target",
            "task": "multiclass", "classes": list(classes), "notes": ["Column 'x' is constant and was left out."],
            "train_rows": 107, "validation_rows": 35, "test_rows": 36}  # fmt: skip
    return {"format": 1, "steepest": "0.1.0", "versions": {"python": "3.11.7", "jax": "0.10.2"},
            "created": "2026-11-23T15:00:00+00:00", "partial": False, "seconds": 41.2, "spec_hash": "0123456789abcdef",
            "data": data, "metric": {"name": "validation loss", "unit": "nats", "lower_is_better": True}}  # fmt: skip


def classification(classes) -> dict:
    rng = np.random.default_rng(1)
    counts = np.diag(rng.integers(9, 16, len(classes))) + (rng.random((len(classes),) * 2) < 0.12)
    right = float(np.trace(counts) / counts.sum())
    confusion = {"labels": list(classes), "counts": counts.tolist()}
    return {"loss": 0.0612345, "accuracy": right, "balanced_accuracy": right - 0.01, "confusion": confusion}


def regression(n: int = 300) -> dict:
    rng = np.random.default_rng(2)
    actual = np.exp(rng.normal(12, 0.5, n))
    predicted = actual * np.exp(rng.normal(0, 0.15, n))
    rmse, mae = float(np.sqrt(np.mean((predicted - actual) ** 2))), float(np.abs(predicted - actual).mean())
    residuals = {"actual": actual.tolist(), "predicted": predicted.tolist()}
    return {"loss": 0.11, "rmse": rmse, "mae": mae, "r2": 0.91, "unit": "units of 'price'", "residuals": residuals}


def fit_directory(path: Path, *, test=None, **facts) -> Path:
    """A fit: one run of Adam."""
    runs, curves = [], []
    _add_run(runs, curves, "adam", 1e-3, 0, 1e-3, np.random.default_rng(3))
    classes = ("no", "yes")
    model = {"run": 0, "optimizer": "adam", "learning_rate": 1e-3, "seed": 0, "test": test or classification(classes)}
    told = shared_facts(classes) | {"kind": "fit", "command": "steepest fit wine", "model": model}
    told["spec"] = spec() | {"optimizer": {"name": "adam", "learning_rate": 1e-3}, "seed": 0}
    return _write(path, "fit", runs, curves, told | facts)


def _write(path: Path, kind: str, runs: list, curves: list, facts: dict) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    (path / ("race.json" if kind == "race" else "run.json")).write_text(json.dumps(facts), encoding="utf-8")
    pq.write_table(pa.Table.from_pylist(runs), path / "runs.parquet")
    pq.write_table(pa.Table.from_pylist(curves), path / "curves.parquet")
    return path


def change(path: Path, name: str, edit) -> Path:
    """Rewrite one file of a run directory: *edit* takes and returns its facts, or its rows as a list of dicts."""
    file = path / name
    if name.endswith(".json"):
        file.write_text(json.dumps(edit(json.loads(file.read_text(encoding="utf-8")))), encoding="utf-8")
    else:
        pq.write_table(pa.Table.from_pylist(edit(pq.read_table(file).to_pylist())), file)
    return path
