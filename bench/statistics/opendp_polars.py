"""opendp with polars: a context of one question with epsilon 1 and delta 1e-6, count and sum in one release. The average
is the quotient of what is released. Its sensitivities are sums over a person's rows, so it is told how many rows there
are at most and its noise is Laplace's."""

import opendp.prelude as dp
import polars

import common

dp.enable_features("contrib")


def context(file):
    """The most rows there may be bounds how far sums of floats are rounded."""
    rows = 2 * polars.scan_parquet(file).select(polars.len()).collect().item()
    margins = [dp.polars.Margin(by=by, max_length=rows) for by in ([], ["grp"])]
    return dp.Context.compositor(
        data=polars.scan_parquet(file),
        margins=margins,
        privacy_unit=dp.unit_of(contributions=1, identifier="uid"),
        privacy_loss=dp.loss_of(epsilon=common.EPSILON, delta=common.DELTA),
        split_evenly_over=1,
    )


def bounded(file):
    return context(file).query().truncate_per_group(common.ROWS_PER_SUBJECT)


def answer(file):
    """Summed in cents: sums of floats would need a public number of groups."""
    cents = (polars.col("val").fill_nan(0.0).fill_null(0.0) * 100.0).cast(polars.Int64)
    query = bounded(file).group_by("grp").agg(
        dp.len(signed=True).alias("n"),
        cents.fill_null(0).dp.sum((0, int(100 * common.VALUE_MAX))).alias("s"),
    )
    released = query.release().collect()
    settings = f"truncate_per_group({common.ROWS_PER_SUBJECT}); one release of epsilon {common.EPSILON}, delta {common.DELTA}"
    rows = released.iter_rows(named=True)
    return {row["grp"]: (row["n"], row["s"] / 100, row["s"] / 100 / max(row["n"], 1)) for row in rows}, settings


def forms(file):
    """Each feature in the library's own words; what is not here has no form in it."""
    col, length = polars.col, lambda: dp.len(signed=True)
    val = col("val").fill_nan(0.0).fill_null(0.0)
    total = val.dp.sum((0.0, common.VALUE_MAX))
    candidates = [float(step) for step in range(0, 101)]

    def release(query):
        return [list(row) for row in query.release().collect().iter_rows()]

    def whole(*aggregates):
        return release(bounded(file).select(*aggregates))

    def grouped(*aggregates, by="grp"):
        return release(bounded(file).group_by(by).agg(*aggregates))

    return {
        "COUNT(*)": lambda: whole(length()),
        "COUNT(x)": lambda: whole(col("val").count().dp.noise()),
        "COUNT(DISTINCT subject)": lambda: whole(col("uid").n_unique().dp.noise()),
        "COUNT(DISTINCT x)": lambda: whole(col("grp").n_unique().dp.noise()),
        "SUM": lambda: whole(total),
        "AVG": lambda: whole(val.dp.mean((0.0, common.VALUE_MAX))),
        "MEDIAN": lambda: whole(val.dp.median(candidates)),
        "PERCENTILE_CONT": lambda: whole(val.dp.quantile(0.9, candidates)),
        "expression inside an aggregate": lambda: whole((val * 2.0).dp.sum((0.0, 2 * common.VALUE_MAX))),
        "CASE inside an aggregate": lambda: whole(
            polars.when(col("val") > 50.0).then(val).otherwise(0.0).dp.sum((0.0, common.VALUE_MAX))
        ),
        "FILTER": lambda: release(bounded(file).filter(col("val") > 50.0).select(length())),
        "WHERE": lambda: release(bounded(file).filter(col("val") > 50.0).select(length())),
        "GROUP BY": lambda: grouped(length()),
        "GROUP BY an expression": lambda: release(
            bounded(file).with_columns((col("val") > 50.0).alias("high")).group_by("high").agg(length())
        ),
        "HAVING": lambda: [row for row in grouped(length()) if row[1] > 3000],
        "ORDER BY and LIMIT": lambda: sorted(grouped(length()), key=lambda row: -row[1])[:3],
        "arithmetic over what is released": lambda: [[row[0] * 2] for row in whole(length())],
        "a window function over what is released": lambda: ranked(grouped(length())),
        "join with a public table": lambda: release(
            bounded(file)
            .join(public(), on="grp", how="left")
            .group_by("region")
            .agg(length())
        ),
    }


def ranked(rows):
    ordered = sorted(rows, key=lambda row: -row[1])
    return [[*row, place] for place, row in enumerate(ordered, 1)]


def public():
    names = [f"g{group:02}" for group in range(50)]
    return polars.LazyFrame({"grp": names, "region": ["low" if name < "g25" else "high" for name in names]})


def ask(file):
    def asked(feature):
        form = forms(file).get(feature["name"])
        if form is None:
            raise NotImplementedError("it has no form for this")
        return form()

    return asked


common.run(answer, ask)
