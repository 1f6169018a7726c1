"""The leaderboard of a race as a table for papers: Markdown with pipes, or LaTeX with booktabs."""

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import InputError
from ..races import with_knobs
from ..rules import proper_name
from ._directory import Record, read
from ._format import count, number, rate, upper_first

_PAIRED = ("Difference to the leader (95 %)", "p (Holm)", "P(worse) (95 %)")
_NUMBER = re.compile(r"(-?\d+(?:,\d{3})*(?:\.\d+)?)(?:e(-?\d+))?|(-?∞)")
_LATEX = {
    **{mark: f"\\{mark}" for mark in "&%$#_{}"},
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': "''", "†": r"\textdagger{}",
    "—": "---", "–": "--", "−": "$-$", "∞": r"$\infty$", "²": "$^2$",
}  # fmt: skip
_EDGE = "†"


class Line(NamedTuple):
    """A row of the table.  winner: whether nothing shows it to be worse than the leader."""

    winner: bool
    cells: list[str]


class PaperTable(NamedTuple):
    """caption: what the numbers are.  head: names of the columns.  lines: a row an optimizer, best first."""

    caption: str
    head: list[str]
    lines: list[Line]


def markdown(directory: str | Path) -> str:
    """The leaderboard of the race in a directory as a table of Markdown with its caption below, as Pandoc reads it.

    Raises InputError where there is none: the directory is damaged, or holds a fit or a race without a verdict.
    """
    table = paper_table(read(directory))
    rows = [[in_markdown(name) for name in table.head], [":---", *["---:"] * (len(table.head) - 1)]]
    for winner, (name, *others) in table.lines:
        rows.append([f"**{in_markdown(name)}**" if winner else in_markdown(name), *others])
    return "\n".join([*(f"| {' | '.join(cells)} |" for cells in rows), "", f"Table: {in_markdown(table.caption)}"])


def latex(directory: str | Path) -> str:
    """The same as a table of LaTeX with its caption above; it wants the package booktabs. Raises as ``markdown``."""
    table = paper_table(read(directory))
    rows = [[in_latex(name) for name in table.head]]
    for winner, (name, *others) in table.lines:
        rows.append([f"\\textbf{{{in_latex(name)}}}" if winner else in_latex(name), *map(_numbers_in_latex, others)])
    body = [f"    {' & '.join(cells)} \\\\" for cells in rows]
    return "\n".join([
        "% Needs \\usepackage{booktabs}.",
        "\\begin{table}", "  \\centering", f"  \\caption{{{in_latex(table.caption)}}}",
        f"  \\begin{{tabular}}{{l{'r' * (len(table.head) - 1)}}}", "    \\toprule", body[0], "    \\midrule",
        *body[1:], "    \\bottomrule", "  \\end{tabular}", "\\end{table}",
    ])  # fmt: skip


def paper_table(record: Record) -> PaperTable:
    """The leaderboard with what it says of each optimizer beside the leader, seed by seed, where fresh seeds ran."""
    if record.kind != "race":
        raise InputError(f"'{record.path}' holds a fit, which has no leaderboard. Give a directory that a race wrote.")
    if record.verdict is None:
        raise InputError(f"The race in '{record.path}' reached no verdict, so it has no leaderboard. Race again.")
    ranks, winners = record.verdict["leaderboard"], record.verdict.get("winners") or ()
    seeds, paired = judged_seeds(record), any(rank.get("comparison") for rank in ranks)
    unit = (record.facts["metric"] or {}).get("unit")
    told = [str(unit)] if unit else []
    told += ["95 %"] if any(rank_interval(rank) for rank in ranks) else []
    loss = f"Median loss ({', '.join(told)})" if told else "Median loss"
    head = ["Optimizer", "Learning rate", _on_one_line(loss), *(_PAIRED if paired else ()), "Seeds"]
    lines = [Line(rank["optimizer"] in winners, _cells(rank, len(seeds), paired=paired)) for rank in ranks]
    return PaperTable(_caption(record, seeds, paired=paired), head, lines)


def judged_seeds(record: Record) -> list[int]:
    """The seeds that the verdict's medians are over: the fresh ones, or without any those of the tuning."""
    verdict, spec = record.verdict or {}, record.facts["spec"]
    asked = spec.get("confirm_seeds") if verdict.get("confirmed") else spec.get("seeds")
    counted = verdict.get("seeds")
    return [seed for seed in asked or [] if counted is None or seed in counted]


def _cells(rank: dict[str, Any], seeds: int, *, paired: bool) -> list[str]:
    edge = _EDGE if rank.get("at_edge") else ""
    name = proper_name(rank["optimizer"]) + with_knobs(rank["hyperparameters"])
    loss = _with_interval(_loss(rank["median"]), *(rank_interval(rank) or (None, None)))
    cells = [_on_one_line(name), rate(rank["learning_rate"]) + edge, loss]
    beside = rank.get("comparison")
    if beside:
        cells.append(_with_interval(number(beside["median"]), beside["low"], beside["high"]))
        cells.append(number(beside["adjusted"]))
        cells.append(_with_interval(number(beside["beaten"]), beside["beaten_low"], beside["beaten_high"]))
    elif paired:
        cells += ["—"] * len(_PAIRED)
    return [*cells, str(seeds)]


def _loss(median: float | None) -> str:
    """A median; a file has no infinity, so that what is missing is infinite: half the runs or more diverged."""
    return "∞" if median is None else number(median)


def rank_interval(rank: Mapping[str, Any]) -> tuple[float, float] | None:
    """The 95 % interval of an optimizer's median; None on fewer than six seeds, and in races from before they had it.

    A file has no infinity: of an upper end that runs which diverged take there, only the lower one is known.
    """
    low, high = rank.get("interval") or (None, None)
    return None if low is None else (low, math.inf if high is None else high)


def _with_interval(value: str, low: float | None, high: float | None) -> str:
    """A number with its interval, which too few seeds have not."""
    return f"{value} [{number(low)}, {number(high)}]" if low is not None and high is not None else value


def _caption(record: Record, seeds: Sequence[int], *, paired: bool) -> str:
    verdict, facts = record.verdict or {}, record.facts
    metric = facts["metric"] or {}
    unit = f" in {metric['unit']}" if metric.get("unit") else ""
    kind = "fresh seed" if verdict.get("confirmed") else "tuning seed"
    what = f"{upper_first(metric.get('name') or 'loss')}{unit} on {facts['data'].get('name', 'the data')}"
    over = f"median over {count(len(seeds), kind)} ({seeds_in_words(seeds)})"
    told = [f"{what} (lower is better): {over} at each optimizer's recommended learning rate."]
    if any(rank_interval(rank) for rank in verdict["leaderboard"]):
        told.append("In brackets the 95 % interval, of a median Hettmansperger and Sheather's.")
    if paired:
        told += [
            "Differences are paired by seed, with the 95 % interval of their median; p is of the sign-flip test, "
            "adjusted after Holm; P(worse) is the share of seeds on which the leader was better, with its 95 % Wilson "
            "interval. Bold: not shown to be worse than the leader."
        ]
    if not verdict.get("confirmed"):
        told.append("Unconfirmed: the rates were chosen on these very seeds, so differences may be luck.")
    if any(rank.get("at_edge") for rank in verdict["leaderboard"]):
        told.append(f"{_EDGE}: the best rates reach the end of the grid, and better may lie beyond.")
    if facts.get("partial"):
        told.append("Partial: the race was interrupted.")
    return _on_one_line(" ".join([*told, f"steepest {facts.get('steepest', '')}".strip() + "."]))


def seeds_in_words(seeds: Sequence[int]) -> str:
    """Seeds as a range where they follow one another.

    >>> seeds_in_words([3, 4, 5, 6]), seeds_in_words([1, 5]), seeds_in_words([7])
    ('3 to 6', '1, 5', '7')
    """
    if len(seeds) > 2 and list(seeds) == list(range(seeds[0], seeds[0] + len(seeds))):
        return f"{seeds[0]} to {seeds[-1]}"
    return ", ".join(map(str, seeds))


def in_markdown(text: str) -> str:
    """Text that no reader of Markdown takes for markup.

    >>> print(in_markdown("a|b_c <x>"))
    a\\|b\\_c \\<x\\>
    """
    return re.sub(r"([\\`*_\[\]<>|~$#])", r"\\\1", text)


def in_latex(text: str) -> str:
    """Text with every character that LaTeX takes for a command written out.

    >>> print(in_latex("50 % of my_rule & {x}"))
    50 \\% of my\\_rule \\& \\{x\\}
    """
    return "".join(_LATEX.get(character, character) for character in text)


def _numbers_in_latex(cell: str) -> str:
    """A cell of numbers, with each in LaTeX's mathematics.

    >>> print(_numbers_in_latex("-3.16e-4 [12,300, ∞]"))
    $-3.16\\times10^{-4}$ [$12{,}300$, $\\infty$]
    """
    parts, end = [], 0
    for found in _NUMBER.finditer(cell):
        digits, power, infinite = found.groups()
        told = infinite.replace("∞", r"\infty") if infinite else digits.replace(",", "{,}")
        told += f"\\times10^{{{power}}}" if power else ""
        parts += [in_latex(cell[end : found.start()]), f"${told}$"]
        end = found.end()
    return "".join([*parts, in_latex(cell[end:])])


def _on_one_line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
