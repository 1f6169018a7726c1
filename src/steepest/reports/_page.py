"""Assembles the page and writes it into the run directory."""

import hashlib
import os
import tempfile
from pathlib import Path
from types import MappingProxyType
from typing import Any

import jinja2

from ..errors import InputError
from ..pictures import styles
from ..races import LEAST_SEEDS
from ..rules import proper_name
from ._budgets import budget_chart, budget_table, budgets
from ._checks import checks
from ._diagnosed import diagnosed
from ._differences import difference_chart, difference_table
from ._directory import Record, read
from ._fill import fill
from ._format import count, listed, number
from ._fresh import Fresh, fresh
from ._leaderboard import chips, leaderboard_rows
from ._losses import loss_chart, loss_table, parts
from ._method import method
from ._model import measures, model_charts
from ._rates import kept_usual, rate_charts, rate_table
from ._runs import embedded_runs
from ._strips import strip_chart, strip_table
from ._style import Chart, Table
from ._targets import target_charts, target_table, targets
from ._words import badges, data_rows, headline, rows

FRAMEWORKS = MappingProxyType({"torch": "PyTorch", "keras": "Keras"})


def report(directory: str | Path) -> Path:
    """Draw the run directory's ``report.html``: one file that needs nothing else, on disk or from the network.

    directory: what ``race`` or ``fit`` wrote.  An older report in it is replaced, whole or not at all.
    Returns the path of the page.
    Raises InputError where the directory is missing, foreign, damaged or cannot be written to.
    """
    record = read(directory)
    page = render(record)
    target = record.path / "report.html"
    try:
        _write(target, page)
    except OSError as error:
        raise InputError(f"'{target}' cannot be written ({error.strerror}); make room or make it writable.") from error
    return target


def _write(target: Path, page: str) -> None:
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".report-", suffix=".html")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as opened:
            opened.write(page)
        os.chmod(name, 0o644)
        os.replace(name, target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def render(record: Record) -> str:
    """The page as text."""
    try:
        return fill("page.html", nonce=_nonce(record), **_parts(record))
    except (jinja2.TemplateError, KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        # Its files are of the right kinds, or reading would have refused them; some entry in them is not.
        raise InputError(f"The run directory is damaged ({error}). Copy it afresh, or run it again.") from error


def _nonce(record: Record) -> str:
    # The page's own scripts carry this word and no other script may run. It depends on all the results, which nobody
    # can foresee when choosing the name of a class; and the same directory gives the same page.
    told = hashlib.sha256(repr(record.facts).encode())
    for column in (*record.runs.values(), *record.curves.values()):
        told.update(repr(column.tolist()).encode())
    return told.hexdigest()[:32]


def _order(record: Record) -> list[str]:
    ranked = [rank["optimizer"] for rank in record.verdict["leaderboard"]] if record.verdict else []
    return list(dict.fromkeys([*ranked, *record.runs["optimizer"].tolist()]))


def _parts(record: Record) -> dict[str, Any]:
    """What the template needs: first what every page has, then what depends on the kind and on what there is."""
    facts, order = record.facts, _order(record)
    metric, data = facts["metric"] or {}, facts["data"]
    unit = str(metric.get("unit") or "as trained")
    said = {"headline": headline(record), "badges": badges(record), "metric": str(metric.get("name") or "loss")}
    tables = {"spec": rows(facts["spec"]), "data_rows": data_rows(data), "data": data, "facts": facts, "unit": unit}
    test = (record.model or {}).get("test") or {}
    model = {"measures": measures(test), "model_charts": model_charts(test, str(data.get("target", "target")))}
    shared = {"record": record, "styles": styles(order), "recommendation": _recommendation(facts)}
    race = _verdict_part(record, order, unit) | _rate_part(record, order, unit) | {"checks": checks(facts)}
    race |= {"diagnosed": diagnosed(record)}
    race |= _budget_part(record, order, unit) | _target_part(record, unit)
    return shared | said | tables | model | race | _loss_part(record, order, unit)


def _recommendation(facts: dict[str, Any]) -> dict[str, Any] | None:
    told = facts.get("recommendation")
    if not told:
        return None
    code = [(FRAMEWORKS.get(name, name), text) for name, text in told["code"].items()]
    return {"sentence": str(told["sentence"]), "code": code}


def _verdict_part(record: Record, order: list[str], unit: str) -> dict[str, Any]:
    """The leaderboard, and what the fresh seeds show one by one."""
    seeds, (winners, found) = fresh(record), chips(record, order)
    ranks = leaderboard_rows(record, order, seeds)
    charts = _seed_charts(record, seeds, unit) if seeds else []
    return {
        "leaderboard": ranks,
        "tuning_seeds": count(len(set(record.runs["seed"][record.tuned].tolist())), "tuning seed"),
        "fresh": seeds,
        "more_seeds": _more_seeds(record) if seeds else None,
        "timed": any(row.step != "—" for row in ranks),
        "method": method(record, seeds),
        "winners": winners,
        "chips": found,
        "seed_charts": charts,
        "seed_intervals": seeds is not None and len(seeds.seeds) >= LEAST_SEEDS,
        "margin": f"{number(seeds.margin)} {unit}" if seeds else "",
        "runs": embedded_runs(record, order, unit) if record.kind == "race" else None,
    }


def _more_seeds(record: Record) -> int | None:
    """How many more would settle it, of a race to which they can be added: one that came to its end."""
    can_go_on = record.facts["command"] and not record.facts.get("partial")
    return record.verdict["more_seeds"] if record.verdict and can_go_on else None


def _budget_part(record: Record, order: list[str], unit: str) -> dict[str, Any]:
    found = budgets(record, order)
    if not found:
        return {"budget_chart": None}
    chart = budget_chart(record, found, unit)
    return {
        "budget_chart": chart,
        "budget_table": budget_table(found),
        "budget_bands": any(trace.name == "luck" for trace in chart.figure.data),
        "dropped": bool((record.runs["status"] == "dropped").any()),
    }


def _target_part(record: Record, unit: str) -> dict[str, Any]:
    found = targets(record)
    if found is None:
        return {"target_charts": []}
    steps = record.facts.get("step_seconds") or {}
    return {
        "target_charts": target_charts(record, found, unit),
        "target_table": target_table(found, unit, steps),
        "target_seeds": count(len(found.seeds), "fresh seed" if record.confirmed else "tuning seed"),
        "target_intervals": len(found.seeds) >= LEAST_SEEDS,
        "baseline": proper_name(found.baseline),
    }


def _seed_charts(record: Record, seeds: Fresh, unit: str) -> list[tuple[Chart, Table]]:
    beside = difference_chart(record, seeds, unit)
    paired = [(beside, difference_table(record, seeds))] if beside else []
    return [*paired, (strip_chart(record, seeds, unit), strip_table(seeds))]


def _rate_part(record: Record, order: list[str], unit: str) -> dict[str, Any]:
    if record.kind == "fit" or not order:
        return {"rate_charts": [], "rate_table": None, "marks": set(), "plateaus": False, "kept": ""}
    charts = rate_charts(record, order, unit)
    marks = {trace.name for chart in charts for trace in chart.figure.data}
    plateaus = any(shape.name == "plateau" for chart in charts for shape in chart.figure.layout.shapes)
    return {"rate_charts": charts, "rate_table": rate_table(record, order), "marks": marks} | {
        "plateaus": plateaus,
        "kept": listed(map(proper_name, kept_usual(record))),
    }


def _loss_part(record: Record, order: list[str], unit: str) -> dict[str, Any]:
    chart = loss_chart(record, order, unit)
    if chart is None:
        return {"loss_chart": None, "loss_table": None, "drawn": [], "parts": set(), "names": [], "hidden": set()}
    traces = chart.figure.data
    there = {trace.meta["optimizer"] for trace in traces}
    return {
        "loss_chart": chart,
        "loss_table": loss_table(record, order),
        "drawn": [optimizer for optimizer in order if optimizer in there],
        "parts": {"seeds" if trace.meta["seeds"] else trace.meta["part"] for trace in traces},
        "names": list(parts(record).values()),
        "hidden": {
            "seeds" if trace.meta["seeds"] else trace.meta["part"] for trace in traces if trace.visible is False
        },
    }
