"""The real tables of the benchmark of regret: the five that come with steepest, and four of documented processes.

No more real tables ship with what is installed, so four are generated from processes that engineers and physicists
have documented, in their own units: each column is uniform over the range of the source, and what is predicted is the
source's equation with measurement noise, of which the standard deviation is a twentieth of the equation's own.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

BUILT_IN = ("digits", "breast-cancer", "wine", "iris", "diabetes")
ROWS = 1500
NOISE = 0.05

Columns = dict[str, np.ndarray]  # each (rows,)


class Process(NamedTuple):
    """ranges: the lowest and highest value of each column.  target: its name.  equation: its values, of columns."""

    ranges: dict[str, tuple[float, float]]
    target: str
    equation: Callable[[Columns], np.ndarray]


def borehole(c: Columns) -> np.ndarray:
    """Water that flows through a borehole between two aquifers, m^3 a year.

        flow = 2 pi T_u (H_u - H_l) / (ln(r / r_w) (1 + 2 L T_u / (ln(r / r_w) r_w^2 K_w) + T_u / T_l))

    r_w, r: radius of the borehole and of its influence, m.  T_u, T_l: transmissivity of the upper and the lower
    aquifer, m^2 a year.  H_u, H_l: their potentiometric heads, m.  L: length, m.  K_w: conductivity, m a year.
    Source: Harper & Gupta 1983, Sensitivity/uncertainty analysis of a borehole scenario comparing Latin hypercube
    sampling and deterministic sensitivity approaches, BMI/ONWI-516.
    """
    log_ratio = np.log(c["r"] / c["r_w"])
    loss = 2 * c["L"] * c["T_u"] / (log_ratio * c["r_w"] ** 2 * c["K_w"])
    return 2 * np.pi * c["T_u"] * (c["H_u"] - c["H_l"]) / (log_ratio * (1 + loss + c["T_u"] / c["T_l"]))


def wing_weight(c: Columns) -> np.ndarray:
    """Weight of the wing of a light aircraft, lb.

        weight = 0.036 S_w^0.758 W_fw^0.0035 (A / cos^2 sweep)^0.6 q^0.006 taper^0.04
                 (100 t_c / cos sweep)^-0.3 (N_z W_dg)^0.49 + S_w W_p

    S_w: area, ft^2.  W_fw: weight of the fuel in it, lb.  A: aspect ratio.  sweep: of the quarter chord, degrees.
    q: dynamic pressure at cruise, lb/ft^2.  taper: ratio.  t_c: thickness to chord.  N_z: ultimate load factor.
    W_dg: design gross weight, lb.  W_p: weight of the paint, lb/ft^2.
    Source: Forrester, Sobester & Keane 2008, Engineering Design via Surrogate Modelling.
    """
    cosine = np.cos(np.radians(c["sweep"]))
    shape = (c["A"] / cosine**2) ** 0.6 * c["taper"] ** 0.04 * (100 * c["t_c"] / cosine) ** -0.3
    size = 0.036 * c["S_w"] ** 0.758 * c["W_fw"] ** 0.0035
    return size * shape * c["q"] ** 0.006 * (c["N_z"] * c["W_dg"]) ** 0.49 + c["S_w"] * c["W_p"]


def piston(c: Columns) -> np.ndarray:
    """Seconds that a piston in a cylinder takes for a cycle.

        cycle = 2 pi sqrt(M / (k + S^2 (P_0 V_0 / T_0) (T_a / V^2)))
        V = (S / (2 k)) (sqrt(A^2 + 4 k (P_0 V_0 / T_0) T_a) - A),      A = P_0 S + 19.62 M - k V_0 / S

    M: piston's weight, kg.  S: its surface, m^2.  V_0: initial volume of gas, m^3.  k: spring, N/m.  P_0: pressure of
    the atmosphere, N/m^2.  T_a, T_0: temperature of the ambient and of the filling gas, K.
    Source: Kenett & Zacks 1998, Modern Industrial Statistics: Design and Control of Quality and Reliability.
    """
    gas = c["P_0"] * c["V_0"] / c["T_0"]
    force = c["P_0"] * c["S"] + 19.62 * c["M"] - c["k"] * c["V_0"] / c["S"]
    volume = c["S"] / (2 * c["k"]) * (np.sqrt(force**2 + 4 * c["k"] * gas * c["T_a"]) - force)
    return 2 * np.pi * np.sqrt(c["M"] / (c["k"] + c["S"] ** 2 * gas * c["T_a"] / volume**2))


def impedance(c: Columns) -> np.ndarray:
    """Impedance of an alternating-current circuit, ohm; scikit-learn has it as ``make_friedman2``.

        impedance = sqrt(R^2 + (w L - 1 / (w C))^2)

    R: resistance, ohm.  w: angular frequency, rad/s.  L: inductance, H.  C: capacitance, as scikit-learn takes it.
    Source: Friedman 1991, Multivariate adaptive regression splines, Annals of Statistics 19, 1-67.
    """
    return np.sqrt(c["R"] ** 2 + (c["w"] * c["L"] - 1 / (c["w"] * c["C"])) ** 2)


PROCESSES = {
    "borehole": Process(
        {
            "r_w": (0.05, 0.15), "r": (100, 50_000), "T_u": (63_070, 115_600), "H_u": (990, 1110), "T_l": (63.1, 116),
            "H_l": (700, 820), "L": (1120, 1680), "K_w": (9855, 12_045),
        },
        "flow",
        borehole,
    ),
    "wing-weight": Process(
        {
            "S_w": (150, 200), "W_fw": (220, 300), "A": (6, 10), "sweep": (-10, 10), "q": (16, 45), "taper": (0.5, 1),
            "t_c": (0.08, 0.18), "N_z": (2.5, 6), "W_dg": (1700, 2500), "W_p": (0.025, 0.08),
        },
        "weight",
        wing_weight,
    ),
    "piston": Process(
        {
            "M": (30, 60), "S": (0.005, 0.020), "V_0": (0.002, 0.010), "k": (1000, 5000), "P_0": (90_000, 110_000),
            "T_a": (290, 296), "T_0": (340, 360),
        },
        "cycle",
        piston,
    ),
    "impedance": Process(
        {"R": (0, 100), "w": (40 * np.pi, 560 * np.pi), "L": (0, 1), "C": (1, 11)}, "impedance", impedance
    ),
}  # fmt: skip
TABLES = (*BUILT_IN, *PROCESSES)


def read(name: str) -> Any:
    """One of ``TABLES``, a steepest ``Dataset``; equal each time."""
    import polars as pl

    import steepest as st

    if name in BUILT_IN:
        return st.read(name)
    columns, target = measured(PROCESSES[name])
    frame = pl.DataFrame({**columns, PROCESSES[name].target: target})
    return st.read(frame, target=PROCESSES[name].target, name=name)


def measured(process: Process, rows: int = ROWS) -> tuple[Columns, np.ndarray]:
    """Columns and noisy target of a process: each (rows,)."""
    random = np.random.default_rng(0)
    columns = {name: random.uniform(low, high, rows) for name, (low, high) in process.ranges.items()}
    exact = process.equation(columns)
    return columns, exact + NOISE * exact.std() * random.standard_normal(rows)
