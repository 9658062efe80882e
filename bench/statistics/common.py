"""What the scripts of all engines share: their arguments, and the forms of what they print.

    ENGINE.py answer FILE              count, sum and average of val by grp
    ENGINE.py features FILE FEATURES   every question of a list, DRAWS times each
"""

import json
import resource
import sys
import time

# The same for everybody; bench.rs of weal-engine's example `statistics` has our side of it.
EPSILON, DELTA = 1.0, 1e-6
GROUPS_PER_SUBJECT, ROWS_PER_GROUP, ROWS_PER_SUBJECT = 10, 2, 10
VALUE_MAX = 100.0
DRAWS = 3
SQL = "SELECT grp, COUNT(*) AS n, SUM(val) AS s, AVG(val) AS a FROM {table} GROUP BY grp"


def cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def run(answer, ask):
    """`answer(file)` gives groups and settings; `ask(file)` gives a function from a feature to rows."""
    if sys.argv[1] == "answer":
        # Whatever stood above has been imported by now.
        began, at = cpu(), time.perf_counter()
        groups, settings = answer(sys.argv[2])
        groups = {str(key): [None if number is None else float(number) for number in row] for key, row in groups.items()}
        said = {"groups": groups, "settings": settings}
        said |= {"cpu_without_imports_s": cpu() - began, "wall_without_imports_s": time.perf_counter() - at}
        print(json.dumps(said))
        return
    asked = ask(sys.argv[2])
    for feature in json.load(open(sys.argv[3], encoding="utf-8")):
        said = {"name": feature["name"]}
        try:
            draws = [[list(map(plain, row)) for row in asked(feature)] for _ in range(DRAWS)]
            said["draws"] = draws
        except BaseException as error:  # Panics of libraries in Rust are no Exception.
            if isinstance(error, KeyboardInterrupt):
                raise
            said["refused"] = f"{type(error).__name__}: {error}"[:300]
        print(json.dumps(said), flush=True)


def plain(value):
    """A value as JSON has it."""
    if value is None or isinstance(value, str | bool | int):
        return value
    try:
        number = float(value)
    except (TypeError, ValueError):
        return str(value)
    return None if number != number else number
