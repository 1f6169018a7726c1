"""How the kept model does on the test part: its confusion matrix, or its predictions and residuals."""

from typing import Any

import numpy as np

from ..pictures import FAINT, INK, PAPER, QUIET, STYLES
from ._format import count, number, percent, plotly_text
from ._style import Chart, Table, figure

SHADES = [[0, "#f1f4f8"], [1, "#123f73"]]
# Above this many classes a count no longer fits into its cell; the table under the chart still has every one.
MOST_WRITTEN = 16
SHARES = {"accuracy": "accuracy", "balanced_accuracy": "balanced accuracy"}


def measures(test: dict[str, Any]) -> list[tuple[str, str]]:
    """Each number among the test results as (name, value): shares in percent, errors in the user's unit."""
    names = {
        "cross_entropy": "cross-entropy, nats",
        "rmse": "root mean squared error",
        "mae": "mean absolute error",
        "r2": "R²",
    } | SHARES
    found = []
    for key, value in test.items():
        if isinstance(value, int | float) and not isinstance(value, bool):
            written = percent(value) if key in SHARES else number(value)
            unit = f", {test['unit']}" if key in ("rmse", "mae") and test.get("unit") else ""
            found.append((names.get(key, key.replace("_", " ")) + unit, written))
    return found


def model_charts(test: dict[str, Any], target: str) -> list[tuple[Chart, Table]]:
    """The charts of a test part, each with its numbers; none where the results have no predictions."""
    charts = []
    if test.get("confusion") and test["confusion"]["labels"]:
        charts.append(_confusion(test["confusion"]))
    if test.get("residuals") and test["residuals"]["actual"]:
        charts += _residuals(test["residuals"], test.get("unit") or "its own unit", target)
    return charts


def _confusion(confusion: dict[str, Any]) -> tuple[Chart, Table]:
    labels, counts = [str(label) for label in confusion["labels"]], np.array(confusion["counts"], dtype=int)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    places = list(range(len(labels)))
    ticks = {"tickvals": places, "ticktext": [plotly_text(label, 14) for label in labels], "showgrid": False}
    side = min(max(34 * len(labels), 180), 620)
    chart = figure(height=side + 110, margin=(20, 20, 10, 60))
    hover = [[_cell(labels, counts, shares, i, j) for j in places] for i in places]
    chart.add_heatmap(
        x=places, y=places, z=shares.tolist(), zmin=0, zmax=1, colorscale=SHADES, showscale=False, xgap=2, ygap=2,
        hovertext=hover, hoverinfo="text",
    )  # fmt: skip
    if len(labels) <= MOST_WRITTEN:
        # All at once: adding them one by one takes quadratic time.
        chart.update_layout(annotations=[_written(i, j, counts[i, j], shares[i, j]) for i in places for j in places])
    chart.update_xaxes(ticks, title_text="predicted", automargin=True, showline=False, ticks="")
    chart.update_yaxes(ticks, title_text="actual", automargin=True, autorange="reversed", showline=False)
    table = Table("Test rows, by actual class (rows) and predicted class (columns)", ["Actual", *labels],
                  [[label, *map(str, row)] for label, row in zip(labels, counts.tolist(), strict=True)])  # fmt: skip
    return Chart("confusion", "Confusion matrix", chart, _confusion_finding(labels, counts)), table


def _written(i: int, j: int, rows: int, share: float) -> dict[str, Any]:
    color = PAPER if share > 0.45 else (INK if rows else QUIET)
    return {"x": j, "y": i, "text": str(rows), "showarrow": False, "font": {"color": color, "size": 13}}


def _cell(labels: list[str], counts: np.ndarray, shares: np.ndarray, i: int, j: int) -> str:
    seen = f"actual {plotly_text(labels[i])}<br>predicted {plotly_text(labels[j])}"
    return f"{seen}<br>{count(int(counts[i, j]), 'row')}, {percent(shares[i, j])} of that class"


def _confusion_finding(labels: list[str], counts: np.ndarray) -> str:
    right, everything = int(np.trace(counts)), int(counts.sum())
    said = f"Confusion matrix of {count(len(labels), 'class', 'classes')}: "
    said += f"{right:,} of {everything:,} test rows are on the diagonal"
    wrong = counts - np.diag(np.diag(counts))
    if not wrong.any():
        return said + ", and no row was put into a wrong class."
    i, j = np.unravel_index(int(wrong.argmax()), wrong.shape)
    return f"{said}; the commonest mistake is '{labels[i]}' taken for '{labels[j]}', {count(int(wrong[i, j]), 'row')}."


def _residuals(residuals: dict[str, Any], unit: str, target: str) -> list[tuple[Chart, Table]]:
    actual, predicted = (np.array(residuals[key], dtype=float) for key in ("actual", "predicted"))
    error = predicted - actual
    dots = {"color": STYLES[1].color, "size": 6, "opacity": 0.5}
    drawn = {"mode": "markers", "marker": dots, "name": "rows", "hoverinfo": "text"}
    hover = [
        f"actual {number(a)}<br>predicted {number(p)}<br>error {number(p - a)}"
        for a, p in zip(actual, predicted, strict=True)
    ]
    name = plotly_text(target, 30)
    both, errors = (figure(height=400, margin=(70, 16, 12, 54)) for _ in range(2))
    for chart, right, up in ((both, predicted, actual), (errors, predicted, error)):
        chart.add_scatter(x=right.tolist(), y=up.tolist(), hovertext=hover, **drawn)
        chart.update_xaxes(title_text=plotly_text(f"predicted, {unit}"), showgrid=True, automargin=True)
    low, high = float(np.nanmin([actual, predicted])), float(np.nanmax([actual, predicted]))
    line = {"type": "line", "line": {"color": QUIET, "width": 1.5, "dash": "dash"}, "layer": "between"}
    both.add_shape(x0=low, y0=low, x1=high, y1=high, **line)
    room = (high - low) / 20 or 1.0
    both.update_xaxes(range=[low - room, high + room])
    both.update_yaxes(range=[low - room, high + room], title_text=f"actual {name}", automargin=True)
    errors.add_shape(x0=0, x1=1, xref="paper", y0=0, y1=0, **line)
    errors.update_yaxes(title_text="predicted − actual", automargin=True, gridcolor=FAINT)
    findings = _residual_findings(actual, predicted, unit)
    rows = [
        [str(i + 1), number(a), number(p), number(p - a)]
        for i, (a, p) in enumerate(zip(actual, predicted, strict=True))
    ]
    table = Table(
        f"Predictions for the test rows, in {unit}", ["Row", "Actual", "Predicted", "Predicted − actual"], rows
    )
    return [
        (Chart("predictions", "Predicted and actual", both, findings[0]), table),
        (Chart("residuals", "Residuals", errors, findings[1]), _error_table(predicted, error, unit)),
    ]


def _residual_findings(actual: np.ndarray, predicted: np.ndarray, unit: str) -> tuple[str, str]:
    error = predicted - actual
    spread = float(np.sum((actual - actual.mean()) ** 2))
    explained = f"; {percent(1 - float(np.sum(error**2)) / spread)} of their variance is explained" if spread else ""
    middle, typical = float(np.median(error)), float(np.median(np.abs(error)))
    first = (
        f"Predicted against actual values of {count(len(actual), 'test row')}; perfect predictions lie on the diagonal"
    )
    worst = int(np.argmax(np.abs(error)))
    second = f"Residuals against predictions. Half of the rows are off by less than {number(typical)} {unit}; "
    second += f"the median residual is {number(middle)}, the largest {number(error[worst])}"
    return f"{first}{explained}.", f"{second}, for a row predicted {number(predicted[worst])}."


def _error_table(predicted: np.ndarray, error: np.ndarray, unit: str) -> Table:
    tenths = np.array_split(np.argsort(predicted, kind="stable"), min(10, len(predicted)))
    rows = []
    for tenth in tenths:
        low, high, mean_square = predicted[tenth].min(), predicted[tenth].max(), float(np.mean(error[tenth] ** 2))
        middle = number(float(np.median(error[tenth])))
        rows.append([f"{number(low)} to {number(high)}", str(len(tenth)), middle, number(mean_square**0.5)])
    head = ["Predicted", "Rows", "Median residual", "Root mean squared residual"]
    return Table(f"Residuals by tenth of the predictions, in {unit}", head, rows)
