"""Nobody is harmed: random journeys through SQL, each system move judged by what the steps really do.

promise_world.py makes the versions, promise_journey.py is the customers and operators, and promise_checker.py judges by
labels that no definition shows. The default draws from a fixed seed and takes about 20 seconds.

  SCENARIO_JOURNEYS=20000      how many journeys
  SCENARIO_SEED=7              another seed
  SCENARIO_WORLD=31            only the world of that number
"""

from __future__ import annotations

import os
import time
from collections import Counter
from pathlib import Path
from random import Random

import pytest
from promise_checker import FORCED, NEVER_FLAGGED, NEW_WORDS, POSSIBLE, SHARED_WORDS, Place, Reader, can_avoid, harm
from promise_journey import World
from promise_world import parse

SEED = 9
JOURNEYS = 400
CUSTOMERS = 5  # of one world
MOST_UNTOLD = 300  # of 10,000 journeys with a deed that was flagged: these worlds are hostile
SHOWN = 3


def asked_for(name: str, default: int) -> int:
    return int(os.environ.get(name, default))


def test_nobody_is_harmed(db):
    seed, journeys = asked_for("SCENARIO_SEED", SEED), asked_for("SCENARIO_JOURNEYS", JOURNEYS)
    only = os.environ.get("SCENARIO_WORLD")
    numbers = [int(only)] if only else range(-(-journeys // CUSTOMERS))
    db.execute("set synchronous_commit = off")
    counts, kinds, violations = Counter(), Counter(), []
    begun = time.monotonic()
    for number in numbers:
        world = World(db, Random(f"{seed} {number}"), CUSTOMERS)
        try:
            world.play()
        except Exception as error:
            calls = "\n".join(f"  {text}" for _, text in world.calls)
            versions = "\n".join(f"  {version.notation()}" for version in world.chain)
            raise AssertionError(f"SCENARIO_SEED={seed} SCENARIO_WORLD={number}\n{versions}\n{calls}") from error
        counts += world.counts
        for found in world.findings:
            kinds[found.kind, found.untold or "VIOLATION"] += 1
            if found.untold is None:
                violations.append(f"SCENARIO_SEED={seed} SCENARIO_WORLD={number}: {found.story}")
    untold = sum(count for (kind, why), count in kinds.items() if why != "VIOLATION" and kind in (POSSIBLE, FORCED))
    rate = 10_000 * untold / max(1, counts["with a deed"])
    report = (f"seed {seed}, {time.monotonic() - begun:.0f} s: {dict(counts)}\n"
              f"not to be told: {rate:.0f} of 10,000 journeys with a deed; found: {dict(kinds)}")
    print(report)
    if folder := os.environ.get("SCENARIO_REPORT"):
        Path(folder, "promise_sql.txt").write_text(report + "\n", encoding="utf-8")
    if not only:
        assert counts["with a deed"] * 3 > counts["journeys"], "too few have done a deed to prove anything"
        assert counts["moves"] * 3 > counts["journeys"], "too few are moved to prove anything"
    assert not violations, f"{len(violations)} violations\n{report}\n" + "\n\n".join(violations[:SHOWN])
    assert db.execute("select * from scenario.check_invariants()").fetchall() == []
    assert only or rate <= MOST_UNTOLD, report
