"""What each framework means by an optimizer's name, as data: arguments, defaults, choices of the rule, state."""

from ._dialect import REQUIRED as REQUIRED
from ._dialect import Argument as Argument
from ._dialect import Case as Case
from ._dialect import Dialect as Dialect
from ._document import LIBRARIES as LIBRARIES
from ._document import document as document
from ._find import FRAMEWORKS as FRAMEWORKS
from ._find import find as find
from ._find import like as like
from ._find import of as of
from ._method import Method as Method
from ._named import Named as Named
from ._named import named as named
from ._named import rule_called as rule_called
from ._table import Cell as Cell
from ._table import Comparison as Comparison
from ._table import Row as Row
from ._table import compare as compare
from ._table import overview as overview
from ._words import as_data as as_data
from ._words import in_cell as in_cell
from ._words import notes as notes
from ._words import ways as ways
