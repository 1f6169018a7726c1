"""A program as Python source: one function for once a step, one loop over memory for Numba to compile."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ._trace import Program, Symbol

# dtype: (type in memory, how it is read as the loop's type, how it is written)
_MEMORY = {
    "float64": ("float64", "{}", "{}"),
    "float32": ("float32", "W({})", "np.float32({})"),
    "bfloat16": ("uint16", "from_bfloat16({})", "to_bfloat16({})"),
    "float16": ("uint16", "from_float16({})", "to_float16({})"),
}

_LOOP = {
    "negative": "-{0}",
    "abs": "abs({0})",
    "sqrt": "math.sqrt({0})",
    "log1p": "math.log1p({0})",
    "expm1": "math.expm1({0})",
    "maximum": "({0} if {0} >= {1} or {0} != {0} else {1})",
    "sign": "(ONE if {0} > ZERO else (-ONE if {0} < ZERO else {0}))",
    "where": "({1} if {0} else {2})",
}
_ONCE = {name: f"np.{name}({{0}})" for name in ("negative", "abs", "sqrt", "log1p", "expm1", "sign")} | {
    "maximum": "np.maximum({0}, {1})",
    "where": "np.where({0}, {1}, {2})",
}
# What a kernel is given: 64-bit words in this order, then the uniforms as float64.
BLOCK = ("table", "cuts", "chunks", "key", "next_chunk")
# Bytes of each array that are asked of memory at once, and how many such pieces ahead. Left to itself a processor asks
# too late; twice as many would no longer stay in its first cache. Measured: a tenth less time a step.
_FETCH, _AHEAD = 1024, 2
_SIZE = {"float64": 8, "float32": 4, "bfloat16": 2, "float16": 2}
_COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")


@dataclass(frozen=True)
class Layout:
    """dtypes of the parameter, the gradient and the state in memory, and whether 16-bit parameters round at random."""

    parameter: str
    gradient: str
    state: str
    at_random: bool = False

    @property
    def loop(self) -> str:
        """The type in which the loop computes.

        That of the state, which is float64 or float32. float64 throughout would round once where float32 rounds five
        times or so, and take a tenth longer on one core.
        """
        return self.state


def source(program: Program, layout: Layout) -> tuple[str, str]:
    """Two modules' texts: one defines ``once(t, numbers..., scalars...)`` in NumPy, one ``kernel(block)`` for Numba.

    ``once`` returns the uniforms that the kernel wants, then the new scalars, all float64. ``kernel`` is given the
    address of a block (see ``_run``) and moves entries until no chunk of the work is left. A row of the table that it
    goes through holds: how many entries, the number of the first among all, then the addresses of the parameter, the
    gradient and each array of the state.
    """
    names = _Names(program)
    once = [
        "import numpy as np",
        f"def once({', '.join(['t', *names.given])}):",
        *(f"    {names.of(s)} = {_text(s, names, _ONCE)}" for s in names.fixed),
        f"    return ({' '.join(f'float({names.of(s)}),' for s in [*names.uniforms, *_scalars(program)])})",
        "",
    ]
    kernel = [
        "import math",
        "import numpy as np",
        "from steepest.kernels._memory import array_at, claim, fetch, from_bfloat16, from_float16, in_widest_vectors",
        "from steepest.kernels._memory import to_bfloat16, to_bfloat16_at_random, to_float16, to_float16_at_random",
        f"W = np.{layout.loop}",
        "ONE, ZERO = W(1), W(0)",
        *(f"{name} = W({_literal(value)})" for value, name in names.constants.items()),
        "",
        "def kernel(block):",
        *_indented(_body(program, layout, names), 1),
        "",
    ]
    return "\n".join(once), "\n".join(kernel)


def _scalars(program: Program) -> list[Any]:
    return [program.state[name] for name in program.scalars]


class _Names:
    """What each symbol is called, which are computed once, and which of those the loop wants."""

    def __init__(self, program: Program):
        made = [s for s in program.symbols if s.operation != "input"]
        self.fixed = [s for s in made if not s.varies]
        self.varying = [s for s in made if s.varies]
        self.names: dict[int, str] = {id(s): f"x{number}" for number, s in enumerate(made)}
        inputs = [s for s in program.symbols if s.operation == "input"]
        self.names |= {id(s): "n_" + s.arguments[0].replace(" ", "_") for s in inputs}
        self.names |= {id(s): "t" for s in inputs if s.arguments[0] == "t"}
        given = [*program.numbers, *(f"state {name}" for name in program.scalars)]
        self.given = ["n_" + name.replace(" ", "_") for name in given]
        ends = [program.step, *(program.state[name] for name in program.arrays)]
        wanted = [a for s in self.varying for a in s.arguments] + ends
        self.uniforms = list({id(a): a for a in wanted if isinstance(a, Symbol) and not a.varies}.values())
        divided = [s.arguments[1] for s in self.varying if s.operation == "/"]
        self.divisors = [s for s in self.uniforms if any(s is one for one in divided)]
        numbers = dict.fromkeys(float(a) for a in wanted if not isinstance(a, Symbol))
        self.constants = {value: f"C{place}" for place, value in enumerate(numbers)}

    def of(self, value: Any) -> str:
        """A symbol's name, or a number as it is written once a step."""
        return self.names[id(value)] if isinstance(value, Symbol) else f"np.float64({_literal(value)})"

    def in_loop(self, value: Any) -> str:
        """A symbol's name, or the constant that holds a number in the loop's type."""
        return self.names[id(value)] if isinstance(value, Symbol) else self.constants[float(value)]


def _literal(value: float) -> str:
    return repr(float(value)) if math.isfinite(value) else f"float('{value}')"


def _text(symbol: Symbol, names: _Names, functions: dict[str, str]) -> str:
    in_loop = functions is _LOOP
    arguments = [names.in_loop(a) if in_loop else names.of(a) for a in symbol.arguments]
    if in_loop and symbol.operation == "/" and any(symbol.arguments[1] is one for one in names.divisors):
        return f"{arguments[0]} * per_{arguments[1]}"
    if symbol.operation in functions:
        return functions[symbol.operation].format(*arguments)
    text = f"{arguments[0]} {symbol.operation} {arguments[1]}"
    if symbol.operation in _COMPARISONS and in_loop:
        return f"ONE if {text} else ZERO"
    return text


def _body(program: Program, layout: Layout, names: _Names) -> list[str]:
    kept = [f"state_{name}" for name in program.arrays]
    kinds = [layout.parameter, layout.gradient, *(layout.state for _ in kept)]
    memories = ["parameter", "gradient", *kept]
    step, outputs = names.in_loop(program.step), [names.in_loop(program.state[name]) for name in program.arrays]
    read = [
        f"n_{memory} = {_MEMORY[kind][1].format(f'{memory}[i]')}" for memory, kind in zip(memories, kinds, strict=True)
    ]
    write = [
        f"{memory}[i] = {_MEMORY[layout.state][2].format(output)}" for memory, output in zip(kept, outputs, strict=True)
    ]
    width = 2 + len(memories)
    piece = _FETCH // _SIZE[layout.state]
    return [
        "in_widest_vectors()",
        f"words = array_at(block, {len(BLOCK)}, np.int64(0))",
        *(f"{name} = words[{place}]" for place, name in enumerate(BLOCK) if name != "next_chunk"),
        "key = np.uint64(key)",
        f"given = array_at(block + {8 * len(BLOCK)}, {len(names.uniforms)}, np.float64(0))",
        *(f"{names.of(s)} = W(given[{place}])" for place, s in enumerate(names.uniforms)),
        *(f"per_{names.of(s)} = W(ONE / {names.of(s)})" for s in names.divisors),  # one division a call, not an entry
        "rows = array_at(cuts, chunks + 1, np.int64(0))",
        "while True:",
        f"    chunk = claim(block + {8 * BLOCK.index('next_chunk')})",
        "    if chunk >= chunks:",
        "        return",
        "    for row in range(rows[chunk], rows[chunk + 1]):",
        f"        here = array_at(table + row * {8 * width}, {width}, np.int64(0))",
        f"        for first in range(0, here[0], {piece}):",
        f"            count, start = min({piece}, here[0] - first), here[1] + first",
        f"            ahead, later = first + {_AHEAD * piece}, min({piece}, here[0] - first - {_AHEAD * piece})",
        *(
            f"            fetch(here[{place}] + {_SIZE[kind]} * ahead, {_SIZE[kind]} * later)"
            for place, kind in enumerate(kinds, start=2)
        ),
        *(
            f"            {memory} = array_at(here[{place}] + {_SIZE[kind]} * first, count, np.{_MEMORY[kind][0]}(0))"
            for place, (memory, kind) in enumerate(zip(memories, kinds, strict=True), start=2)
        ),
        "            for i in range(count):",
        *_indented(read, 4),
        *_indented([f"{names.of(s)} = {_text(s, names, _LOOP)}" for s in names.varying], 4),
        f"                parameter[i] = {_parameter(layout, f'n_parameter + {step}')}",
        *_indented(write, 4),
    ]


def _parameter(layout: Layout, moved: str) -> str:
    if layout.at_random and layout.parameter in ("bfloat16", "float16"):
        return f"to_{layout.parameter}_at_random({moved}, key, start + i)"
    return _MEMORY[layout.parameter][2].format(moved)


def _indented(lines: Sequence[str], depth: int) -> list[str]:
    return ["    " * depth + line for line in lines]
