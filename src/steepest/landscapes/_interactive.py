"""Landscapes as pages: contours, relief and losses by Plotly, a slider over the steps, and the numbers in tables."""

from typing import Any, NamedTuple

import numpy as np

from ..pictures import FAINT, FONT, INK, PAPER, QUIET, Style, embedded, looks, number, page
from ._landscape import Between, Landscape, Path
from ._words import place

_HEIGHT = 440
# The colours of heights, as in print.
_COLORS = ("#7b9cbc", "#9ab5cd", "#b9ccdd", "#d6e1ea", "#ecf0f2", "#faf8f3")
_SCALE = [[place / 5, color] for place, color in enumerate(_COLORS)]
_SYMBOLS = {"minimum": "circle-dot", "saddle": "x", "maximum": "triangle-up", "degenerate": "diamond"}
_DASHES = ("solid", "dash", "dot", "dashdot")
# Marks of a way in three dimensions, where Plotly has few; and how many points of a way a page holds.
_MOST = 600


class _Chart(NamedTuple):
    """name: an HTML id.  json: the figure.  says: what it shows.  height: px."""

    name: str
    json: Any
    says: str
    height: int = _HEIGHT


class _Table(NamedTuple):
    caption: str
    head: list[str]
    rows: list[list[str]]


def landscape_page(seen: Landscape) -> str:
    """A landscape as a page that needs no network."""
    styles = looks([path.optimizer for path in seen.paths])
    kept = [_kept(path) for path in seen.paths]
    charts = [_contours(seen, kept, styles), _relief(seen, kept, styles)]
    groups = [charts] + ([[_losses(seen, kept, styles)]] if kept else [])
    steps = sorted({int(step) for path in kept for step in path.steps})
    return page(
        "landscape.html", package=__package__, plotly=True, title=seen.title, about=seen.about, text=seen.text,
        groups=groups, tables=_tables(seen), steps=steps, counted=seen.counted,
    )  # fmt: skip


def _kept(path: Path) -> Path:
    """A path with no more points than a page should hold, the first and the last among them."""
    if len(path.steps) <= _MOST:
        return path
    held = np.unique(np.concatenate([np.arange(100), np.linspace(100, len(path.steps) - 1, _MOST - 100)]).astype(int))
    fields = ("steps", "along", "across", "off_plane", "losses", "on_plane")
    rest = {name: getattr(path, name) for name in ("name", "optimizer", "learning_rate", "diverged")}
    return Path(**rest, **{name: getattr(path, name)[held] for name in fields})


def _layout(**more: Any) -> dict[str, Any]:
    axis = {"linecolor": QUIET, "zeroline": False, "ticks": "outside", "tickcolor": QUIET, "showgrid": False}
    axis |= {"tickfont": {"size": 11, "color": QUIET}}
    return {
        "template": "none", "font": {"family": FONT, "size": 12, "color": INK}, "paper_bgcolor": PAPER,
        "plot_bgcolor": PAPER, "margin": {"l": 56, "r": 16, "t": 12, "b": 48}, "hovermode": "closest",
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        "xaxis": axis, "yaxis": axis, **more,
    }  # fmt: skip


def _contours(seen: Landscape, paths: list[Path], styles: list[Style]) -> _Chart:
    import plotly.graph_objects as go

    heights, losses = seen.heights, seen.slice.losses
    drawn = np.where(np.isfinite(losses), heights.of(losses), np.nan)
    levels, (ticks, names) = heights.levels(), heights.ticks()
    chart = go.Figure(layout=_layout())
    chart.add_contour(
        x=_plain(seen.slice.along), y=_plain(seen.slice.across), z=_rows(drawn), customdata=_rows(losses),
        colorscale=_SCALE, line={"width": 0.5, "color": "#5d7891"}, name=seen.loss, showlegend=False,
        contours={"start": levels[0], "end": levels[-1], "size": levels[1] - levels[0]},
        colorbar={
            "tickvals": ticks.tolist(), "ticktext": names, "title": {"text": seen.loss, "side": "top"},
            "thickness": 12, "outlinewidth": 0.5, "len": 1,
        },
        hovertemplate="(%{x:.4g}, %{y:.4g})<br>" + seen.loss + " %{customdata:.4g}<extra></extra>",
    )  # fmt: skip
    for path, style in zip(paths, styles, strict=True):
        _add_path(chart, seen, path, style)
    for point in seen.points:
        chart.add_scatter(
            x=[point.along], y=[point.across], mode="markers", showlegend=False,
            marker={"symbol": _SYMBOLS[point.kind], "size": 11, "color": PAPER, "line": {"color": INK, "width": 1.5}},
            hovertemplate=f"{point.kind}<br>({number(point.along)}, {number(point.across)}), height "
            f"{number(point.value)}<extra></extra>",
        )  # fmt: skip
    chart.update_xaxes(title_text=seen.axes[0], range=_ends(seen.slice.along))
    chart.update_yaxes(title_text=seen.axes[1], range=_ends(seen.slice.across))
    return _Chart("contours", _json(chart), f"Contours. {seen.text}")


def _add_path(chart: Any, seen: Landscape, path: Path, style: Style) -> None:
    texts = [
        f"{path.name}, {seen.counted} {step}<br>true {seen.loss} {number(loss, 4)}"
        + (f"<br>off the plane {number(off)}" if seen.directions is not None else "")
        for step, loss, off in zip(path.steps, path.losses, path.off_plane, strict=True)
    ]
    common = {"hovertext": texts, "hoverinfo": "text", "legendgroup": path.name}
    steps = path.steps.tolist()
    chart.add_scatter(
        x=_plain(path.along), y=_plain(path.across), mode="lines+markers", name=path.name, meta={"steps": steps},
        line={"color": style.color, "width": 2.2, "dash": _dash(style)},
        marker={
            "symbol": style.symbol, "size": 7, "color": style.color, "maxdisplayed": 12,
            "line": {"color": PAPER, "width": 0.8},
        },
        **common,
    )  # fmt: skip
    chart.add_scatter(
        x=_plain(path.along), y=_plain(path.across), mode="markers", showlegend=False, name=f"{path.name}, end",
        meta={"steps": steps, "end": True},
        marker={"symbol": style.symbol, "size": 12, "color": style.color, "line": {"color": PAPER, "width": 1}},
        hoverinfo="skip", legendgroup=path.name,
    )  # fmt: skip


def _relief(seen: Landscape, paths: list[Path], styles: list[Style]) -> _Chart:
    import plotly.graph_objects as go

    from ._still import relief_heights

    heights, losses = relief_heights(seen), seen.slice.losses
    ticks, names = heights.ticks(5)
    chart = go.Figure(layout=_layout(margin={"l": 0, "r": 0, "t": 0, "b": 0}, showlegend=False))
    chart.add_surface(
        x=_plain(seen.slice.along), y=_plain(seen.slice.across),
        z=_rows(np.where(np.isfinite(losses), heights.of(losses), np.nan)), customdata=_rows(losses),
        colorscale=_SCALE, showscale=False, lighting={"ambient": 0.82, "diffuse": 0.45, "specular": 0.03},
        hovertemplate="(%{x:.4g}, %{y:.4g})<br>" + seen.loss + " %{customdata:.4g}<extra></extra>",
    )  # fmt: skip
    x, y = seen.slice.along, seen.slice.across
    for path, style in zip(paths, styles, strict=True):
        inside = (path.along >= x[0]) & (path.along <= x[-1]) & (path.across >= y[0]) & (path.across <= y[-1])
        lifted = heights.of(path.on_plane) + 0.02 * float(np.ptp(heights.levels()))
        a, b, c = (np.where(inside, one, np.nan) for one in (path.along, path.across, lifted))
        chart.add_scatter3d(
            x=_plain(a), y=_plain(b), z=_plain(c), mode="lines", name=path.name, meta={"steps": path.steps.tolist()},
            line={"color": style.color, "width": 6}, hoverinfo="name",
        )  # fmt: skip
    # Beside the contours, which name the axes in full.
    words = (*(axis.removeprefix("direction of the ") for axis in seen.axes), seen.loss)
    called = [{"text": word, "font": {"size": 11}} for word in words]
    scene = {"showbackground": False, "gridcolor": FAINT, "tickfont": {"size": 10, "color": QUIET}}
    chart.update_layout(
        scene={
            "xaxis": {**scene, "title": called[0]}, "yaxis": {**scene, "title": called[1]},
            "zaxis": {**scene, "title": called[2], "tickvals": ticks.tolist(), "ticktext": names},
            "aspectmode": "manual", "aspectratio": {"x": 1, "y": 1, "z": 0.65},
            "camera": {"eye": {"x": 0.98, "y": -1.33, "z": 1.5}, "center": {"x": 0, "y": 0, "z": -0.15}},
        }
    )  # fmt: skip
    return _Chart("relief", _json(chart), f"The same surface as a relief. {seen.text}")


def _losses(seen: Landscape, paths: list[Path], styles: list[Style]) -> _Chart:
    import plotly.graph_objects as go

    from ._still import by_logarithm, lowest_taken_off

    taken = lowest_taken_off(seen)
    chart = go.Figure(layout=_layout())
    logarithmic = by_logarithm(seen)
    for path, style in zip(paths, styles, strict=True):
        curves = [("", path.losses, _dash(style), 2.0)]
        if seen.directions is not None:
            curves.append((", on the plane", path.on_plane, "dot", 1.2))
        for name, losses, dash, width in curves:
            above = np.where(np.isfinite(losses), losses, np.nan) - taken
            chart.add_scatter(
                x=path.steps.tolist(), y=_plain(np.where(above > 0, above, np.nan) if logarithmic else above),
                mode="lines", name=path.name + name, line={"color": style.color, "width": width, "dash": dash},
            )  # fmt: skip
    name = seen.loss + (f" above the lowest, {number(taken)}" if taken else "")
    chart.update_yaxes(title_text=name, showgrid=True, gridcolor=FAINT)
    if logarithmic:
        chart.update_yaxes(type="log", dtick=1)
    chart.update_xaxes(title_text=f"{seen.counted}s", showgrid=True, gridcolor=FAINT)
    return _Chart("losses", _json(chart), f"The true {seen.loss} of each path by {seen.counted}.", 320)


def _tables(seen: Landscape) -> list[_Table]:
    tables = []
    if seen.paths:
        head = ["path", f"{seen.counted}s", "start", "end", f"{seen.loss} at the end"]
        whole = seen.directions is None
        head += [] if whole else ["on the plane there", "furthest from the plane"]
        rows = []
        for path in seen.paths:
            places = [place(seen, path.along[i], path.across[i]) for i in (0, -1)]
            row = [path.name, str(int(path.steps[-1])), *places, number(path.losses[-1], 4)]
            rows.append(row + ([] if whole else [number(path.on_plane[-1], 4), number(float(path.off_plane.max()))]))
        tables.append(_Table("Paths", head, rows))
    if seen.points:
        rows = [
            [
                point.kind, f"({number(point.along, 6)}, {number(point.across, 6)})", number(point.value, 5),
                ", ".join(number(one) for one in point.eigenvalues[:4]),
            ]
            for point in seen.points
        ]  # fmt: skip
        head = ["kind", "at", "height", "eigenvalues of the Hessian"]
        tables.append(_Table("Where the gradient vanishes", head, rows))
    return tables


def between_page(seen: Between) -> str:
    """An interpolation as a page that needs no network."""
    import plotly.graph_objects as go

    chart = go.Figure(layout=_layout())
    styles = looks(["sgd", "adam"])
    for name, losses, style in zip(("training", "validation"), (seen.train, seen.validation), styles, strict=True):
        if losses is not None:
            chart.add_scatter(
                x=_plain(100 * seen.shares), y=_plain(losses), mode="lines", name=name,
                line={"color": style.color, "width": 2.2, "dash": _dash(style)},
                hovertemplate="%{x:.1f} % of the way<br>" + name + " %{y:.4g}<extra></extra>",
            )  # fmt: skip
    chart.add_scatter(
        x=[0, 100], y=list(seen.ends), mode="lines+markers", name="straight line",
        line={"color": QUIET, "width": 1, "dash": "dot"}, marker={"color": INK, "size": 8},
    )  # fmt: skip
    chart.update_xaxes(title_text=f"% of the way from {seen.names[0]} to {seen.names[1]}")
    chart.update_yaxes(title_text=seen.loss, showgrid=True, gridcolor=FAINT)
    return page(
        "landscape.html", package=__package__, plotly=True, title=seen.title, about=seen.about, text=seen.text,
        groups=[[_Chart("between", _json(chart), seen.text)]], tables=[], steps=[], counted="",
    )  # fmt: skip


def _dash(style: Style) -> str:
    from ..pictures import STYLES

    return _DASHES[STYLES.index(style) % len(_DASHES)]


def _json(chart: Any) -> Any:
    return embedded(chart.to_json(engine="json"))


def _ends(at: np.ndarray) -> list[float]:
    return [float(at[0]), float(at[-1])]


def _plain(values: Any) -> list[float | None]:
    """Numbers to five digits, which is more than a screen shows; None, a gap, for those not finite."""
    return [float(f"{value:.5g}") if np.isfinite(value) else None for value in np.asarray(values, float)]


def _rows(values: np.ndarray) -> list[list[float | None]]:
    return [_plain(row) for row in values]
