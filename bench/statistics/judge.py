"""Whether engines' answers are right: `judge.py FILE FEATURES NAME=ANSWERS ...` prints a verdict for every engine and
feature, as JSON. The truth is DuckDB's.

works    within a tenth of the truth, or within what the feature calls near
noisy    further off, and the draws differ among themselves about as much
wrong    further off, and the draws agree
refused  an error, or nothing that could be told from one
"""

import json
import statistics
import sys

import duckdb

NEAR = 0.1
# Noise is blamed for at most so many times the distance between draws.
BLAMED = 5
REGIONS = "SELECT 'g' || lpad(i::VARCHAR, 2, '0') AS grp, CASE WHEN i < 25 THEN 'low' ELSE 'high' END AS region FROM range(50) t(i)"


def by_key(rows, keys):
    return {tuple("null" if part is None else str(part).lower() for part in row[:keys]): row[keys:] for row in rows}


def numbers(value):
    if value is None or isinstance(value, bool):
        return None
    try:
        return float(value)
    except ValueError:
        return None


def verdict(feature, said, truth):
    if "refused" in said:
        return {"verdict": "refused", "why": said["refused"]}
    keys = feature["keys"]
    draws = [by_key(draw, keys) for draw in said["draws"]]
    true = by_key(truth, keys)
    far, apart = [], []
    for key in true:
        found = [draw[key] for draw in draws if key in draw]
        if not found:
            continue
        for place, right in enumerate(true[key]):
            values = [numbers(row[place]) if place < len(row) else None for row in found]
            if None in values:
                return {"verdict": "wrong", "why": f"{said['draws'][0][:2]}"}
            scale = feature.get("scale") or max(abs(float(right)), 1e-9)
            far.append(abs(statistics.median(values) - float(right)) / scale)
            apart.append((max(values) - min(values)) / scale)
    strangers = [key for draw in draws for key in draw if key not in true]
    if not far or len(strangers) > len(far):
        return {"verdict": "wrong", "why": f"other groups: {said['draws'][0][:2]}"}
    off, noise = statistics.median(far), statistics.median(apart)
    if off <= feature.get("near", NEAR):
        return {"verdict": "works", "off": off}
    shown = f"{said['draws'][0][0]} for {truth[0]}"
    return {"verdict": "noisy" if off <= BLAMED * noise else "wrong", "off": off, "why": shown}


def main(file, features, *engines):
    duck = duckdb.connect()
    duck.execute(f"CREATE VIEW visits AS SELECT * FROM '{file}'")
    duck.execute(f"CREATE TABLE regions AS {REGIONS}")
    duck.execute("CREATE VIEW cards AS SELECT uid, uid % 10 AS score FROM visits GROUP BY uid")
    said = {}
    for engine in engines:
        name, answers = engine.split("=", 1)
        said[name] = {line["name"]: line for line in map(json.loads, open(answers, encoding="utf-8"))}
    verdicts = []
    for feature in json.load(open(features, encoding="utf-8")):
        truth = duck.execute(feature.get("truth", feature["sql"])).fetchall()
        missing = {"refused": "the engine ended before it"}
        each = {name: verdict(feature, lines.get(feature["name"], missing), truth) for name, lines in said.items()}
        verdicts.append({"feature": feature["name"], "engines": each})
    print(json.dumps(verdicts))


main(*sys.argv[1:])
