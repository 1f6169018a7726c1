"""What stands under the leaderboard: what its numbers are, and how they were tested."""

from ..races import LEAST_SEEDS
from ..rules import proper_name
from ._directory import Record
from ._format import count, number, percent
from ._fresh import Fresh

# Up to so many pairs every combination of signs is counted.
EXACT = 12


def method(record: Record, fresh: Fresh | None) -> list[tuple[str, str]]:
    """Each word of the leaderboard that needs one, and its explanation."""
    if record.verdict is None:
        return []
    found = []
    if any(rank.get("at_edge") for rank in record.verdict["leaderboard"]):
        found.append(("Edge of grid", "A rate further out was not tried and may be better."))
    if fresh is None:
        return found
    if len(fresh.optimizers) > 1:
        found.append(("Rank", "By the mean loss, whose difference is tested; medians may stand in another order."))
    found += _intervals(fresh)
    if len(fresh.optimizers) > 1:
        found += _comparisons(record, fresh)
    if len(fresh.optimizers) > 2:
        found.append(("Leader", _SELECTED))
    found.append(("Usual rate", "Its loss on the same fresh seeds, and what it costs beside the recommended rate."))
    if record.facts.get("step_seconds"):
        found.append(("µs a step", "Of one minibatch, each optimizer alone after the race, compilation left out."))
    if record.facts["data"].get("rows"):
        found.append(("Overlap", _OVERLAP))
    return found


_SELECTED = (
    "It was found on these very seeds: of nine equals on ten seeds, some one is called worse in up to a tenth of "
    "races. A diverged run's loss is infinite; its difference counts as twice the greatest loss."
)
_OVERLAP = (
    "All seeds split one table, so their splits overlap and resampling tests understate the variance (Nadeau & Bengio "
    "2003): take intervals as somewhat too narrow and p as somewhat too small."
)


def _intervals(fresh: Fresh) -> list[tuple[str, str]]:
    told = "In small print, at 95 %: of a median, of losses or differences, Hettmansperger & Sheather's between order "
    told += "statistics; of a share Wilson's score. Under a rate: all that noise does not tell from the best. "
    few = f"; fewer than {LEAST_SEEDS} allow none of a median" if len(fresh.seeds) < LEAST_SEEDS else ""
    return [("Intervals", f"{told}n = {count(len(fresh.seeds), 'fresh seed')} throughout{few}.")]


def _comparisons(record: Record, fresh: Fresh) -> list[tuple[str, str]]:
    margin, unit = (record.verdict or {})["margin"], (record.facts["metric"] or {}).get("unit") or "as trained"
    how = "exact" if len(fresh.seeds) <= EXACT else "sampled"
    others, leader = count(len(fresh.optimizers) - 1, "comparison"), proper_name(fresh.leader)
    small = f"{percent(margin)} of the leader's median, {number(fresh.margin)} {unit}"
    return [
        ("Difference", f"The loss less that of {leader}, the leader, on the same seed: the median over seeds."),
        ("Adjusted p", f"Of the {how} two-sided sign-flip test of the mean difference, by Holm's method for {others}."),
        ("P(leader better)", "The share of seeds on which it was, ties counted half."),
        ("Worse", f"Adjusted p at most 0.05, and the median difference beyond the margin: {small}."),
        ("Equal", "The whole interval of the difference is within that margin."),
        (
            "Undecided",
            f"Neither, or fewer than {LEAST_SEEDS} seeds. In small print: about how many more would settle it.",
        ),
    ]
