"""Real tables in, numbers out: reading, the task, the split, and the encoding of features and target."""

from ._builtin import BUILT_IN as BUILT_IN
from ._dataset import Dataset as Dataset
from ._dataset import read as read
from ._encode import FeatureEncoder as FeatureEncoder
from ._encode import read_features as read_features
from ._split import Split as Split
from ._split import count_splits as count_splits
from ._split import split as split
from ._target import Target as Target
from ._task import TASKS as TASKS
