"""Draws run directories, one or several, and how far dialects walk apart, as HTML pages that work from disk."""

from ._compare import Compared as Compared
from ._compare import compare as compare
from ._compare_page import draw_comparison as draw_comparison
from ._compare_words import asked_differently as asked_differently
from ._compare_words import findings as findings
from ._compare_words import result_table as result_table
from ._directory import Record as Record
from ._directory import read as read
from ._page import report as report
from ._profile import Together as Together
from ._profile import is_profile as is_profile
from ._profile import together as together
from ._profile_page import draw_profile as draw_profile
from ._profile_page import standing_table as standing_table
from ._style import Table as Table
from ._tables import latex as latex
from ._tables import markdown as markdown
from ._walks import distance_table as distance_table
from ._walks import draw_walks as draw_walks
