"""pyqrlew: rewrites the question into SQL, which DuckDB runs over the Parquet file. It says what noise it adds; the
epsilon to ask for is searched so that keys and noise together really cost what the others' answers do."""

import json
import math
import os
import tempfile

import duckdb
import pyqrlew
import sqlalchemy

import common

TABLES = {
    "visits": "uid INTEGER, grp TEXT, val FLOAT",
    "regions": "grp TEXT, region TEXT",
    "cards": "uid INTEGER, score INTEGER",
}
# The rows of a person, by the paths that lead there.
UNIT = [("visits", [], "uid"), ("cards", [], "uid")]
REGIONS = "SELECT 'g' || lpad(i::VARCHAR, 2, '0') AS grp, CASE WHEN i < 25 THEN 'low' ELSE 'high' END AS region FROM range(50) t(i)"


def dataset(rows):
    """The types from a database of one row, and the number of rows, which it takes for public."""
    engine = sqlalchemy.create_engine(f"sqlite:///{os.path.join(tempfile.mkdtemp(), 'small.sqlite')}")
    with engine.begin() as connection:
        for name, columns in TABLES.items():
            connection.execute(sqlalchemy.text(f"CREATE TABLE {name} ({columns})"))
            connection.execute(sqlalchemy.text(f"INSERT INTO {name} DEFAULT VALUES"))
    small = pyqrlew.Dataset.from_database("bench", engine)
    kind = {"@type": "sarus_data_spec/sarus_data_spec.Dataset", "uuid": json.loads(small.schema)["dataset"], "name": "Transformed"}
    kind |= {"spec": {"transformed": {"transform": kind["uuid"], "arguments": [], "named_arguments": {}}}, "properties": {}}
    size = json.loads(small.size)
    size["@type"], kind["doc"] = "sarus_data_spec/sarus_data_spec.Size", ""
    sized = json.dumps(size).replace('"size": "1"', f'"size": "{rows}"')
    schema = json.loads(small.schema) | {"@type": "sarus_data_spec/sarus_data_spec.Schema"}
    whole = pyqrlew.Dataset.from_str(json.dumps(kind), json.dumps(schema), sized)
    return whole.with_range(None, "visits", "val", 0.0, common.VALUE_MAX)


def rewritten(data, sql, epsilon):
    asked = {"epsilon": epsilon, "delta": common.DELTA}
    unit = [path for path in UNIT if path[0] == "visits" or "cards" in sql]
    relation = data.relation(sql).rewrite_with_differential_privacy(data, unit, asked, max_multiplicity=common.ROWS_PER_SUBJECT)
    return relation.relation().to_query(), relation.dp_event().to_dict()


def gaussian(mu, delta):
    """The epsilon of Gaussian noise whose sensitivity is `mu` deviations (Balle and Wang 2018)."""
    normal = lambda x: math.erfc(-x / math.sqrt(2)) / 2
    low, high = 0.0, 50.0
    for _ in range(80):
        middle = (low + high) / 2
        spent = normal(mu / 2 - middle / mu) - math.exp(middle) * normal(-mu / 2 - middle / mu)
        low, high = (middle, high) if spent > delta else (low, middle)
    return high


def total(event):
    """What an event costs at common.DELTA: pure and approximate parts add, Gaussian ones compose exactly."""
    epsilon, delta, inverse = 0.0, 0.0, 0.0
    for part in event.get("events", [event]):
        if part["class_name"] == "GaussianDpEvent":
            inverse += 1 / part["noise_multiplier"] ** 2
        elif part["class_name"] == "EpsilonDeltaDpEvent":
            epsilon, delta = epsilon + part["epsilon"], delta + part["delta"]
        elif part["class_name"] != "NoOpDpEvent":
            raise ValueError(part["class_name"])
    return epsilon + (gaussian(math.sqrt(inverse), common.DELTA - delta) if inverse else 0.0)


def tables(file):
    duck = duckdb.connect()
    duck.execute(f"CREATE VIEW visits AS SELECT * FROM '{file}'")
    duck.execute(f"CREATE TABLE regions AS {REGIONS}")
    duck.execute("CREATE VIEW cards AS SELECT uid, uid % 10 AS score FROM visits GROUP BY uid")
    return duck, duck.execute("SELECT count(*) FROM visits").fetchone()[0]


def answer(file):
    duck, rows = tables(file)
    data, sql = dataset(rows), common.SQL.format(table="visits")
    low, high = 0.01, 3.0
    for _ in range(20):
        middle = (low + high) / 2
        low, high = (middle, high) if total(rewritten(data, sql, middle)[1]) <= common.EPSILON else (low, middle)
    query, event = rewritten(data, sql, low)
    settings = f"max_multiplicity {common.ROWS_PER_SUBJECT}; asked for epsilon {low:.4f}, really {total(event):.4f} at delta {common.DELTA}"
    return {row[0]: row[1:] for row in duck.execute(query).fetchall()}, settings


def ask(file):
    duck, rows = tables(file)
    data = dataset(rows)

    def asked(feature):
        return duck.execute(rewritten(data, feature["sql"], common.EPSILON)[0]).fetchall()

    return asked


common.run(answer, ask)
