"""The verdict in a sentence, as people say it."""

import math
from collections.abc import Sequence

from ..problems import Measure
from ..rules import proper_name
from ._standing import Standing, Verdict
from ._statistics import least_seeds

# More names than this nobody reads in a sentence.
_MOST_NAMED = 4


def confirmed_sentence(verdict: Verdict, measure: Measure, seeds: int) -> str:
    """Who won on so many fresh seeds, who may as well have, and what would tell them apart."""
    first = verdict.recommended
    use = f"{first.name} at a learning rate of {rate(first.learning_rate)}"
    reached = f"median {measure.part} {measure.name} {measure.of(first.median)}{_interval(first)} over {_seeds(seeds)}"
    edge = ". Its plateau reaches the end of its grid: a better rate may lie beyond" if first.at_edge else ""
    if len(verdict.winners) == 1:
        return f"Use {use}: {reached}{_ahead(verdict)}{edge}."
    names = _brief(verdict.winners)
    if len(verdict.winners) == len(verdict.leaderboard) > _MOST_NAMED:
        names = f"all {len(verdict.winners)} optimizers"
    why = f", since {verdict.reason}" if verdict.reason else ""
    if verdict.decided:
        told = f"{names[0].upper()}{names[1:]} are equals to within {100 * verdict.margin:.0f} %{_within(verdict)}"
    else:
        told = f"Undecided between {names}{_unsettled(verdict, seeds)}"
    return f"{told}{_beaten(verdict)}. Use {use}{why}: {reached}{edge}."


def _interval(one: Standing) -> str:
    """The interval of its median, which fewer than six seeds do not allow."""
    low, high = one.interval
    return f" (95 % interval {low:.3g} to {high:.3g})" if math.isfinite(low) and math.isfinite(high) else ""


def _unsettled(verdict: Verdict, seeds: int) -> str:
    """What would tell the winners apart."""
    several, more = len(verdict.leaderboard), verdict.more_seeds
    fewest, few = least_seeds(several - 1), ""
    if seeds < fewest:
        few = f": fewer than {fewest} seeds cannot tell {several} optimizers apart"
    if not more:
        return few or ", and no reasonable number of seeds would settle it"
    would = f"about {more} more {'seed' if more == 1 else 'seeds'} would settle it"
    if verdict.too_close:
        would += f" but for {_brief(verdict.too_close)}, too close to {proper_name(verdict.leaderboard[0].optimizer)}"
    return f"{few}{'; ' if few else ': '}{would}, if the difference is real"


def _within(verdict: Verdict) -> str:
    """Between what the differences of equals to the leader are."""
    beside = [one.comparison for one in verdict.leaderboard if one.optimizer in verdict.winners and one.comparison]
    ends = f"{min(one.low for one in beside):.2g} to {max(one.high for one in beside):.2g}"
    if len(beside) == 1:
        return f" (95 % interval of the difference {ends})"
    leader = proper_name(verdict.leaderboard[0].optimizer)
    return f" (95 % intervals of the differences to {leader} within {ends})"


def _beaten(verdict: Verdict) -> str:
    """Who is no winner, and how far the nearest is behind."""
    worse = [one for one in verdict.leaderboard if one.optimizer not in verdict.winners]
    if not worse:
        return ""
    name = proper_name(worse[0].optimizer)
    several = f"the other {len(worse)} are worse, the nearest of them {name}"
    return f"; {several if len(worse) > 1 else f'{name} is worse'}{_behind(worse[0])}"


def _ahead(verdict: Verdict) -> str:
    """How far the next one is behind; nothing where there is no other."""
    if len(verdict.leaderboard) == 1:
        return ""
    others, following = len(verdict.leaderboard) - 1, verdict.leaderboard[1]
    than = "better than the other" if others == 1 else f"better than each of the {others} others"
    return f", {than}; next is {proper_name(following.optimizer)}{_behind(following)}"


def _behind(one: Standing) -> str:
    """How far one that is worse is behind the leader."""
    beside = one.comparison
    assert beside is not None
    if not math.isfinite(one.median):
        return f", half of whose runs or more diverged (p = {beside.adjusted:.2g})"
    return (
        f", higher by {beside.median:.2g} (95 % interval {beside.low:.2g} to {beside.high:.2g}, "
        f"p = {beside.adjusted:.2g})"
    )


def _seeds(count: int) -> str:
    return f"{count} fresh {'seed' if count == 1 else 'seeds'}"


def _brief(optimizers: Sequence[str]) -> str:
    """Who they are, where they are few; the leaderboard names all."""
    names = [proper_name(name) for name in optimizers]
    few = [*names[: _MOST_NAMED - 1], f"{len(names) - _MOST_NAMED + 1} others"]
    return _listed(few if len(names) > _MOST_NAMED else names)


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]


def unconfirmed_sentence(board: Sequence[Standing], measure: Measure, seeds: int) -> str:
    """Who stands first after so many tuning seeds alone."""
    first = board[0]
    told = (
        f"Use {first.name} at a learning rate of {rate(first.learning_rate)}: "
        f"median {measure.part} {measure.name} {measure.of(first.median)} over {seeds} seed{'s' if seeds > 1 else ''}"
    )
    if len(board) > 1:
        next_best = board[1]
        finite = math.isfinite(next_best.median)
        reached = f" with {next_best.median:.3g}" if finite else ", half of whose runs or more diverged"
        told += f"; next is {next_best.name} at {rate(next_best.learning_rate)}{reached}"
    if first.at_edge:
        told += ". Its plateau reaches the end of its grid: a better rate may lie beyond"
    return told + ". Unconfirmed: no fresh seeds have tested it."


def rate(learning_rate: float) -> str:
    """A learning rate as people write it, to three digits.

    >>> rate(0.0031622776), rate(1e-5), rate(0.000316), rate(1.0)
    ('0.00316', '1e-5', '3.16e-4', '1')
    """
    if learning_rate >= 1e-3:
        return f"{float(f'{learning_rate:.3g}'):.10f}".rstrip("0").rstrip(".")
    mantissa, exponent = f"{learning_rate:.2e}".split("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"
