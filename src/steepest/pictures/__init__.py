"""How pictures look and are kept: palette, heights as colours, axes for print, films, pages that work from disk.

Nothing heavy is imported before it draws.
"""

from ._film import write_film as write_film
from ._film import write_gif as write_gif
from ._heights import Heights as Heights
from ._heights import heights_of as heights_of
from ._looks import DIVERGED as DIVERGED
from ._looks import FAINT as FAINT
from ._looks import FONT as FONT
from ._looks import INK as INK
from ._looks import PAPER as PAPER
from ._looks import QUIET as QUIET
from ._looks import STRIP as STRIP
from ._looks import STYLES as STYLES
from ._looks import Style as Style
from ._looks import contrast as contrast
from ._looks import looks as looks
from ._looks import number as number
from ._looks import styles as styles
from ._looks import text_color as text_color
from ._page import embedded as embedded
from ._page import page as page
from ._print import axes as axes
from ._print import canvas as canvas
from ._print import color_map as color_map
from ._print import contours as contours
from ._print import draw_path as draw_path
from ._print import mark as mark
from ._print import relief as relief
from ._print import scale_bar as scale_bar
from ._print import title as title
from ._save import STILLS as STILLS
from ._save import write_still as write_still
