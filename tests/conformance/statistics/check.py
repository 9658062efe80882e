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
    """One line, and the SQL by which DuckDB answers it, one grouping at a time."""

    def __init__(self, line, keys):
        self.line, self.places = line, keys
        self.keys = [line["keys"][place] for place in keys]
        self.rows = line["policy"]["rows"]
        # Groups are public where nobody groups, or only by what is on a public list.
        self.public = not self.keys or self.by_list(keys)
        # What is on no list is in none of the groupings, and so in no total.
        listed = any(self.by_list(places) for places in line["sets"])
        self.regions = line["policy"]["public_regions"] if listed else None

    def by_list(self, places):
        keys = [self.line["keys"][place] for place in places]
        if self.line["policy"]["public_regions"] is None or not keys or any(map(OTHER_COLUMNS.search, keys)):
            return False
        # A join with a table of names makes another region of it.
        return all("region" in key for key in keys) and "m.climate" not in self.line["from"]

    def parts(self):
        """Where each total comes from: number of the aggregate, its kind, the place of the total."""
        kinds = {"sum": ["total"], "avg": ["spread", "count"], "var": ["square", "spread", "count"]}
        for number, (aggregate, places) in enumerate(zip(self.line["aggregates"], self.line["places"], strict=True)):
            named = kinds.get(aggregate["kind"], [aggregate["kind"]])
            # A sum of what is averaged as well follows from the same two totals.
            if aggregate["kind"] == "sum" and len(places) == 2:
                named = kinds["avg"]
            for kind, place in zip(named, places, strict=True):
                yield number, kind, place

    def value(self, number, kind):
        """What is summed, as DuckDB computes it."""
        aggregate, places = self.line["aggregates"][number], self.line["places"][number]
        value = f"({aggregate['value']})::DOUBLE"
        if kind != "square":
            return value
        # Of the clamped value, from the middle of its bounds.
        low, high = (self.line["parts"][places[1]]["value"][end] for end in ("low", "high"))
        distance = f"({clamped(value, low, high)} - '{low + (high - low) / 2!r}'::DOUBLE)"
        return f"({distance} * {distance})"

    def fixed(self, number, kind, place):
        low, high, decimals = (self.line["parts"][place]["value"][name] for name in ("low", "high", "decimals"))
        return f"CAST(round({clamped(self.value(number, kind), low, high)} * '1e{decimals}'::DOUBLE) AS HUGEINT)"

    def kept(self, columns):
        """The rows that count, with their keys and some columns."""
        line = self.line
        columns = ["person", *(f"({key}) AS k{place}" for place, key in enumerate(self.keys)), *columns]
        tables = {"$TABLE": (line["file"], line["row_filter"]), "$SECOND": (line["second"], line["second_filter"])}
        start = line["from"]
        for name, (file, row_filter) in tables.items():
            where = "TRUE" if row_filter is None else row_filter
            start = start.replace(name, f"(SELECT * FROM '{file}' WHERE {where})")
        where = f"person IS NOT NULL AND ({line['condition']})"
        if self.regions is not None:
            where += " AND region IN (" + ", ".join(f"'{region}'" for region in self.regions) + ")"
        return f"SELECT {', '.join(columns)} FROM {start} WHERE {where}"

    def by(self, *more):
        return ", ".join([*more, *(f"k{place}" for place in range(len(self.keys)))])

    def grouped(self, text, *more):
        return f"{text} GROUP BY {self.by(*more)}" if self.keys or more else text

    def shown(self, *more):
        return ", ".join([*(f"CAST(k{place} AS VARCHAR)" for place in range(len(self.keys))), *more])

    def sql(self):
        columns, per_subject, totals, bounds = [], ["count(*) AS n"], [], []
        for number, kind, place in self.parts():
            name, part, aggregate = f"{number}_{place}", self.line["parts"][place], self.line["aggregates"][number]
            low, high = part["low"], part["high"]
            if kind == "subjects":
                totals.append((place, "count(*)"))
            elif kind in ("count", "present"):
                counted = "1" if aggregate["value"] is None else f"({aggregate['value']})"
                columns.append(f"{counted} AS c{name}")
                per_subject.append(f"count(c{name}) AS c{name}")
                totals.append((place, f"sum(least(c{name}, {1 if kind == 'present' else self.rows}))"))
            elif kind in ("total", "spread", "square"):
                columns += [
                    f"{self.fixed(number, kind, place)} - {part['middle']} AS v{name}",
                    f"{self.value(number, kind)} AS w{name}",
                ]
                per_subject += [f"sum(v{name}) AS v{name}", f"count(v{name}) AS c{name}"]
                per_subject += [f"min(w{name}) AS low{name}", f"max(w{name}) AS high{name}"]
                bounds.append((part, f"min(low{name})", f"max(high{name})"))
                total = f"v{name}"
                if kind != "total":
                    total = f"CASE WHEN c{name} <= {self.rows} THEN v{name} ELSE (v{name} * {self.rows}) // c{name} END"
                # Of NULL, DuckDB would take the bound.
                totals.append((place, f"sum(greatest({low}, least({high}, coalesce({total}, 0))))"))
        shown = ["count(*)", *(f"coalesce({total}, 0)" for _, total in totals)]
        shown += [end for _, low, high in bounds for end in (low, high)]
        subjects = self.grouped(f"SELECT {self.by('person')}, {', '.join(per_subject)} FROM kept", "person")
        text = f"WITH kept AS ({self.kept(columns)}), subjects AS ({subjects}) SELECT {self.shown(*shown)} FROM subjects"
        text = self.grouped(text)
        if not self.public and self.line["policy"]["group_size_min"] > 1:
            text += f" HAVING count(*) >= {self.line['policy']['group_size_min']}"
        return text, [place for place, _ in totals], [part for part, _, _ in bounds]

    def aside(self, duck, number, kind, place):
        """Totals that are no sums: what DuckDB says, and whether some subject brings so much that there was a choice."""
        value = f"({self.line['aggregates'][number]['value']})" if kind == "distinct" else self.leaf(number, place)
        kept = f"WITH kept AS (SELECT * FROM ({self.kept([f'{value} AS v'])}) WHERE v IS NOT NULL)"
        brought = "count(DISTINCT v)" if kind == "distinct" else "count(v)"
        own = self.grouped(f"SELECT {self.by('person')}, {brought} AS n FROM kept", "person")
        most = self.grouped(f"{kept}, own AS ({own}) SELECT {self.shown('max(n)', f'sum(least(n, {self.rows}))')} FROM own")
        limits = {row[:-2]: row[-2:] for row in duck.execute(most).fetchall()}
        if kind == "distinct":
            found = duck.execute(f"{kept} " + self.grouped(f"SELECT {self.shown('count(DISTINCT v)')} FROM kept")).fetchall()
            return {row[:-1]: row[-1] for row in found}, limits
        text = f"{kept} " + self.grouped(f"SELECT {self.shown('v', 'count(*)')} FROM kept", "v")
        leaves = {}
        for row in duck.execute(text).fetchall():
            leaves.setdefault(row[:-2], {})[int(row[-2])] = row[-1]
        return leaves, limits

    def leaf(self, number, place):
        """In which of at most 16⁴ equal ranges of whole numbers a value lies."""
        low, high, _ = fixed_ends(self.line["parts"][place]["value"])
        integers = high - low + 1
        levels = next((levels for levels in (1, 2, 3) if 16**levels >= integers), 4)
        width = -(-integers // 16**levels)
        return f"({self.fixed(number, 'quantile', place)} - {low}) // {width}"

    def differences(self, duck, ours, leaves):
        text, places, bounded = self.sql()
        asides = {
            place: (kind, *self.aside(duck, number, kind, place))
            for number, kind, place in self.parts()
            if kind in ("distinct", "quantile")
        }
        found = {}
        for row in duck.execute(text).fetchall():
            keys, subjects, numbers = row[: len(self.keys)], row[len(self.keys)], row[len(self.keys) + 1 :]
            found[keys] = (subjects, dict(zip(places, map(int, numbers[: len(places)]))))
            ends = numbers[len(places) :]
            for part, low, high in zip(bounded, ends[::2], ends[1::2]):
                slack = BOUNDS_SLACK * max(1.0, abs(part["value"]["low"]), abs(part["value"]["high"]))
                if low is not None and (low < part["value"]["low"] - slack or high > part["value"]["high"] + slack):
                    yield f"values from {low} to {high} are said to lie within {part['value']}"
        for keys in sorted(ours.keys() | found.keys(), key=str):
            if keys not in ours or keys not in found:
                yield f"the group {keys} is only {'here' if keys in ours else 'there'}"
                continue
            (subjects, totals), (others, theirs) = ours[keys], found[keys]
            for place, (kind, said, limits) in asides.items():
                most, together = limits.get(keys, (0, 0))
                most, together = most or 0, together or 0
                if kind == "distinct":
                    there = said.get(keys, 0)
                    chosen = most > self.rows and min(most, self.rows) <= totals[place] <= there
                    theirs[place] = totals[place] if chosen else there
                else:
                    theirs[place] = int(together)
                    here = leaves.get((keys, place), {})
                    there = said.get(keys, {})
                    within = all(count <= there.get(leaf, 0) for leaf, count in here.items())
                    if here != there and not (most > self.rows and within):
                        yield f"{keys}: the leaves {here}, and DuckDB says {there}"
            theirs = [theirs.get(place) for place in range(len(totals))]
            # Where keys are private the first total is of subjects, asked for or not.
            theirs = [others if total is None else total for total in theirs]
            if (subjects, totals) != (others, theirs):
                yield f"{keys}: {subjects} {totals}, and DuckDB says {others} {theirs}"


def clamped(value, low, high):
    return f"clamped({value}, '{low!r}'::DOUBLE, '{high!r}'::DOUBLE)"


def fixed_ends(value):
    """Bounds as whole numbers, halves away from zero, and their middle."""
    scale = 10.0 ** value["decimals"]
    low, high = (int(math.copysign(math.floor(abs(value[end] * scale) + 0.5), value[end])) for end in ("low", "high"))
    return low, high, (low + high) // 2


def claims(line):
    """What is wrong with the claims about the totals, from the policy alone."""
    rows = line["policy"]["rows"]
    counts = {"subjects": 1, "present": 1, "rows": rows, "values": rows, "distinct": rows, "ranks": rows}
    for part in line["parts"]:
        wanted, middle = (0, counts.get(part["kind"])), 0
        if part["kind"] not in counts:
            low, high, middle = fixed_ends(part["value"])
            if part["kind"] == "total":
                low, high, middle = min(low, 0), max(high, 0), 0
            wanted = ((low - middle) * rows, (high - middle) * rows)
        if part["middle"] != middle:
            yield f"the middle is {part['middle']}, not {middle}"
        if (part["low"], part["high"]) != wanted:
            yield f"{part['kind']}: clamped to {part['low']} and {part['high']}, not to {wanted}"


def differences(line, duck):
    """Every grouping of a question; groups are told apart by the number of their keys and by what DuckDB finds."""
    yield from claims(line)
    groups = [(tuple(keys), (subjects, totals)) for keys, subjects, totals in line["groups"]]
    leaves = {}
    for keys, place, leaf, count in line["leaves"]:
        leaves.setdefault((tuple(keys), place), {})[leaf] = count
    if len(line["sets"]) == 1:
        yield from Question(line, line["sets"][0]).differences(duck, dict(groups), leaves)
        return
    by_count = {}
    for keys, found in groups:
        by_count.setdefault(len(keys), []).append((keys, found))
    for keys in line["sets"]:
        same = [other for other in line["sets"] if len(other) == len(keys)]
        if len(same) == 1:
            yield from Question(line, keys).differences(duck, dict(by_count.get(len(keys), [])), leaves)
    for count in {len(keys) for keys in line["sets"]}:
        same = [keys for keys in line["sets"] if len(keys) == count]
        if len(same) > 1:
            # Groupings of one key each: their groups together.
            theirs = []
            for keys in same:
                text, _, _ = Question(line, keys).sql()
                theirs += [(row[:count], row[count]) for row in duck.execute(text).fetchall()]
            here = sorted(((keys, found[0]) for keys, found in by_count.get(count, [])), key=str)
            if here != sorted(theirs, key=str):
                yield f"groupings of {count} keys: {here}, and DuckDB says {sorted(theirs, key=str)}"


def questions(file):
    import duckdb

    duck = duckdb.connect()
    duck.execute(
        "CREATE MACRO clamped(x, low, high) AS CASE WHEN x IS NULL THEN NULL WHEN x < low THEN low WHEN x > high THEN high ELSE x END"
    )
    compared, groups, refused, joined, kinds = 0, 0, 0, 0, {}
    for text in open(file, encoding="utf-8"):
        line = json.loads(text)
        if "refused" in line:
            refused += 1
            continue
        try:
            found = [*differences(line, duck)]
        except Exception as error:  # Whatever DuckDB finds wrong is a difference.
            found = [f"{type(error).__name__}: {error}"]
        for why in found[:3]:
            report(line["sql"], why + f" ({line['row_filter']}, {line['policy']})")
        compared += 1
        groups += len(line["groups"])
        joined += "owner.second" in line["sql"]
        for aggregate in line["aggregates"]:
            kinds[aggregate["kind"]] = kinds.get(aggregate["kind"], 0) + 1
    counts = f"questions\t{compared}\tgroups\t{groups}\trefused\t{refused}\tjoined\t{joined}"
    print(f"{counts}\taggregates\t{json.dumps(kinds)}")


def multiplier(release):
    return release["scale"] / release["l2"]


def cost(release):
    """The rho of one release: l2² / (2 scale²), and l2² is l0 linf² unless a subject's rows are limited in all."""
    scale = Fraction(release["scale"])
    squared = min(Fraction(release["l0"] * release["linf"] ** 2), Fraction(release["l2"]) ** 2)
    return squared / (2 * scale * scale)


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
