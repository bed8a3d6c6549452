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
JOURNEYS = 800
CUSTOMERS = 5  # of one world
MOST_UNTOLD = 100  # of 10,000 journeys with a deed that was flagged: these worlds are hostile
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


def test_what_operators_force_is_found(db):
    """The checker sees harm where there is harm: here operators move customers anywhere, by force."""
    kinds = Counter()
    for number in range(16):
        world = World(db, Random(f"reckless {number}"), CUSTOMERS, reckless=True)
        world.play()
        kinds.update(found.kind for found in world.findings if found.untold is None)
    assert kinds[POSSIBLE] >= 3 and kinds[FORCED] >= 1, kinds


# Moves of somebody who did act 1, from a step of the first version to a step of the second.
EXAMPLES = (
    ("a>p; p=Pay!{1}>c; c>e; e", "a>c; c>p; p=Pay!{1}>e; e", "c", "c", POSSIBLE, None),
    ("a>p; p=Pay!{1}>c; c>e; e", "a>p; p=Pay!{1}>c; c>e; e", "c", "c", None, None),
    ("a>p; p=Pay!{1}>e; e", "a>p; p=Pay!{1}>e; e", "p", "p", None, None),
    ("a>p; p=Pay!{1}>m; m>f0:p|e; e", "a>m; m>p; p=Pay!{1}>e; e", "m", "m", FORCED, None),
    ("a>p; p=Pay!{1}>m; m>f0:p|e; e", "a>m; m>f0:p|e; p=Pay!{1}>e; e", "m", "m", None, None),
    ("a>p; p=Pay!{1}>m; m>f0:p|e; e", "a>p; p=Pay!{1}>e; e", "m", "p", FORCED, None),
    ("a>p; p=Pay!{1}>m; m>f0:p|m", "a>p; p=Pay!{1}>m; m>p", "m", "m", FORCED, None),
    ("a>p; p=Pay{1}>m; m>e; e", "a>m; m>p; p=Pay{1}>e; e", "m", "m", POSSIBLE, NEVER_FLAGGED),
    ("a>p; p=Pay{1}>m; m>e; e", "a>m; m>p; p=Pay!{1}>e; e", "m", "m", POSSIBLE, None),
    ("a>p; p=Pay{1}>m; m>e; e", "a>m; m>q; q=Debit!{1}>e; e", "m", "m", POSSIBLE, NEVER_FLAGGED),
    ("a>p; p=Pay!{1}>m; m>e; e", "a>m; m>q; q=Debit!{1}>e; e", "m", "m", POSSIBLE, None),
    ("a>p; p=Pay!{1}>m; m>e; e", "a>p; p=Pay!{1}>m; m>q; q=Debit!{1}>e; e", "m", "m", POSSIBLE, NEW_WORDS),
    ("a>p; p=Pay!{1}>m; m>q; q=Fee!{2}>e; e", "a>q; q=Fee!{2}>m; m>p; p=Pay!{1}>e; e", "m", "m", POSSIBLE, None),
    ("a>p; p=Pay!{1}>m; m>q; q=Fee!{2}>e; e", "a>q; q=Pay!{2}>m; m>p; p=Fee!{1}>e; e", "m", "m", POSSIBLE,
     SHARED_WORDS),
)


@pytest.mark.parametrize(("first", "second", "start", "landing", "expected", "untold"), EXAMPLES)
def test_the_checker_by_example(first, second, start, landing, expected, untold):
    chain = [parse(first), parse(second)]
    old, new = Place(0, chain[0].by_id(start).uid), Place(1, chain[1].by_id(landing).uid)
    paid = [Place(0, step.uid) for step in chain[0].steps if step.act == 1]
    assert harm(chain, old, new, 1) == expected
    if expected:
        assert Reader(chain, 1).why_untold(old, new, paid) == untold


def test_going_on_for_ever_avoids_a_step():
    version = parse("a>f0:b|p; b>f0:b|p; p>e; e")
    pay = {version.by_id("p").uid}
    assert can_avoid(version, version.by_id("a"), pay)
    straight = parse("a>b; b>p; p>e; e")
    assert not can_avoid(straight, straight.by_id("a"), {straight.by_id("p").uid})
