"""Real flows with their real edits: every pair of consecutive versions is published over sessions at every step.

The flows are other people's data and are not in the repository. SCENARIO_CORPUS says where they are: a folder of files
{"flow", "versions": [{"version", "definition"}]}, oldest version first. Default: ../shared/corpus beside the checkout.
Without them these tests are skipped.

Each step of the old version gets two sessions: one put there, and one that walked there from the entry. Every other one
of those that walked has values for all fields. Preview comes first, then the turn, then everything that must hold
afterwards. Last, those that walked answer whatever they are asked, until none of them waits any more.
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

ROOT = Path(__file__).resolve().parents[2]
CORPUS = Path(os.environ.get("SCENARIO_CORPUS") or ROOT.parent / "shared" / "corpus")
FLOWS = sorted(CORPUS.glob("*.json"))
ROUNDS = 100
ACTIONS = ["teleport", "continue", "collect", "execute_action", "decide", "exit_scenario"]
NAMESPACE = uuid.UUID("6f0a7d52-9d3c-4f0e-8f4c-3f1d5b1f0a11")


def report(text: str) -> None:
    """Prints a text, with `make test` before its summary."""
    folder = os.environ.get("SCENARIO_REPORT")
    if folder:
        Path(folder, "corpus.txt").write_text(text + "\n", encoding="utf-8")
    print(f"\n{text}")


@pytest.fixture(scope="module")
def corpus_db(server, template):
    """One database for all flows, a tenant each."""
    if not FLOWS:
        absent = f"real flows: skipped, there are none in {CORPUS}; set SCENARIO_CORPUS"
        report(absent)
        pytest.skip(absent)
    name = "corpus"
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
    heads = ["flow", "pairs", "steps", "anchors", "edited", "deleted", "sessions", *ACTIONS, "seconds"]
    totals = ["all"] + [sum(row[column] for row in rows) for column in range(1, len(heads))]
    lines = [heads, *rows, totals]
    lines = [[f"{cell:.1f}" if isinstance(cell, float) else str(cell) for cell in line] for line in lines]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    text = "\n".join(
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths))
        )
        for line in lines
    )
    report(f"real flows, published over sessions at every step\n{text}")


def shortest_ways(definition: dict) -> dict[str, list[str]]:
    """For each step that the entry leads to, the steps of a shortest way there, entry and step included."""
    targets = {step["id"]: [t["to_step_id"] for t in step.get("transitions") or []] for step in definition["steps"]}
    entry = definition["entry_step_id"]
    ways = {entry: [entry]}
    queue = deque([entry])
    while queue:
        here = queue.popleft()
        for there in targets[here]:
            if there not in ways:
                ways[there] = [*ways[here], there]
                queue.append(there)
    return ways


def some_values(*definitions: dict) -> dict:
    """A value for every field that one of the versions knows. Any value will do, if it is the same each time."""
    fields = set()
    for definition in definitions:
        for step in definition["steps"]:
            fields.update(step.get("collects_profile_fields") or [])
            for transition in step.get("transitions") or []:
                fields.update(transition.get("condition_fields") or [])
    values = [True, False, 30, 3.5, "yes", "no", "en"]
    return {field: values[uuid.uuid5(NAMESPACE, field).int % len(values)] for field in sorted(fields)}


class Flow:
    """One flow, as a tenant of its own."""

    def __init__(self, db, file: Path):
        document = json.loads(file.read_text(encoding="utf-8"))
        self.db = db
        self.name = file.stem
        self.definitions = [version["definition"] for version in document["versions"]]
        self.tenant = uuid.uuid5(NAMESPACE, self.name)
        self.version = 1
        self.scenario = self.one("select scenario.create_scenario(%s, %s)", self.tenant, Jsonb(self.definitions[0]))[0]

    def one(self, sql: str, *values, **named):
        return self.db.execute(sql, named or values).fetchone()

    def all(self, sql: str, *values, **named):
        return self.db.execute(sql, named or values).fetchall()

    def populate(self, old: dict, new: dict) -> int:
        """Two sessions a step; returns how many have not come to an end.

        Those that have are taken away: nobody moves them.
        """
        self.db.execute("delete from scenario.sessions where tenant_id = %s", [self.tenant])
        # put there
        self.db.execute(
            """
            select scenario.start_session(st.tenant_id, gen_random_uuid(), st.scenario_id, step_id => st.step_id)
              from scenario.scenario_steps st
             where st.tenant_id = %s and st.scenario_id = %s and st.version = %s
            """,
            [self.tenant, self.scenario, self.version],
        )
        # walked there: all start at the entry, and at each round those that have further to go take a step
        ways = list(shortest_ways(old).values())
        values = some_values(old, new)
        self.db.execute("drop table if exists walkers")
        self.db.execute("create temporary table walkers (session_id uuid, way text[])")
        with self.db.cursor().copy("copy walkers from stdin") as copy:
            for way in ways:
                copy.write_row((uuid.uuid4(), way))
        self.db.execute(
            """
            select scenario.start_session(%s, w.session_id, %s,
                                          variables => case when w.no %% 2 = 0 then %s::jsonb else '{}' end)
              from (select *, row_number() over () as no from walkers) as w
            """,
            [self.tenant, self.scenario, Jsonb(values)],
        )
        for place in range(2, max(map(len, ways)) + 1):
            # the last step as a backend would go it, the others with plain SQL
            self.db.execute(
                """
                update scenario.sessions s set step_id = w.way[%(place)s], turn_count = %(place)s
                  from walkers w
                 where s.tenant_id = %(tenant)s and s.session_id = w.session_id and cardinality(w.way) > %(place)s
                """,
                {"place": place, "tenant": self.tenant},
            )
            self.db.execute(
                """
                select scenario.advance_session(%(tenant)s, w.session_id, w.way[%(place)s], %(place)s)
                  from walkers w where cardinality(w.way) = %(place)s
                """,
                {"place": place, "tenant": self.tenant},
            )
        count = self.one("select count(*) from scenario.sessions where tenant_id = %s", self.tenant)[0]
        assert count == len(old["steps"]) + len(ways)
        ends = {step["id"] for step in old["steps"] if step.get("is_terminal")}
        gone = self.all(
            "delete from scenario.sessions where tenant_id = %s and status = 'completed' returning step_id",
            self.tenant,
        )
        assert len(gone) == len(ends) + sum(way[-1] in ends for way in ways)
        return count - len(gone)

    def publish(self, new: dict) -> tuple[uuid.UUID, Counter]:
        """Stores, plans, approves and deploys the next version."""
        call = "select scenario.create_scenario_version(%s, %s, %s)"
        version = self.one(call, self.tenant, self.scenario, Jsonb(new))[0]
        assert version == self.version + 1
        plan = self.one("select scenario.build_migration_plan(%s, %s, %s)", self.tenant, self.scenario, version)[0]
        summary = self.one("select scenario.migration_summary(%s, %s)", self.tenant, plan)[0]
        kinds = Counter(
            kind or "deleted"
            for (kind,) in self.all(
                "select pairing from scenario.plan_anchors where tenant_id = %s and plan_id = %s", self.tenant, plan
            )
        )
        assert kinds.total() == len(self.definitions[self.version - 1]["steps"]), "every step is an anchor or deleted"
        sessions = self.one("select count(*) from scenario.sessions where tenant_id = %s", self.tenant)[0]
        assert summary["sessions"]["total"] == sessions, "the summary counts every session"
        assert summary["anchors"]["total"] == kinds.total() - kinds["deleted"]
        assert summary["steps_deleted"] == kinds["deleted"]
        self.db.execute("select scenario.approve_migration_plan(%s, %s)", [self.tenant, plan])
        marked = self.one("select sessions_marked from scenario.deploy_migration_plan(%s, %s)", self.tenant, plan)[0]
        assert marked == sessions, "without a policy every session is marked"
        return plan, kinds

    def reconcile(self) -> Counter:
        """A preview and a turn of every session, and what must hold afterwards. Returns the turns by action."""
        self.db.execute("drop table if exists foreseen, came")
        audited = "select count(*) from scenario.migration_audit where tenant_id = %s"
        before = self.one(audited, self.tenant)
        self.db.execute(
            """
            create temporary table foreseen as
            select s.session_id, s.step_id as old_step_id, s.step_content_hash as old_hash, r.*
              from scenario.sessions s, lateral scenario.preview_reconciliation(s.tenant_id, s.session_id) r
             where s.tenant_id = %s
            """,
            [self.tenant],
        )
        assert self.one(audited, self.tenant) == before, "a preview writes nothing"
        self.db.execute(
            """
            create temporary table came as
            select s.session_id, s.step_id as old_step_id, s.step_content_hash as old_hash, r.*
              from scenario.sessions s, lateral scenario.reconcile_session(s.tenant_id, s.session_id) r
             where s.tenant_id = %s
            """,
            [self.tenant],
        )
        self.db.execute("analyze came")
        self.preview_said_it()
        self.nobody_is_lost()
        self.same_content_is_kept()
        self.audit_is_complete()
        self.second_turn_changes_nothing()
        actions = Counter(dict(self.all("select action, count(*) from came group by action")))
        self.answer_until_nobody_waits()
        self.nobody_is_lost()
        self.nobody_is_before_a_checkpoint()
        return actions

    def preview_said_it(self) -> None:
        differing = self.all(
            "select f.session_id, to_jsonb(f), to_jsonb(c) from foreseen f join came c using (session_id) "
            "where to_jsonb(f) <> to_jsonb(c) limit 3"
        )
        assert differing == [], "preview says what reconcile then does"

    def nobody_is_lost(self) -> None:
        lost = self.all(
            """
            select s.session_id, c.action, c.reason, s.scenario_version, s.reconciled_deployments, s.step_id,
                   s.waiting_for
              from came c
              left join scenario.sessions s on s.tenant_id = %(tenant)s and s.session_id = c.session_id
             where case
                 when s.session_id is null then true
                 -- left the scenario, which is on record
                 when s.scenario_id is null then
                     c.action <> 'exit_scenario' or not exists (
                         select from scenario.migration_audit a
                          where a.tenant_id = s.tenant_id and a.session_id = s.session_id and a.revision = s.revision
                            and a.action = 'exit_scenario' and a.reason <> '')
                 -- in the new version, at the step that was told
                 when s.scenario_version = %(to)s then
                     c.action not in ('teleport', 'continue') or s.step_id <> c.target_step_id
                     or s.pending_plan_id is not null or s.reconciled_deployments is null or s.pinned_at is not null
                     or not exists (
                         select from scenario.scenario_steps st
                          where (st.tenant_id, st.scenario_id, st.version, st.step_id)
                              = (s.tenant_id, s.scenario_id, s.scenario_version, s.step_id))
                 -- waiting for somebody, still marked and where it was
                 when s.pending_plan_id is not null then
                     c.action not in ('collect', 'execute_action', 'decide') or s.waiting_for is null
                     or c.reason is null or s.step_id <> c.old_step_id
                     or c.action = 'collect' and cardinality(c.collect_fields) = 0 and cardinality(c.confirm_fields) = 0
                 -- pinned
                 else c.action <> 'continue' or s.pinned_at is null or s.step_id <> c.old_step_id
             end
            """,
            tenant=self.tenant,
            to=self.version + 1,
        )
        if lost:
            raise AssertionError(f"{len(lost)} sessions lost, of these {lost[:3]}")

    def same_content_is_kept(self) -> None:
        """A step whose content is there once on both sides keeps its sessions, where no fork leads them elsewhere."""
        lost = self.all(
            """
            with once as (
                select version, content_hash, min(step_id) as step_id from scenario.scenario_steps
                 where tenant_id = %(tenant)s and scenario_id = %(scenario)s and version in (%(old)s, %(new)s)
                 group by version, content_hash having count(*) = 1
            )
            select c.session_id, c.action, c.reason, c.old_step_id, c.target_step_id
              from came c
              join once o on o.version = %(old)s and o.step_id = c.old_step_id
              join once n on n.version = %(new)s and n.content_hash = o.content_hash
             where c.action = 'exit_scenario'
                or c.action = 'teleport' and c.target_step_id <> n.step_id
                   and c.reason not like '%%fork%%'
             limit 3
            """,
            tenant=self.tenant,
            scenario=self.scenario,
            old=self.version,
            new=self.version + 1,
        )
        assert lost == [], "a step that is still there keeps its sessions"

    def audit_is_complete(self) -> None:
        """A turn that moved, asked for the first time, blocked or let go has one row, and other turns have none."""
        wrong = self.all(
            """
            select c.session_id, c.action, count(a.session_id)
              from came c
              left join scenario.migration_audit a on a.tenant_id = %s and a.session_id = c.session_id
             group by c.session_id, c.action
            having count(a.session_id) <> 1 and c.action in ('teleport', 'collect', 'continue', 'exit_scenario')
                or count(a.session_id) > 1
             limit 3
            """,
            self.tenant,
        )
        assert wrong == [], "one audit row for one application"

    def second_turn_changes_nothing(self) -> None:
        state = (
            "select jsonb_agg(to_jsonb(s) - array['last_activity_at', 'waiting_since'] order by s.session_id) "
            "from scenario.sessions s where s.tenant_id = %s"
        )
        before = self.one(state, self.tenant)
        again = self.all(
            """
            select c.action, r.action, count(*)
              from came c
              join scenario.sessions s on s.tenant_id = %s and s.session_id = c.session_id,
                   lateral scenario.reconcile_session(s.tenant_id, s.session_id) r
             group by 1, 2
            """,
            self.tenant,
        )
        for first, second, count in again:
            expected = first if first in ("collect", "execute_action", "decide") else "continue"
            assert second == expected, f"{count} sessions: {first}, then {second}"
        assert self.one(state, self.tenant) == before

    def answer_until_nobody_waits(self) -> None:
        """Answers, acts and decides, turn after turn, for those who walked, as they are asked to."""
        values = some_values(self.definitions[self.version - 1], self.definitions[self.version])
        for _ in range(ROUNDS):
            self.db.execute("drop table if exists waiting")
            self.db.execute(
                "create temporary table waiting as select came.* from came join walkers using (session_id) "
                "where action in ('collect', 'execute_action', 'decide')"
            )
            if self.one("select count(*) from waiting") == (0,):
                return
            refused = self.all(
                """
                select w.session_id, f.*
                  from waiting w,
                       lateral (select jsonb_object_agg(field, %(values)s::jsonb -> field)
                                  from unnest(w.collect_fields) field) v(answers),
                       lateral scenario.submit_fields(%(tenant)s, w.session_id, v.answers) f
                 where w.action = 'collect' and not f.accepted
                """,
                values=Jsonb(values),
                tenant=self.tenant,
            )
            assert refused == []
            self.db.execute(
                """
                select scenario.complete_action(%(tenant)s, w.session_id, step_id)
                  from waiting w, unnest(w.execute_step_ids) step_id where w.action = 'execute_action'
                """,
                {"tenant": self.tenant},
            )
            self.db.execute(
                """
                select scenario.submit_decision(%(tenant)s, w.session_id, fork ->> 'fork_step_id',
                                                fork #>> '{branches,0,target_step_id}')
                  from waiting w, jsonb_array_elements(w.decisions) fork where w.action = 'decide'
                """,
                {"tenant": self.tenant},
            )
            self.db.execute(
                """
                create temporary table next as
                select w.session_id, w.old_step_id, w.old_hash, w.collect_fields as asked_before, r.*
                  from waiting w, lateral scenario.reconcile_session(%s, w.session_id) r
                """,
                [self.tenant],
            )
            again = self.all(
                "select session_id, asked_before, collect_fields from next where asked_before && collect_fields limit 3"
            )
            assert again == [], "nobody is asked again for what they have answered"
            self.db.execute("alter table next drop column asked_before")
            self.db.execute("delete from came using waiting w where came.session_id = w.session_id")
            self.db.execute("insert into came select * from next")
            self.db.execute("drop table next")
        raise AssertionError(f"still waiting after {ROUNDS} turns: {self.all('select * from waiting limit 1')}")

    def nobody_is_before_a_checkpoint(self) -> None:
        """Who was moved elsewhere than to their own step can come to no checkpoint that they passed."""
        leads = dict(
            self.all(
                "select step_id, next_step_ids from scenario.scenario_steps "
                "where tenant_id = %s and scenario_id = %s and version = %s",
                self.tenant,
                self.scenario,
                self.version + 1,
            )
        )
        moved = self.all(
            """
            select c.session_id, c.target_step_id, array_agg(distinct checkpoint.new_step_id)
              from came c
              join scenario.migration_plans p
                on p.tenant_id = %(tenant)s and p.scenario_id = %(scenario)s
               and p.from_version = %(old)s and p.to_version = %(new)s
              join scenario.plan_anchors place
                on place.tenant_id = p.tenant_id and place.plan_id = p.plan_id and place.old_step_id = c.old_step_id
              join scenario.step_visits v
                on v.tenant_id = p.tenant_id and v.session_id = c.session_id
               and v.scenario_version = %(old)s and v.is_checkpoint
              join scenario.plan_anchors checkpoint
                on checkpoint.tenant_id = p.tenant_id and checkpoint.plan_id = p.plan_id
               and checkpoint.old_step_id = v.step_id
             where c.action = 'teleport' and c.target_step_id is distinct from place.new_step_id
               and checkpoint.new_step_id is not null
             group by c.session_id, c.target_step_id
            """,
            tenant=self.tenant,
            scenario=self.scenario,
            old=self.version,
            new=self.version + 1,
        )
        for session, target, checkpoints in moved:
            seen, queue = {target}, deque([target])
            while queue:
                for there in leads[queue.popleft()]:
                    if there not in seen:
                        seen.add(there)
                        queue.append(there)
            back = f"session {session} was moved to {target}, before a checkpoint that it passed"
            assert not seen & set(checkpoints), back


@pytest.mark.parametrize("file", FLOWS or [Path("none")], ids=lambda file: file.stem)
def test_every_edit(file, corpus_db, table):
    started = time.monotonic()
    flow = Flow(corpus_db, file)
    steps = sessions = 0
    kinds, actions = Counter(), Counter()
    for old, new in zip(flow.definitions, flow.definitions[1:]):
        steps += len(old["steps"])
        sessions += flow.populate(old, new)
        kinds += flow.publish(new)[1]
        actions += flow.reconcile()
        flow.version += 1
    assert actions.total() == sessions
    anchors = kinds.total() - kinds["deleted"]
    assert anchors + kinds["deleted"] == steps
    table.append(
        [flow.name, flow.version - 1, steps, anchors, kinds["edited"], kinds["deleted"], sessions]
        + [actions[action] for action in ACTIONS]
        + [time.monotonic() - started]
    )
