"""What there is to say about several races on one table: tables and sentences."""

from collections.abc import Mapping
from typing import Any

from ..races import LEAST_SEEDS, Comparison, with_knobs
from ..rules import proper_name
from ._compare import RECOMMENDED, Compared, Entrant
from ._format import count, interval, listed, number, rate
from ._style import Table
from ._tables import rank_interval, seeds_in_words
from ._words import rows


def asked_differently(compared: Compared) -> Table:
    """What of the specification differs, a row each with its value in each race; no rows where nothing does."""
    told = []
    for one in compared.entrants:
        facts = one.record.facts
        versions = {"steepest": facts.get("steepest"), **facts["versions"]}
        told.append(dict([*rows(facts["spec"]), *rows(versions, "version")]))
    names = dict.fromkeys(name for one in told for name in one)
    differ = [name for name in names if len({one.get(name) for one in told}) > 1]
    cells = [[name, *(one.get(name, "—") for one in told)] for name in differ]
    return Table("What was asked differently", ["", *(one.letter for one in compared.entrants)], cells)


def result_table(compared: Compared) -> Table:
    """A row an optimizer and further race: medians and rates in each race, and the difference to the first, paired."""
    letters, several = [one.letter for one in compared.entrants], len(compared.entrants) > 2
    paired = [*(["race"] if several else []), f"above {letters[0]}", "95 % interval", "p (Holm)", "better"]
    head = ["", *letters, *(paired if compared.beside else ())]
    cells = []
    for what in (RECOMMENDED, *_raced(compared)):
        levels = [proper_name(what), *(_level(one, what) for one in compared.entrants)]
        beside = [_differences(compared, one)[0 if several else 1 :] for one in compared.beside.get(what, ())]
        none = ["—"] * (len(head) - len(levels))
        cells += [[*levels, *told] for told in beside] or [[*levels, *none]]
    told = f"; over the shared seeds, the median of how far others are above {letters[0]}" if compared.beside else ""
    return Table(f"Median loss (95 % interval) at each one's recommended learning rate{told}", head, cells)


def _level(one: Entrant, what: str) -> str:
    rank = one.rank(what)
    if rank is None:
        return "—"
    median = "diverged" if rank["median"] is None else number(rank["median"])
    if ends := rank_interval(rank):
        median += f" ({interval(*ends)})"
    if what == RECOMMENDED:
        return f"{proper_name(rank['optimizer'])}, {median}"
    return f"{median} at {_at(rank)}"


def _at(rank: Mapping[str, Any]) -> str:
    return rate(rank["learning_rate"]) + with_knobs(rank["hyperparameters"])


def _differences(compared: Compared, one: Comparison) -> list[str]:
    ends, first = interval(one.low, one.high), compared.entrants[0].letter
    return [one.optimizer, number(one.median), ends, number(one.adjusted), better(one, first)]


def better(one: Comparison, first: str) -> str:
    """Which of a race and the first is better.

    first: what the first is called.
    """
    return {"better": one.optimizer, "worse": first, "equal": "neither"}.get(one.relation, one.relation)


def findings(compared: Compared) -> list[str]:
    """What a reader should take away, a sentence each."""
    return [*_choices(compared), *_only(compared), *_moved(compared), _pairs(compared), *_beyond_luck(compared)]


def _choices(compared: Compared) -> list[str]:
    """Whom each recommends, and whom it does not tell from the leader."""
    choices: dict[str, list[str]] = {}
    for one in compared.entrants:
        choices.setdefault(proper_name(one.verdict["optimizer"]), []).append(one.letter)
    apart = "; ".join(f"{name} in {listed(letters)}" for name, letters in choices.items())
    told = [f"All recommend {next(iter(choices))}." if len(choices) == 1 else f"Recommended: {apart}."]
    winners = {one.letter: one.verdict.get("winners") or [] for one in compared.entrants}
    if len({frozenset(names) for names in winners.values()}) > 1:
        sets = (f"{listed(map(proper_name, names)) or 'none'} in {letter}" for letter, names in winners.items())
        told.append(f"Winners: {'; '.join(sets)}.")
    return told


def _raced(compared: Compared) -> dict[str, list[Entrant]]:
    """By optimizer, in which races."""
    raced: dict[str, list[Entrant]] = {}
    for one in compared.entrants:
        for name in one.ranks:
            raced.setdefault(name, []).append(one)
    return raced


def _only(compared: Compared) -> list[str]:
    """Who did not race everywhere."""
    missing = {name: own for name, own in _raced(compared).items() if len(own) < len(compared.entrants)}
    parts = [f"{proper_name(name)} in {listed(one.letter for one in own)}" for name, own in missing.items()]
    return [f"Raced only in some: {'; '.join(parts)}."] if parts else []


def _moved(compared: Compared) -> list[str]:
    """Whose recommended rate is another."""
    moved = []
    for name, own in _raced(compared).items():
        rates = {one.letter: _at(one.ranks[name]) for one in own}
        if len(set(rates.values())) > 1:
            moved.append(f"{proper_name(name)} {listed(f'{told} in {letter}' for letter, told in rates.items())}")
    return [f"Other learning rates: {'; '.join(moved)}."] if moved else []


def _pairs(compared: Compared) -> str:
    if not compared.seeds:
        return f"Not compared seed by seed, since {compared.unpaired}; medians may differ by luck."
    few = f"; fewer than {LEAST_SEEDS} decide nothing" if len(compared.seeds) < LEAST_SEEDS else ""
    return f"Compared on {count(len(compared.seeds), 'shared seed')} ({seeds_in_words(compared.seeds)}){few}."


def _by(one: Comparison) -> str:
    """By how much the better one is, with the interval."""
    ends = interval(-one.high, -one.low) if one.median < 0 else interval(one.low, one.high)
    return f" by {number(abs(one.median))} (95 % interval {ends})"


def _beyond_luck(compared: Compared) -> list[str]:
    """Where one race is better than another beyond luck."""
    first, wins = compared.entrants[0].letter, dict[str, list[str]]()
    for what, others in compared.beside.items():
        name = "what it recommends" if what == RECOMMENDED else proper_name(what)
        for one in others:
            pair = {"better": (one.optimizer, first), "worse": (first, one.optimizer)}.get(one.relation)
            if pair:
                wins.setdefault(" is better than ".join(pair), []).append(name + _by(one))
    told = [f"Beyond luck, {pair} with {listed(names)}." for pair, names in wins.items()]
    return told or (["No difference is beyond luck."] if compared.beside else [])
