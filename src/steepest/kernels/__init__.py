"""A rule as a fused loop: everything it does to an entry in one pass over memory, in place, on all cores."""

from ._columns import Columns as Columns
from ._columns import Library as Library
from ._columns import Memory as Memory
from ._compile import Compiled as Compiled
from ._compile import compiled as compiled
from ._run import Team as Team
from ._run import Work as Work
from ._run import cores as cores
from ._run import run as run
from ._run import work as work
from ._source import Layout as Layout
from ._step import Step as Step
from ._trace import trace as trace
