"""pipeline-dp on its local backend: its accountant's total is epsilon and delta of the whole pipeline, partition
selection included. COUNT and SUM come from its MEAN, which shares noise between the three."""

import operator

import pipeline_dp as pdp
import pyarrow.parquet

import common

EXTRACT = pdp.DataExtractors(
    privacy_id_extractor=operator.itemgetter(0),
    partition_extractor=operator.itemgetter(1),
    value_extractor=operator.itemgetter(2),
)


def rows_of(file):
    table = pyarrow.parquet.read_table(file)
    return list(zip(*(table.column(name).to_pylist() for name in ("uid", "grp", "val"))))


def aggregated(rows, metrics, extract=EXTRACT, high=common.VALUE_MAX, each=common.ROWS_PER_GROUP):
    accountant = pdp.NaiveBudgetAccountant(total_epsilon=common.EPSILON, total_delta=common.DELTA)
    engine = pdp.DPEngine(accountant, pdp.LocalBackend())
    params = pdp.AggregateParams(
        metrics=metrics,
        noise_kind=pdp.NoiseKind.LAPLACE,
        max_partitions_contributed=common.GROUPS_PER_SUBJECT,
        max_contributions_per_partition=each,
        min_value=0.0,
        max_value=high,
    )
    result = engine.aggregate(rows, params, extract)
    accountant.compute_budgets()
    return list(result)


def answer(file):
    metrics = [pdp.Metrics.COUNT, pdp.Metrics.SUM, pdp.Metrics.MEAN]
    groups = {key: (found.count, found.sum, found.mean) for key, found in aggregated(rows_of(file), metrics)}
    settings = (
        f"{common.GROUPS_PER_SUBJECT} partitions, {common.ROWS_PER_GROUP} contributions in each, Laplace, "
        f"truncated geometric selection; NaiveBudgetAccountant of epsilon {common.EPSILON}, delta {common.DELTA}"
    )
    return groups, settings


def forms(rows):
    """Each feature in the library's own words; what is not here has no form in it."""
    metrics = pdp.Metrics

    each = common.ROWS_PER_SUBJECT

    def whole(*wanted, of=rows, high=common.VALUE_MAX):
        extract = pdp.DataExtractors(operator.itemgetter(0), lambda row: "all", operator.itemgetter(2))
        return [list(found) for _, found in aggregated(of, list(wanted), extract, high, each)]

    def grouped(key=operator.itemgetter(1), of=rows):
        extract = pdp.DataExtractors(operator.itemgetter(0), key, operator.itemgetter(2))
        return [[key, found.count] for key, found in aggregated(of, [metrics.COUNT], extract, each=each)]

    def changed(function):
        return [(uid, grp, function(val)) for uid, grp, val in rows]

    def above(val):
        return val if val > 50.0 else 0.0

    def region(row):
        return "low" if row[1] < "g25" else "high"

    kept = [row for row in rows if row[2] > 50.0]
    return {
        "COUNT(*)": lambda: whole(metrics.COUNT),
        "COUNT(x)": lambda: whole(metrics.COUNT, of=[row for row in rows if row[2] is not None]),
        "COUNT(DISTINCT subject)": lambda: whole(metrics.PRIVACY_ID_COUNT),
        "SUM": lambda: whole(metrics.SUM),
        "AVG": lambda: whole(metrics.MEAN),
        "VAR_POP": lambda: whole(metrics.VARIANCE),
        "STDDEV": lambda: [[max(row[0], 0.0) ** 0.5] for row in whole(metrics.VARIANCE)],
        "MEDIAN": lambda: whole(metrics.PERCENTILE(50)),
        "PERCENTILE_CONT": lambda: whole(metrics.PERCENTILE(90)),
        "expression inside an aggregate": lambda: whole(metrics.SUM, of=changed(lambda val: 2 * val), high=2 * common.VALUE_MAX),
        "CASE inside an aggregate": lambda: whole(metrics.SUM, of=changed(above)),
        "FILTER": lambda: whole(metrics.COUNT, of=kept),
        "WHERE": lambda: whole(metrics.COUNT, of=kept),
        "GROUP BY": lambda: grouped(),
        "GROUP BY an expression": lambda: grouped(lambda row: row[2] > 50.0),
        "HAVING": lambda: [row for row in grouped() if row[1] > 3000],
        "ORDER BY and LIMIT": lambda: sorted(grouped(), key=lambda row: -row[1])[:3],
        "arithmetic over what is released": lambda: [[row[0] * 2] for row in whole(metrics.COUNT)],
        "a window function over what is released": lambda: ranked(grouped()),
        "join with a public table": lambda: grouped(region),
    }


def ranked(rows):
    ordered = sorted(rows, key=lambda row: -row[1])
    return [[*row, place] for place, row in enumerate(ordered, 1)]


def ask(file):
    known = forms(rows_of(file))

    def asked(feature):
        form = known.get(feature["name"])
        if form is None:
            raise NotImplementedError("it has no form for this")
        return form()

    return asked


common.run(answer, ask)
