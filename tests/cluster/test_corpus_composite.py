"""Real flows with three or more versions: a session at every step of the first one comes straight to the last.

In another tenant, the same sessions are migrated version by version, as if every customer had written between any two
releases. What they would have been asked there is what a chain of plans saves (docs/behaviour.md, "Chains"). Customers
know nothing at first and answer whatever they are asked. test_corpus.py says where the flows come from. Without them,
this is skipped.
"""

from __future__ import annotations

import json
import os
import time
import uuid
from collections import Counter, deque
from pathlib import Path

import pytest
from psycopg.types.json import Jsonb
from test_corpus import CORPUS, FLOWS, NAMESPACE, ROUNDS, shortest_ways, some_values

ACTIONS = ["teleport", "continue", "collect", "execute_action", "decide", "exit_scenario"]
COUNTED = ["fields", "actions", "decisions"]


def definitions(file: Path) -> list[dict]:
    return [version["definition"] for version in json.loads(file.read_text(encoding="utf-8"))["versions"]]


LONG = [file for file in FLOWS if len(definitions(file)) >= 3]


@pytest.fixture(scope="module")
def composite_db(server, template):
    if not LONG:
        pytest.skip(f"there are no real flows of three versions in {CORPUS}; set SCENARIO_CORPUS")
    name = "corpus_composite"
    with server.connect() as connection:
        connection.execute(f"create database {name} template {template}")
    with server.connect(name) as connection:
        yield connection
    with server.connect() as connection:
        connection.execute(f"drop database {name} with (force)")


@pytest.fixture(scope="module")
def table():
    """Rows for the report: one a flow, printed when all have run."""
    rows: list[list] = []
    yield rows
    if not rows:
        return
    heads = ["flow", "versions", "sessions", *ACTIONS]
    heads += [f"{what}{way}" for what in COUNTED for way in ("", " by steps")] + ["same end", "seconds"]
    lines = [heads, *rows, ["all"] + [sum(row[column] for row in rows) for column in range(1, len(heads))]]
    lines = [[f"{cell:.1f}" if isinstance(cell, float) else str(cell) for cell in line] for line in lines]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    text = "\n".join(
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths))
        )
        for line in lines
    )
    text = (
        "real flows, from the first version straight to the last: the first turn by action, then what customers were "
        "asked for, what was\n"
        f"executed and decided until nobody waited, beside the same version by version\n{text}\n"
    )
    if os.environ.get("SCENARIO_REPORT"):
        Path(os.environ["SCENARIO_REPORT"], "corpus_composite.txt").write_text(text, encoding="utf-8")
    print(f"\n{text}")


class Walk:
    """A tenant that publishes the versions of a flow one after the other, over sessions at every step of the first."""

    def __init__(self, db, name: str, versions: list[dict]):
        self.db, self.versions, self.version = db, versions, 1
        self.tenant = uuid.uuid5(NAMESPACE, name)
        self.values = Jsonb(some_values(*versions))
        self.scenario = self.one("select scenario.create_scenario(%s, %s)", Jsonb(versions[0]))[0]
        self.asked: dict[str, set] = {what: set() for what in COUNTED}
        self.populate()

    def run(self, sql: str, *values):
        return self.db.execute(sql, [self.tenant, *values])

    def one(self, sql: str, *values):
        return self.run(sql, *values).fetchone()

    def all(self, sql: str, *values):
        return self.run(sql, *values).fetchall()

    def populate(self) -> None:
        """A session at each step: walked there from the entry if it leads there, else put there.

        Those at a terminal step have come to their end, and are taken away: nobody moves them.
        """
        ways = shortest_ways(self.versions[0])
        steps = [step["id"] for step in self.versions[0]["steps"]]
        self.db.execute("drop table if exists walkers")
        self.db.execute("create temporary table walkers (session_id uuid, way text[])")
        with self.db.cursor().copy("copy walkers from stdin") as copy:
            for step in steps:
                copy.write_row((uuid.uuid5(self.tenant, step), ways.get(step, [step])))
        self.run("select scenario.start_session(%s, session_id, %s, step_id => way[1]) from walkers", self.scenario)
        for place in range(2, max(map(len, ways.values())) + 1):
            self.run(
                """
                update scenario.sessions s set step_id = w.way[%(place)s] from walkers w
                 where s.tenant_id = %(tenant)s and s.session_id = w.session_id and cardinality(w.way) >= %(place)s
                """.replace("%(place)s", str(place)).replace("%(tenant)s", "%s")
            )
        self.run("delete from scenario.sessions where tenant_id = %s and status = 'completed'")

    def publish(self) -> None:
        """Stores, plans, approves and deploys the next version."""
        new = Jsonb(self.versions[self.version])
        self.version = self.one("select scenario.create_scenario_version(%s, %s, %s)", self.scenario, new)[0]
        plan = self.one("select scenario.build_migration_plan(%s, %s, %s)", self.scenario, self.version)[0]
        self.one("select status from scenario.approve_migration_plan(%s, %s)", plan)
        self.one("select sessions_marked from scenario.deploy_migration_plan(%s, %s)", plan)

    def settle(self) -> Counter:
        """Takes turns with answers until nobody waits, and notes what was asked.

        Returns the first turn of each session by action.
        """
        first = None
        for _ in range(ROUNDS):
            self.db.execute("drop table if exists turn")
            self.run(
                """
                create temporary table turn as
                select s.session_id, r.*
                  from scenario.sessions s, lateral scenario.reconcile_session(s.tenant_id, s.session_id) r
                 where s.tenant_id = %s and s.scenario_id is not null and (%s or s.waiting_for is not null)
                """,
                first is None,
            )
            first = first or Counter(dict(self.db.execute("select action, count(*) from turn group by 1").fetchall()))
            waiting = "select {} from turn{} where action = '{}'"
            for what, columns, source, action in [
                ("fields", "session_id, field", ", unnest(collect_fields) field", "collect"),
                ("actions", "session_id, step", ", unnest(execute_step_ids) step", "execute_action"),
                ("decisions", "session_id, fork ->> 'fork_step_id'", ", jsonb_array_elements(decisions) fork",
                 "decide"),
            ]:
                asked = self.db.execute(waiting.format(columns, source, action)).fetchall()
                now = [(*row, self.version) for row in asked]
                again = [row for row in now if row in self.asked[what]]
                assert not again, f"asked twice: {what} {again[:3]}"
                self.asked[what].update(now)
            open_turns = "select count(*) from turn where action in ('collect', 'execute_action', 'decide')"
            if self.db.execute(open_turns).fetchone() == (0,):
                return first
            self.db.execute(
                """
                select scenario.submit_fields(%(tenant)s, t.session_id, v.answers)
                  from turn t,
                       lateral (select jsonb_object_agg(field, %(values)s::jsonb -> field)
                                  from unnest(t.collect_fields) field) v(answers)
                 where t.action = 'collect'
                """,
                {"values": self.values, "tenant": self.tenant},
            )
            self.run(
                "select scenario.complete_action(%s, t.session_id, step) from turn t, unnest(t.execute_step_ids) step "
                "where t.action = 'execute_action'"
            )
            self.run(
                "select scenario.submit_decision(%s, t.session_id, fork ->> 'fork_step_id', "
                "fork #>> '{branches,0,target_step_id}') "
                "from turn t, jsonb_array_elements(t.decisions) fork where t.action = 'decide'"
            )
        raise AssertionError(f"still waiting after {ROUNDS} turns")

    def places(self) -> dict:
        """Where everybody is, by the step of the first version: version and content hash, or None after an exit."""
        names = {uuid.uuid5(self.tenant, step["id"]): step["id"] for step in self.versions[0]["steps"]}
        rows = self.all(
            "select session_id, scenario_version, step_content_hash, step_id "
            "from scenario.sessions where tenant_id = %s"
        )
        return {names[row[0]]: row[1:] for row in rows}

    def wanted_by_newest(self) -> set[str]:
        rows = self.all(
            """
            select field from scenario.scenario_steps st, unnest(st.collects_profile_fields) field
             where st.tenant_id = %s and st.version = %s
            union
            select field from scenario.scenario_steps st, jsonb_array_elements(st.transitions) t,
                   jsonb_array_elements_text(t -> 'condition_fields') field
             where st.tenant_id = %s and st.version = %s
            """,
            self.version,
            self.tenant,
            self.version,
        )
        return {row[0] for row in rows}

    def before_a_checkpoint(self) -> list:
        """Who was moved elsewhere than to their own step, to where a checkpoint that they passed can be reached."""
        own = {step["id"]: step["id"] for step in self.versions[0]["steps"]}
        for old in range(1, self.version):
            link = dict(
                self.all(
                    """
                    select a.old_step_id, a.new_step_id
                      from scenario.plan_anchors a
                      join scenario.migration_plans p using (tenant_id, plan_id)
                     where a.tenant_id = %s and a.kind = 'anchor' and p.scenario_id = %s and p.from_version = %s
                    """,
                    self.scenario,
                    old,
                )
            )
            own = {step: link[then] for step, then in own.items() if then in link}
        leads = dict(
            self.all(
                "select step_id, next_step_ids from scenario.scenario_steps where tenant_id = %s and version = %s",
                self.version,
            )
        )
        checkpoints: dict[str, set[str]] = {}
        for session, step in self.all(
            "select session_id, step_id from scenario.step_visits "
            "where tenant_id = %s and scenario_version = 1 and is_checkpoint"
        ):
            checkpoints.setdefault(session, set()).add(step)
        found = []
        for step, (version, _, target) in self.places().items():
            passed = {own[c] for c in checkpoints.get(uuid.uuid5(self.tenant, step), ()) if c in own}
            if version != self.version or target == own.get(step) or not passed:
                continue
            seen, queue = {target}, deque([target])
            while queue:
                for there in leads[queue.popleft()]:
                    if there not in seen:
                        seen.add(there)
                        queue.append(there)
            found += [(step, target, passed & seen)] if passed & seen else []
        return found


@pytest.mark.parametrize("file", LONG or [Path("none")], ids=lambda file: file.stem)
def test_straight_to_the_last_version(file, composite_db, table):
    started = time.monotonic()
    versions = definitions(file)
    straight = Walk(composite_db, f"{file.stem} straight", versions)
    while straight.version < len(versions):
        straight.publish()
    actions = straight.settle()

    newest = len(versions)
    ends = straight.places()
    pinned = straight.all(
        "select distinct session_id from scenario.migration_audit where tenant_id = %s and action = 'pin'")
    held = {step for step in ends if (uuid.uuid5(straight.tenant, step),) in pinned}
    assert {ends[step][0] for step in held} <= {1}
    others = {ends[step][0] for step in ends.keys() - held}
    assert others <= {newest, None}, "who is not held walks the newest version, or has left"
    unwanted = {field for _, field, _ in straight.asked["fields"]} - straight.wanted_by_newest()
    assert not unwanted, f"asked for, and the newest version does not want it: {unwanted}"
    moves = straight.all(
        "select session_id, array_agg(cardinality(plan_ids)) from scenario.migration_audit "
        "where tenant_id = %s and to_version is distinct from from_version "
        "and action in ('teleport', 'continue') group by 1"
    )
    assert all(plans == [newest - 1] for _, plans in moves), "one move for all versions"
    assert straight.before_a_checkpoint() == []

    stepwise = Walk(composite_db, f"{file.stem} stepwise", versions)
    while stepwise.version < len(versions):
        stepwise.publish()
        stepwise.settle()
    same = sum(ends[step][1] == place[1] for step, place in stepwise.places().items())
    row = [file.stem, newest, len(ends), *(actions[action] for action in ACTIONS)]
    for what in COUNTED:
        # a field is counted once for a customer, whichever version wanted it
        row += [len({entry[:2] for entry in walk.asked[what]}) for walk in (straight, stepwise)]
    table.append([*row, same, time.monotonic() - started])
