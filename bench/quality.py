"""How good a default fit is: test scores on the built-in tables beside scikit-learn's default MLP.

Ten splits of each table, each with another test part. scikit-learn's network learns from all the other rows, which it
needs no validation part of; steepest keeps a quarter of them for early stopping, as it does by default. The score is
accuracy or R2. A claim holds where the mean difference is no lower than minus its 95 % half-width (Student's t).
"""

import multiprocessing
import os
import statistics
import warnings
from argparse import Namespace
from collections.abc import Sequence

from harness import Claim, arguments, figure, table

TABLES = ("digits", "breast-cancer", "wine", "iris", "diabetes")
SPLITS = 10
# The 97.5 % points of Student's t at the degrees of freedom in use: a script of two splits, and one of ten.
T_POINT = {1: 12.706, 9: 2.262}


def ours(name: str, number: int) -> float:
    """steepest's score on a split: everything by default."""
    import steepest as st

    problem = st.NetworkProblem(st.read(name), st.Network(), test_seed=number)
    run = st.fit(problem, seed=number)
    metrics = problem.evaluate(problem.model(run.parameters, number), number)
    return metrics["r2"] if problem.table.task == "regression" else metrics["accuracy"]


def theirs(name: str, number: int) -> float:
    """scikit-learn's score on the same split: everything by default, on standardised columns."""
    import numpy as np
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    import steepest as st
    from steepest.data import split

    data = st.read(name)
    parts = split(data, seed=number, test_seed=number)
    learned = np.concatenate([parts.train, parts.validation])
    x, y = data.features.to_numpy(), data.target
    network = MLPRegressor if data.task == "regression" else MLPClassifier
    model = make_pipeline(StandardScaler(), network(random_state=number))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # its default number of epochs is part of its default
        model.fit(x[learned], y[learned])
    return float(model.score(x[parts.test], y[parts.test]))


def both(split: tuple[str, int]) -> tuple[float, float]:
    """Scores (ours, theirs) on a table's split."""
    return ours(*split), theirs(*split)


def compare(scores: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """The mean difference (ours less theirs) of paired scores, and its 95 % half-width."""
    differences = [our - their for our, their in scores]
    t = T_POINT[len(differences) - 1]
    return statistics.mean(differences), t * statistics.stdev(differences) / len(differences) ** 0.5


def measure(given: Namespace) -> dict[str, list[tuple[float, float]]]:
    """Scores of every split of every table; splits run one a core."""
    tables, splits = (("iris",), 2) if given.short else (TABLES, SPLITS)
    asked = [(name, number) for name in tables for number in range(splits)]
    # A forked child would inherit locks of threads that it does not have; JAX warns of exactly that.
    with multiprocessing.get_context("spawn").Pool(os.cpu_count()) as pool:
        scored = dict(zip(asked, pool.map(both, asked, chunksize=1), strict=True))
    return {name: [scored[name, number] for number in range(splits)] for name in tables}


def main() -> None:
    """Measure, print the table, and say which claims hold."""
    measured = measure(arguments(rounds=1))
    rows, claims = [], []
    for name, scores in measured.items():
        difference, half_width = compare(scores)
        means = [statistics.mean(side) for side in zip(*scores, strict=True)]
        rows.append([name, *map(figure, means), figure(difference), figure(half_width)])
        claims.append(Claim(f"quality-{name}", difference, float(f"{-half_width:.3g}")))
    print("mean test score of a default fit: accuracy, for diabetes R2\n")
    print(table(["", "steepest", "scikit-learn", "difference", "95 % half-width"], rows), end="\n\n")
    print("\n".join(claim.line() for claim in claims))


if __name__ == "__main__":
    main()
