"""The learning rate over steps, and whether a schedule meets the condition under which stochastic descent converges.

Each schedule is a pytree whose leaves are its numbers, steps and boundaries included: changing one never recompiles
anything.
"""

from ._composed import Joined as Joined
from ._composed import Warmup as Warmup
from ._convergence import ConvergenceCondition as ConvergenceCondition
from ._convergence import convergence_condition as convergence_condition
from ._over_run import over_run as over_run
from ._schedule import Constant as Constant
from ._schedule import Schedule as Schedule
from ._schedule import as_schedule as as_schedule
from ._shapes import Cosine as Cosine
from ._shapes import Exponential as Exponential
from ._shapes import InverseTime as InverseTime
from ._shapes import LinearDecay as LinearDecay
from ._shapes import Polynomial as Polynomial
from ._shapes import Steps as Steps
