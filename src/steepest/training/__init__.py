"""The step, the compiled loop, and what a run leaves."""

from ._climb import climb_network as climb_network
from ._fit import WATCH_SECONDS as WATCH_SECONDS
from ._fit import Training as Training
from ._fit import fit as fit
from ._fit import fit_instance as fit_instance
from ._observer import Moved as Moved
from ._observer import Observer as Observer
from ._run import DROPPED as DROPPED
from ._run import INTERRUPTED as INTERRUPTED
from ._run import Run as Run
from ._run import steady as steady
from ._sampling import minibatches as minibatches
from ._sampling import steps_per_epoch as steps_per_epoch
from ._settings import Settings as Settings
