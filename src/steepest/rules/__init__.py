"""The optimizers, one a file: each a pure function on one array that returns the step to add."""

from ._adadelta import AdadeltaState as AdadeltaState
from ._adadelta import adadelta as adadelta
from ._adagrad import AdagradState as AdagradState
from ._adagrad import adagrad as adagrad
from ._adam import AdamState as AdamState
from ._adam import adam as adam
from ._adamax import AdamaxState as AdamaxState
from ._adamax import adamax as adamax
from ._find import RULES as RULES
from ._find import find as find
from ._find import proper_name as proper_name
from ._momentum import MomentumState as MomentumState
from ._momentum import momentum as momentum
from ._nadam import NadamState as NadamState
from ._nadam import nadam as nadam
from ._nesterov import nesterov as nesterov
from ._nesterov import nesterov_lookahead as nesterov_lookahead
from ._rmsprop import RMSPropState as RMSPropState
from ._rmsprop import rmsprop as rmsprop
from ._rule import Rule as Rule
from ._rule import hyperparameters as hyperparameters
from ._rule import initial_state as initial_state
from ._rule import rule as rule
from ._sgd import SGDState as SGDState
from ._sgd import sgd as sgd
