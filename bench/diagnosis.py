"""How often a diagnosis names the trouble that was planted, and none where there is none, beside two rule sets.

The cases are of ``planted``: thirteen troubles and healthy runs. Even ones are for calibrating thresholds, odd ones for
scoring. A verdict is right where its name is the planted trouble; one that names what necessarily comes along with it
counts neither way. Precision is of all verdicts of a name, those on healthy runs included.
"""

import argparse
import collections
import json
import math
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from harness import Claim, busyness, figure, table
from planted import HEALTHY, KINDS, Case, cases

TROUBLES = tuple(kind for kind in KINDS if kind != HEALTHY)
OURS = "steepest"
EACH, ALL_WELL = 24, 150
SHORT = {
    "saddle": "saddle", "bad local minimum": "minimum", "plateau or saturation": "plateau",
    "vanishing gradient": "vanish", "dead units": "dead", "cliff or exploding gradient": "cliff",
    "ill-conditioning": "ill-cond", "noisy gradient": "noise", "rate too small": "slow", "rate too large": "fast",
    "bad initialisation": "init", "lost plasticity": "plastic", "local slope misleads": "misled",
}  # fmt: skip


class Record(NamedTuple):
    """What was said of a case.

    name, kind, on, number, also, details: the case's.  named: by who said it, the names of its verdicts, surest first.
    outcome: the diagnosis's.  confidences: of its verdicts.  made, told: seconds to make the run, and to diagnose it.
    refused: why draws were refused.  failed: the error that ended it, or nothing.
    """

    name: str
    kind: str
    on: str
    number: int
    also: tuple[str, ...]
    details: dict[str, Any]
    named: dict[str, list[str]]
    outcome: str = ""
    confidences: tuple[float, ...] = ()
    made: float = 0.0
    told: float = 0.0
    refused: tuple[str, ...] = ()
    failed: str = ""


def judged(case: Case) -> Record:
    """Make a case and ask everybody."""
    import steepest as st
    from rules import AUTOTRAINER, BTTACKLER, autotrainer, bttackler, history, named

    began = time.perf_counter()
    run = case.make()
    made = time.perf_counter() - began
    diagnosis = st.diagnose(run)
    told = time.perf_counter() - began - made
    seen = history(run)
    peers = {
        "AutoTrainer": named(autotrainer(seen), AUTOTRAINER, case.kind),
        "BTTackler": named(bttackler(seen), BTTACKLER, case.kind),
    }
    ours = [one.name for one in diagnosis.verdicts] if diagnosis.outcome == "troubled" else []
    return Record(
        case.name, case.kind, case.on, case.number, tuple(sorted(case.also)), _plain(case.details),
        {OURS: ours, **peers}, diagnosis.outcome, tuple(one.confidence for one in diagnosis.verdicts), made, told,
        tuple(case.refused),
    )  # fmt: skip


def _plain(details: Mapping[str, Any]) -> dict[str, Any]:
    """Details that JSON can hold."""
    return json.loads(json.dumps(details, default=lambda value: getattr(value, "tolist", lambda: str(value))()))


def told_of(batch: list[Case]) -> list[Record]:
    """``judged`` of some cases that share programs; a case that fails is a record of its own."""
    records = []
    for case in batch:
        try:
            records.append(judged(case))
        except Exception as error:  # one case must not end the benchmark
            failed = f"{type(error).__name__}: {error}"
            told = Record(case.name, case.kind, case.on, case.number, (), {}, {OURS: []}, "failed", failed=failed)
            records.append(told)
        case.forget()
    import jax

    jax.clear_caches()
    return records


def batches(asked: Iterable[Case], most: int = 12) -> list[list[Case]]:
    """Cases of a kind together, networks first since they take longest, at most so many in a batch."""
    together: dict[tuple[str, str], list[Case]] = {}
    for case in asked:
        together.setdefault((case.on, case.kind), []).append(case)
    ordered = [together[key] for key in sorted(together, reverse=True)]
    return [group[i : i + most] for group in ordered for i in range(0, len(group), most)]


def measure(asked: Sequence[Case], processes: int) -> list[Record]:
    """Everybody's words on all cases."""
    jobs = batches(asked)
    if processes == 1:
        return [record for job in jobs for record in told_of(job)]
    # A core each: threads of one would only wait for the other's.
    os.environ["POLARS_MAX_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")
    records = []
    with multiprocessing.get_context("spawn").Pool(processes, maxtasksperchild=8) as workers:
        for done, own in enumerate(workers.imap_unordered(told_of, jobs), start=1):
            records += own
            print(f"\r{done} of {len(jobs)} batches", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return records


# --- scores


class Scores(NamedTuple):
    """recall, precision: by trouble; a trouble that is never named has a precision of 0.  false_alarms: the share of
    healthy runs that a trouble is named on."""

    recall: dict[str, float]
    precision: dict[str, float]
    false_alarms: float

    @property
    def macro_recall(self) -> float:
        """The mean over the troubles."""
        return _mean(self.recall.values())

    @property
    def macro_precision(self) -> float:
        """The mean over the troubles."""
        return _mean(self.precision.values())


def _mean(values: Iterable[float]) -> float:
    held = [value for value in values if not math.isnan(value)]
    return sum(held) / len(held) if held else math.nan


def scores(records: Sequence[Record], who: str) -> Scores:
    """How well somebody did."""
    found: dict[str, list[bool]] = {kind: [] for kind in TROUBLES}
    right: dict[str, list[bool]] = {kind: [] for kind in TROUBLES}
    alarms = []
    for one in records:
        names = one.named.get(who, [])
        if one.kind == HEALTHY:
            alarms.append(bool(names))
        else:
            found[one.kind].append(one.kind in names)
        for name in set(names) - set(one.also):
            right[name].append(name == one.kind)
    recall = {kind: _mean(map(float, held)) for kind, held in found.items()}
    planted = {kind for kind, held in found.items() if held}
    precision = {
        kind: _mean(map(float, held)) if held else (0.0 if kind in planted else math.nan)
        for kind, held in right.items()
    }
    return Scores(recall, precision, _mean(map(float, alarms)))


def confusion(records: Sequence[Record], who: str) -> str:
    """Planted troubles down, names across: on how many of the cases each was named; a dot for one that comes along."""
    rows = []
    for kind in KINDS:
        own = [one for one in records if one.kind == kind]
        if not own:
            continue
        counts = collections.Counter(name for one in own for name in set(one.named.get(who, [])))
        along = collections.Counter(name for one in own for name in set(one.named.get(who, [])) & set(one.also))
        cells = [_cell(counts[name], along[name]) for name in TROUBLES]
        none = sum(not one.named.get(who) for one in own)
        rows.append([kind, str(len(own)), *cells, str(none) if none else ""])
    return table(["planted", "cases", *SHORT.values(), "none"], rows)


def _cell(count: int, along: int) -> str:
    return "" if not count else f"{count - along}+{along}." if along else str(count)


def by_kind(records: Sequence[Record]) -> str:
    """Recall on functions and on networks, and precision, of each trouble."""
    parts = {on: scores([one for one in records if one.on == on], OURS) for on in ("function", "network")}
    whole = scores(records, OURS)
    rows = [
        [kind, *(_share(parts[on].recall[kind]) for on in parts), _share(whole.recall[kind]),
         _share(whole.precision[kind])]
        for kind in TROUBLES
    ]  # fmt: skip
    return table(["trouble", "recall, functions", "networks", "all", "precision"], rows)


def _share(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.2f}"


def beside(records: Sequence[Record]) -> str:
    """Everybody's scores, a row each."""
    rows = []
    for who in (OURS, "AutoTrainer", "BTTackler"):
        own = scores(records, who)
        rows.append([who, *map(_share, (own.macro_recall, own.macro_precision, own.false_alarms))])
    return table(["", "macro recall", "macro precision", "false alarms"], rows)


def claims(records: Sequence[Record]) -> list[Claim]:
    """What is claimed of the diagnosis, on the half that no threshold was chosen on."""
    own = scores(records, OURS)
    return [
        Claim("diagnosis-recall", own.macro_recall, 0.85),
        Claim("diagnosis-precision", own.macro_precision, 0.85),
        Claim("diagnosis-false-alarms", own.false_alarms, 0.05, at_most=True),
    ]


def told(records: Sequence[Record]) -> str:
    """All tables of some records."""
    failed = [f"{one.name} failed: {one.failed}" for one in records if one.failed]
    seconds = sorted(one.told for one in records)
    took = f"a diagnosis took {figure(seconds[len(seconds) // 2])} s in the median, {figure(seconds[-1])} s at most"
    return "\n\n".join([confusion(records, OURS), by_kind(records), beside(records), took, *failed])


def arguments() -> argparse.Namespace:
    """What the script was called with."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--short", action="store_true", help="one case of each kind, in this process")
    parser.add_argument("--seed", type=int, default=0, help="of the cases; another one draws further cases")
    parser.add_argument("--half", choices=("calibration", "scoring", "both"), default="both")
    parser.add_argument("--each", type=int, default=EACH, help="cases of each trouble")
    parser.add_argument("--healthy", type=int, default=ALL_WELL, help="healthy cases")
    parser.add_argument("--kinds", help="of some kinds only, separated by semicolons")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--records", type=Path, help="a JSON file to keep what was said of each case in")
    return parser.parse_known_args()[0]


def asked_for(given: argparse.Namespace) -> list[Case]:
    """The cases that are asked for."""
    every = cases(1, 1, given.seed) if given.short else cases(given.each, given.healthy, given.seed)
    kinds = given.kinds.split(";") if given.kinds else list(KINDS)
    halves = {"calibration": (True,), "scoring": (False,), "both": (True, False)}[given.half]
    return [case for case in every if case.kind in kinds and (given.short or case.calibrates in halves)]


def main(judge: Callable[[Sequence[Case], int], list[Record]] = measure) -> None:
    """Make all cases, ask everybody, print the tables, and say which claims hold."""
    given = arguments()
    print(busyness(), end="\n\n", flush=True)
    records = sorted(judge(asked_for(given), 1 if given.short else given.processes), key=lambda one: one.name)
    if given.records:
        given.records.write_text(json.dumps([one._asdict() for one in records], indent=1))
    halves = {"calibration": [one for one in records if one.number % 2 == 0],
              "scoring": [one for one in records if one.number % 2]}  # fmt: skip
    for half, own in halves.items():
        if own:
            print(f"{half} half, {len(own)} cases\n\n{told(own)}\n", flush=True)
    print("\n".join(claim.line() for claim in claims(halves["scoring"] or records)))


if __name__ == "__main__":
    main()
