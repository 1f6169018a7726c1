"""The documentation of the dialects, made from the same tables as the command's."""

from collections.abc import Iterable, Iterator, Sequence

from ._find import FRAMEWORKS
from ._table import Comparison, Row, compare, overview
from ._words import in_cell, notes, ways

# What was compared: where its optimizers are, and in which version.
LIBRARIES = {"torch": ("torch.optim", "2.13"), "keras": ("keras.optimizers", "3.15"), "optax": ("optax", "0.2.8")}

_MADE_BY = 'python -c "from steepest import dialects; print(dialects.document(), end=str())" > docs/dialects.md'

_HEAD = f"""\
# What each framework means by the same name

<!-- Made from src/steepest/dialects; do not edit. To make it anew: {_MADE_BY} -->

The same name is not the same method everywhere: epsilon stands inside a root or outside it, a velocity holds the
learning rate or does not, and weight decay is a penalty here and a shrinkage there. This page is made from the tables
that the drop-ins compute from. `steepest dialects adam` prints one of them, `--json` gives it to a program, and
`steepest dialects adam --show` draws how far its dialects walk apart.

A drop-in speaks its framework's dialect unless told otherwise (`dialect="textbook"`). It gives the framework's own
answers wherever those are finite; where the framework gives NaN, stands still or climbs, the drop-in does what was
meant, and the notes below say so.
"""

_GENERAL = """\
## What holds for all of a framework

- **textbook**: the equations and defaults in [`rules/`](../src/steepest/rules), each with its paper.
- **torch** (`{torch[0]}`, {torch[1]}): each parameter has a step counter, which stands still while the parameter has no
  gradient. Weight decay is added to the gradient (L2), but in AdamW and Muon, and where `decoupled_weight_decay` asks
  for it, it shrinks the parameter by the learning rate times it.
- **keras** (`{keras[0]}`, {keras[1]}): all parameters share one counter, so one that gets its first gradient late has
  the bias of its means corrected as if it had always had some. Weight decay, which every optimizer takes, is decoupled.
- **optax** (`{optax[0]}`, {optax[1]}): a transformation has one counter. The learning rate has no default but in
  `adadelta`. Weight decay belongs to the names with a w, to `lion`, `muon` and `adadelta`; elsewhere a chain adds it.

Where all gradients are there from the first step, the two kinds of counter count alike. A rate that stands inside the
velocity stays with each gradient when the rate changes; outside, a change of the rate rescales all that was gathered.
At a constant rate there is no difference.
"""


def document() -> str:
    """The page ``docs/dialects.md``."""
    families = [dialect.cases[0].rule for dialect in FRAMEWORKS["textbook"]]
    sections = [_section(compare(rule)) for rule in families]
    return "\n".join([_HEAD, _overview(), _GENERAL.format(**LIBRARIES), _READING, *sections])


_READING = """\
## Side by side

**Bold** differs from the textbook; a dash says that it is not there. `-name` is the negative of what the rule keeps.
"""


def _overview() -> str:
    rows = [[name, *(_code(calls.get(f, "")) for f in FRAMEWORKS)] for name, calls in overview().items()]
    return "## The names\n\n" + _table(["", *FRAMEWORKS], rows)


def _section(comparison: Comparison) -> str:
    calls = [_code(str(call) if call else "") for call in comparison.calls.values()]
    rows = [[row.label, *_cells(row)] for row in comparison.rows]
    rows += [[row.label, *_cells(row, state=True)] for row in comparison.states]
    parts = [f"### {comparison.name}\n", _table(["", *FRAMEWORKS], [["called", *calls], *rows]), *_remarks(comparison)]
    return "\n".join(parts)


def _remarks(comparison: Comparison) -> Iterator[str]:
    said = [f"- {framework}: {text}" for framework, text in notes(comparison)]
    said += [f"- {framework} also computes it as: {_code(text)}" for framework, text in ways(comparison).items()]
    besides = [f"{framework}: {', '.join(names)}" for framework, names in comparison.besides.items() if names]
    if besides:
        said.append(f"- Arguments for how and not what: {'; '.join(besides)}.")
    yield "\n".join(said) + "\n"


def _cells(row: Row, *, state: bool = False) -> Iterable[str]:
    for framework in FRAMEWORKS:
        told = in_cell(row, framework, state=state)
        yield f"**{told}**" if row.differs(framework) else told


def _code(call: str) -> str:
    return f"`{call}`" if call else "-"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
