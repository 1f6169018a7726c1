"""The verdict in a sentence, as people say it."""

import math
from collections.abc import Sequence

from ..problems import Measure
from ..rules import proper_name
from ._standing import Standing, Verdict
from ._statistics import least_seeds


def confirmed_sentence(verdict: Verdict, measure: Measure, seeds: int) -> str:
    """Who won on so many fresh seeds, who may as well have, and what would tell them apart."""
    first = verdict.recommended
    use = f"{first.name} at a learning rate of {rate(first.learning_rate)}"
    reached = f"median {measure.part} {measure.name} {measure.of(first.median)}{_interval(first)} over {_seeds(seeds)}"
    edge = ". Its plateau reaches the end of its grid: a better rate may lie beyond" if first.at_edge else ""
    others = len(verdict.leaderboard) - len(verdict.winners)
    if len(verdict.winners) == 1:
        return f"Use {use}: {reached}{_ahead(verdict)}{edge}."
    names = _listed([proper_name(name) for name in verdict.winners])
    why = f", since {verdict.reason}" if verdict.reason else ""
    if verdict.decided:
        told = f"{names} are equals to within {100 * verdict.margin:.0f} %"
    else:
        told = f"Undecided between {names}{_unsettled(verdict, seeds)}"
    beaten = f"; the other {others} {'is' if others == 1 else 'are'} worse" if others else ""
    return f"{told}{beaten}. Use {use}{why}: {reached}{edge}."


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
        close = _listed([proper_name(name) for name in verdict.too_close])
        would += f" but for {close}, too close to {proper_name(verdict.leaderboard[0].optimizer)}"
    return f"{few}{'; ' if few else ': '}{would}, if the difference is real"


def _ahead(verdict: Verdict) -> str:
    """How far the next one is behind; nothing where there is no other."""
    if len(verdict.leaderboard) == 1:
        return ""
    beside = verdict.leaderboard[1].comparison
    assert beside is not None
    others = len(verdict.leaderboard) - 1
    than = "better than the other" if others == 1 else f"better than each of the {others} others"
    if not math.isfinite(verdict.leaderboard[1].median):
        return f", {than}, of which half the runs diverged" if others == 1 else f", {than}; of the next half diverged"
    return (
        f", {than}; next is {proper_name(beside.optimizer)}, higher by {beside.median:.2g} "
        f"(95 % interval {beside.low:.2g} to {beside.high:.2g}, p = {beside.adjusted:.2g})"
    )


def _seeds(count: int) -> str:
    return f"{count} fresh {'seed' if count == 1 else 'seeds'}"


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
        told += f"; next is {next_best.name} at {rate(next_best.learning_rate)} with {next_best.median:.3g}"
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
