"""Holds what our engine computed against others: DuckDB computes the exact bounded totals of generated questions
once more, and dp-accounting states the epsilon of what our accountant charged for.

    check.py questions FILE     lines of `statistics questions`
    check.py losses FILE        lines of `statistics losses`
    check.py events FILE        lines of `weal budget --events --json`

Prints a line for every difference, and at the end what was compared. It decides nothing: xtask does.
"""

import json
import math
import re
import sys
from fractions import Fraction

# How far an expression may be beyond the bounds that follow for it: the rounding of its own arithmetic.
BOUNDS_SLACK = 1e-9
# RDP is searched over some orders only, where our conversion searches over all.
ORDERS_SLACK = 1.002
# Of the PLD: what is lost in a thousandth of epsilon is far below what zCDP gives away.
INTERVAL = 1e-3
OTHER_COLUMNS = re.compile(r"\b(person|wage|hours|hired|active|grade)\b", re.IGNORECASE)


def report(name, why):
    print(f"FAILED\t{name}\t{why}".replace("\n", " "))


class Question:
    """One line, and the SQL by which DuckDB answers it."""

    def __init__(self, line):
        self.line = line
        self.keys = line["keys"]
        regions = line["policy"]["public_regions"]
        # Groups are public where nobody groups, or only by what is on a public list.
        by_list = regions is not None and bool(self.keys) and not any(map(OTHER_COLUMNS.search, self.keys))
        self.public = not self.keys or (by_list and all("region" in key for key in self.keys))
        self.regions = regions if by_list and self.public else None

    def fixed(self, number, aggregate, place):
        part = self.line["parts"][place]
        low, high, decimals = (part["value"][name] for name in ("low", "high", "decimals"))
        value = f"({aggregate['value']})::DOUBLE"
        return (
            f"CAST(round(clamped({value}, '{low!r}'::DOUBLE, '{high!r}'::DOUBLE) * '1e{decimals}'::DOUBLE) AS HUGEINT)"
            f" - {part['middle']} AS v{number}_{place}, {value} AS w{number}_{place}"
        )

    def parts(self):
        """Where each total comes from: number of the aggregate, its kind, the place of the total."""
        for number, (aggregate, places) in enumerate(zip(self.line["aggregates"], self.line["places"], strict=True)):
            kinds = {"count": ["count"], "subjects": ["subjects"], "sum": ["total"], "avg": ["spread", "count"]}
            for kind, place in zip(kinds[aggregate["kind"]], places, strict=True):
                yield number, kind, place

    def sql(self):
        line, rows = self.line, self.line["policy"]["rows"]
        columns = [f"({key}) AS k{place}" for place, key in enumerate(self.keys)]
        per_subject, totals, bounds = ["count(*) AS n"], [], []
        for number, kind, place in self.parts():
            name, part, aggregate = f"{number}_{place}", line["parts"][place], line["aggregates"][number]
            low, high = part["low"], part["high"]
            if kind == "subjects":
                totals.append((place, "count(*)"))
            elif kind == "count":
                counted = "1" if aggregate["value"] is None else f"({aggregate['value']})"
                columns.append(f"{counted} AS c{name}")
                per_subject.append(f"count(c{name}) AS c{name}")
                totals.append((place, f"sum(least(c{name}, {rows}))"))
            else:
                columns.append(self.fixed(number, aggregate, place))
                per_subject += [f"sum(v{name}) AS v{name}", f"count(v{name}) AS c{name}"]
                per_subject += [f"min(w{name}) AS low{name}", f"max(w{name}) AS high{name}"]
                bounds.append((part, f"min(low{name})", f"max(high{name})"))
                total = f"v{name}"
                if kind == "spread":
                    total = f"CASE WHEN c{name} <= {rows} THEN v{name} ELSE (v{name} * {rows}) // c{name} END"
                # Of NULL, DuckDB would take the bound.
                totals.append((place, f"sum(greatest({low}, least({high}, coalesce({total}, 0))))"))
        where = f"person IS NOT NULL AND ({line['condition']})"
        if self.regions is not None:
            where += " AND region IN (" + ", ".join(f"'{region}'" for region in self.regions) + ")"
        keys = [f"k{place}" for place in range(len(self.keys))]
        by_subject = ", ".join(["person", *keys])
        shown = [f"CAST({key} AS VARCHAR)" for key in keys] + ["count(*)"]
        shown += [f"coalesce({total}, 0)" for _, total in totals]
        shown += [end for _, low, high in bounds for end in (low, high)]
        text = (
            f"WITH kept AS (SELECT {', '.join(['person', *columns])} FROM '{line['file']}' WHERE {where}), "
            f"subjects AS (SELECT {', '.join([by_subject, *per_subject])} FROM kept GROUP BY {by_subject}) "
            f"SELECT {', '.join(shown)} FROM subjects"
        )
        if keys:
            text += f" GROUP BY {', '.join(keys)}"
        if not self.public and line["policy"]["group_size_min"] > 1:
            text += f" HAVING count(*) >= {line['policy']['group_size_min']}"
        return text, [place for place, _ in totals], [part for part, _, _ in bounds]

    def claims(self):
        """What is wrong with the claims about the totals, from the policy alone."""
        rows = self.line["policy"]["rows"]
        for part in self.line["parts"]:
            wanted = {"subjects": (0, 1), "rows": (0, rows), "values": (0, rows)}.get(part["kind"])
            if wanted is None:
                scale = 10.0 ** part["value"]["decimals"]
                # Halves away from zero.
                low, high = (
                    int(math.copysign(math.floor(abs(part["value"][end] * scale) + 0.5), part["value"][end]))
                    for end in ("low", "high")
                )
                middle = (low + high) // 2 if part["kind"] == "spread" else 0
                low, high = (low - middle, high - middle) if middle or part["kind"] == "spread" else (min(low, 0), max(high, 0))
                wanted = (low * rows, high * rows)
                if part["middle"] != middle:
                    yield f"the middle is {part['middle']}, not {middle}"
            if (part["low"], part["high"]) != wanted:
                yield f"{part['kind']}: clamped to {part['low']} and {part['high']}, not to {wanted}"

    def differences(self, duck):
        text, places, bounded = self.sql()
        found = {}
        for row in duck.execute(text).fetchall():
            keys, subjects = row[: len(self.keys)], row[len(self.keys)]
            numbers = row[len(self.keys) + 1 :]
            found[keys] = (subjects, dict(zip(places, map(int, numbers[: len(places)]))))
            ends = numbers[len(places) :]
            for part, low, high in zip(bounded, ends[::2], ends[1::2]):
                slack = BOUNDS_SLACK * max(1.0, abs(part["value"]["low"]), abs(part["value"]["high"]))
                if low is not None and (low < part["value"]["low"] - slack or high > part["value"]["high"] + slack):
                    yield f"values from {low} to {high} are said to lie within {part['value']}"
        ours = {tuple(keys): (subjects, totals) for keys, subjects, totals in self.line["groups"]}
        for keys in sorted(ours.keys() | found.keys(), key=str):
            if keys not in ours or keys not in found:
                yield f"the group {keys} is only {'here' if keys in ours else 'there'}"
                continue
            (subjects, totals), (others, theirs) = ours[keys], found[keys]
            theirs = [theirs.get(place) for place in range(len(totals))]
            # Where keys are private the first total is of subjects, asked for or not.
            theirs = [others if total is None else total for total in theirs]
            if (subjects, totals) != (others, theirs):
                yield f"{keys}: {subjects} {totals}, and DuckDB says {others} {theirs}"


def questions(file):
    import duckdb

    duck = duckdb.connect()
    duck.execute(
        "CREATE MACRO clamped(x, low, high) AS CASE WHEN x IS NULL THEN NULL WHEN x < low THEN low WHEN x > high THEN high ELSE x END"
    )
    compared, groups, refused, kinds = 0, 0, 0, {}
    for text in open(file, encoding="utf-8"):
        line = json.loads(text)
        if "refused" in line:
            refused += 1
            continue
        question = Question(line)
        try:
            differences = [*question.claims(), *question.differences(duck)]
        except Exception as error:  # Whatever DuckDB finds wrong is a difference.
            differences = [f"{type(error).__name__}: {error}"]
        for why in differences[:3]:
            report(line["sql"], why + f" ({line['row_filter']}, {line['policy']})")
        compared += 1
        groups += len(line["groups"])
        for aggregate in line["aggregates"]:
            kinds[aggregate["kind"]] = kinds.get(aggregate["kind"], 0) + 1
    print(f"questions\t{compared}\tgroups\t{groups}\trefused\t{refused}\taggregates\t{json.dumps(kinds)}")


def multiplier(release):
    return release["scale"] / release["l2"]


def cost(release):
    """The rho of one release, exactly: l0 linf² / (2 scale²)."""
    scale = Fraction(release["scale"])
    return Fraction(release["l0"] * release["linf"] ** 2) / (2 * scale * scale)


KNOWN = ("discrete_gaussian", "discrete_gaussian_threshold")


def epsilons(releases, delta):
    """What PLD and RDP say of the releases together, delta being what thresholds have left of it."""
    from dp_accounting import ComposedDpEvent, GaussianDpEvent, SelfComposedDpEvent, ZCDpEvent
    from dp_accounting import pld, rdp

    events, pure = [], []
    for release in releases:
        if release["mechanism"] in KNOWN:
            event = SelfComposedDpEvent(GaussianDpEvent(multiplier(release)), release["count"])
            events.append(event)
        else:
            # A mechanism that is not known here is taken at its word.
            pure.append(SelfComposedDpEvent(ZCDpEvent(release["loss"]["rho_nano"] / 1e9), release["count"]))
    # Orders as dense as the difference that is allowed asks for.
    orders = [1 + 10 ** (power / 60) for power in range(-60, 241)]
    by_rdp = rdp.RdpAccountant(orders=orders)
    by_rdp.compose(ComposedDpEvent(events + pure))
    said = {"RDP": by_rdp.get_epsilon(delta) / ORDERS_SLACK}
    if not pure:
        by_pld = pld.PLDAccountant(value_discretization_interval=INTERVAL)
        by_pld.compose(ComposedDpEvent(events))
        said["PLD"] = by_pld.get_epsilon(delta)
    return said


def spent_delta(releases):
    return sum(Fraction(release["loss"]["delta_femto"], 10**15) * release["count"] for release in releases)


def losses(file):
    mixtures, tightest, widest = 0, 10.0, 0.0
    for number, text in enumerate(open(file, encoding="utf-8")):
        line = json.loads(text)
        name = f"mixture {number}"
        charged = sum(Fraction(release["loss"]["rho_nano"], 10**9) * release["count"] for release in line["releases"])
        if charged > Fraction(line["loss"]["rho_nano"], 10**9):
            report(name, "charged less than its releases cost")
        for release in line["releases"]:
            if Fraction(release["loss"]["rho_nano"], 10**9) < cost(release):
                report(name, f"rho is understated: {release}")
        delta = float(Fraction(line["delta"]) - spent_delta(line["releases"]))
        for accountant, epsilon in epsilons(line["releases"], delta).items():
            if epsilon > line["epsilon"]:
                report(name, f"{accountant} says {epsilon}, our ledger {line['epsilon']}")
            if accountant == "PLD":
                tightest = min(tightest, line["epsilon"] / epsilon)
                widest = max(widest, line["epsilon"] / epsilon)
        mixtures += 1
    print(f"losses\t{mixtures}\tours over PLD\t{tightest:.4f} to {widest:.4f}")


def events(file):
    """The journal of a node: what was charged is never below what was released."""
    spent = [line for line in map(json.loads, open(file, encoding="utf-8")) if line["kind"] == "spent"]
    for line in spent:
        for unit in ("rho_nano", "delta_femto"):
            released = sum(release["loss"][unit] * release["count"] for release in line["releases"])
            if released > line["loss"][unit]:
                report(f"use {line['number']}", f"{released} of {unit} released, {line['loss'][unit]} charged")
        for release in line["releases"]:
            if release["mechanism"] in KNOWN and Fraction(release["loss"]["rho_nano"], 10**9) < cost(release):
                report(f"use {line['number']}", f"rho is understated: {release}")
    print(f"events\t{len(spent)}\treleases\t{sum(len(line['releases']) for line in spent)}")


if __name__ == "__main__":
    {"questions": questions, "losses": losses, "events": events}[sys.argv[1]](sys.argv[2])
