"""The checks that steepest's own rules pass, for a rule of your own: ``check_rule(my_rule)``."""

from ._check_rule import check_rule as check_rule
from ._check_rule import first_step as first_step
from ._engines import agrees_as_a_lane_of_a_race as agrees_as_a_lane_of_a_race
from ._engines import agrees_compiled as agrees_compiled
from ._engines import agrees_in_every_library as agrees_in_every_library
from ._engines import agrees_in_numpy as agrees_in_numpy
from ._engines import agrees_in_optax as agrees_in_optax
from ._engines import agrees_in_torch as agrees_in_torch
from ._laws import KINDS as KINDS
from ._laws import keeps_dtype_and_library as keeps_dtype_and_library
from ._laws import leaves_inputs_untouched as leaves_inputs_untouched
from ._laws import permutes as permutes
from ._laws import reports_nan_where_it_is as reports_nan_where_it_is
from ._laws import scales as scales
from ._laws import zero_moves_nothing as zero_moves_nothing
from ._walk import LIBRARIES as LIBRARIES
from ._walk import course as course
from ._walk import moved as moved
from ._walk import plain as plain
from ._walk import walk as walk
