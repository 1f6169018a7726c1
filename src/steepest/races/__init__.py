"""Plan runs, run them all, judge them, keep them."""

from ._execute import Ended as Ended
from ._journal import Journal as Journal
from ._journal import grown as grown
from ._plan import Plan as Plan
from ._plan import learning_rate_grid as learning_rate_grid
from ._plan import plan_race as plan_race
from ._plan import workers as workers
from ._race import Estimate as Estimate
from ._race import Race as Race
from ._race import estimate as estimate
from ._race import race as race
from ._recommend import Recommendation as Recommendation
from ._recommend import recommend as recommend
from ._statistics import Comparison as Comparison
from ._store import about as about
from ._store import save as save
from ._store import save_fit as save_fit
from ._store import save_race as save_race
from ._verdict import Standing as Standing
from ._verdict import Verdict as Verdict
from ._verdict import judge as judge
from ._verdict import rate as rate
