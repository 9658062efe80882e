"""Runs a program to its end and says what it and its descendants took.

    measure.py FILE SECONDS PROGRAM ARGUMENT...
"""

import json
import resource
import subprocess
import sys
import time

began = time.perf_counter()
code = subprocess.run(sys.argv[3:], stdin=subprocess.DEVNULL, timeout=float(sys.argv[2])).returncode
wall = time.perf_counter() - began
used = resource.getrusage(resource.RUSAGE_CHILDREN)
# The largest process; none of the engines here starts another.
took = {"cpu_s": used.ru_utime + used.ru_stime, "rss_mib": used.ru_maxrss / 1024, "wall_s": wall, "code": code}
with open(sys.argv[1], "w", encoding="utf-8") as file:
    json.dump(took, file)
sys.exit(code)
