"""A table with a column of every kind, some values missing, and targets that can be learned from it."""

import datetime
import time

import numpy as np
import polars as pl

COLOURS = ("red", "green", "blue", "grey")
STREETS = ("Elm Street", "Oak Avenue", "Mill Lane", "Station Road", "High Street")


def mixed_table(rows: int = 300, seed: int = 0) -> pl.DataFrame:
    """Columns size, count, rate (heavy-tailed), new (boolean), colour (categories), built (date), seen (date and
    time), address (text of many distinct values); targets ``price`` (number) and ``level`` (low, middle, high).

    size, colour and new miss about one value in ten. The price depends on size, colour, new and built, with noise of a
    tenth of its spread.
    """
    random = np.random.default_rng(seed)
    size, rate = random.normal(100, 20, rows), np.exp(2 * random.normal(size=rows))
    new, colour = random.random(rows) < 0.4, random.integers(len(COLOURS), size=rows)
    days, minutes = random.integers(0, 3000, rows), random.integers(0, 900_000, rows)
    price = 3 * (size - 100) / 20 + 2.0 * colour + 3.0 * new + days / 1000 + 0.4 * random.normal(size=rows)
    low, high = np.quantile(price, [1 / 3, 2 / 3])
    return pl.DataFrame(
        {
            "size": _with_gaps(size.tolist(), random),
            "count": random.integers(0, 50, rows),
            "rate": rate,
            "new": _with_gaps(new.tolist(), random),
            "colour": _with_gaps([COLOURS[i] for i in colour], random),
            "built": [datetime.date(2010, 1, 1) + datetime.timedelta(days=int(day)) for day in days],
            "seen": [datetime.datetime(2020, 1, 1) + datetime.timedelta(minutes=int(minute)) for minute in minutes],
            "address": [f"{random.integers(1, 400)} {random.choice(STREETS)}" for _ in range(rows)],
            "price": price,
            "level": np.select([price < low, price < high], ["low", "middle"], "high"),
        }
    )


def _with_gaps(values: list, random: np.random.Generator) -> list:
    return [None if random.random() < 0.1 else value for value in values]


def quickest(call, tries=5):
    """Seconds of the quickest of a few calls: what the code takes, whatever else the machine is busy with."""
    taken = []
    for _ in range(tries):
        begin = time.perf_counter()
        call()
        taken.append(time.perf_counter() - begin)
    return min(taken)
