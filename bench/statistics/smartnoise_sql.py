"""smartnoise-sql. Its epsilon is of one noisy column; the reader says what a question costs in all, and the epsilon
given to it is searched so that this is what the others get. Rows of a person are sampled down to `max_ids`."""

import warnings

warnings.filterwarnings("ignore")

import pandas
import snsql
from snsql import Privacy, from_df

import common

META = {
    "": {
        "bench": {
            "visits": {
                "max_ids": common.ROWS_PER_SUBJECT,
                "row_privacy": False,
                "censor_dims": True,
                "clamp_counts": False,
                "uid": {"type": "int", "private_id": True},
                "grp": {"type": "string"},
                "val": {"type": "float", "lower": 0.0, "upper": common.VALUE_MAX},
            }
        }
    }
}


def reader(frame, epsilon, delta):
    return from_df(frame, privacy=Privacy(epsilon=epsilon, delta=delta), metadata=META)


def priced(frame, sql):
    """The epsilon and delta per column at which the whole question costs what it may."""
    few = frame.head(10)
    delta = common.DELTA / 2
    while reader(few, common.EPSILON, delta).get_privacy_cost(sql)[1] > common.DELTA:
        delta *= 0.9
    low, high = 0.0, common.EPSILON
    for _ in range(30):
        middle = (low + high) / 2
        if reader(few, middle, delta).get_privacy_cost(sql)[0] <= common.EPSILON:
            low = middle
        else:
            high = middle
    return low, delta


def answer(file):
    frame = pandas.read_parquet(file)
    sql = common.SQL.format(table="bench.visits")
    epsilon, delta = priced(frame, sql)
    private = reader(frame, epsilon, delta)
    total = private.get_privacy_cost(sql)
    rows = private.execute(sql)
    settings = (
        f"max_ids {common.ROWS_PER_SUBJECT}; epsilon {epsilon:.4f} and delta {delta:.3g} per noisy column, "
        f"which its reader adds up to epsilon {total[0]:.4f}, delta {total[1]:.3g}"
    )
    return {row[0]: row[1:] for row in rows[1:]}, settings


def ask(file):
    frame = pandas.read_parquet(file)

    def asked(feature):
        sql = feature["sql"].replace("visits", "bench.visits").replace("regions", "bench.regions").replace("cards", "bench.cards")
        return [list(row) for row in reader(frame, common.EPSILON, common.DELTA).execute(sql)[1:]]

    return asked


common.run(answer, ask)
