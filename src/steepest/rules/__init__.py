"""The optimizers, one a file: each a pure function on one array that returns the step to add."""

from ._adam import AdamState as AdamState
from ._adam import adam as adam
from ._rule import Rule as Rule
from ._rule import hyperparameters as hyperparameters
from ._rule import initial_state as initial_state
from ._rule import rule as rule
