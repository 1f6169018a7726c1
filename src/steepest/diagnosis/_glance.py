"""What the latest steps tell at a glance, while a run is under way."""

import numpy as np

from ._economy import Seen

# Steps that a glance is of.
_LATEST = 100


def glance(seen: Seen) -> str:
    """The latest steps in a few words: the gradient, the step beside the parameters, the turn, and what is remarkable.

    >>> one = np.ones(4)
    >>> rows = np.ones((4, 2))
    >>> glance(Seen(one, rows, 1e-6 * rows, rows, one, one))
    'gradient 1.41, step 0.001 of the parameters, turn 1'
    """
    late = slice(-_LATEST, None)
    norms, steps, sizes = (
        np.sqrt(np.asarray(one, np.float64)[late].sum(axis=1)) for one in (seen.gradients, seen.steps, seen.parameters)
    )
    turn = float(np.median(np.asarray(seen.turn)[late]))
    moved = float(np.median(steps / np.maximum(sizes, 1e-300)))
    told = f"gradient {np.median(norms):.3g}, step {moved:.2g} of the parameters, turn {turn:.2g}"
    if not np.isfinite(norms).all():
        return f"{told}; a gradient was not finite"
    middle = float(np.median(norms))
    if middle > 0 and norms.max() > 10 * middle:
        return f"{told}; the gradient jumped {norms.max() / middle:.0f}-fold"
    return told
