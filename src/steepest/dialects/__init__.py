"""What each framework means by an optimizer's name, as data: arguments, defaults, choices of the rule, state."""

from ._dialect import REQUIRED as REQUIRED
from ._dialect import Argument as Argument
from ._dialect import Case as Case
from ._dialect import Dialect as Dialect
from ._find import FRAMEWORKS as FRAMEWORKS
from ._find import find as find
from ._find import like as like
from ._find import of as of
from ._method import Method as Method
