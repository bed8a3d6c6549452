"""Simulation before equals what happened after, session by session: by turns, and by a batch."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import pytest
from psycopg.types.json import Jsonb
from test_corpus import FLOWS, Flow

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
EDITS = [
    ("order_flow_v1", "order_flow_v2"),
    ("maternal_health_v1", "maternal_health_v2"),
    ("maternal_health_v2", "maternal_health_v3"),
]
TENANT = uuid.UUID("b1111111-1111-4111-8111-111111111111")


def definition(name: str) -> dict:
    return json.loads((EXAMPLES / f"{name}.json").read_text(encoding="utf-8"))


def some_values(document: dict) -> dict:
    """A value for each field that the version knows."""
    fields = set()
    for step in document["steps"]:
        fields.update(step.get("collects_profile_fields") or [])
        for transition in step.get("transitions") or []:
            fields.update(transition.get("condition_fields") or [])
    return {field: [20, "yes", True][len(field) % 3] for field in sorted(fields)}


def walk_everywhere(db, scenario: uuid.UUID, old: dict, new: dict) -> int:
    """Sessions that walk from the entry along every transition, some with values for all fields, some with none.

    Returns how many of them have not come to an end.
    """
    targets = {step["id"]: [t["to_step_id"] for t in step.get("transitions") or []] for step in old["steps"]}
    ways, queue = [], [[old["entry_step_id"]]]
    while queue and len(ways) < 60:
        way = queue.pop(0)
        ways.append(way)
        queue += [[*way, there] for there in targets[way[-1]] if way.count(there) < 2]
    values = some_values(old) | some_values(new)
    ends = {step["id"] for step in old["steps"] if step.get("is_terminal")}
    count = 0
    for way in ways:
        for variables in ({}, values):
            session = uuid.uuid5(scenario, f"{way} {bool(variables)}")
            db.execute(
                "select scenario.start_session(%s, %s, %s, variables => %s)",
                [TENANT, session, scenario, Jsonb(variables)],
            )
            for there in way[1:]:
                db.execute("select scenario.advance_session(%s, %s, %s)", [TENANT, session, there])
            count += way[-1] not in ends
    return count


@pytest.mark.parametrize("by", ["turns", "batch"])
@pytest.mark.parametrize("old_name, new_name", EDITS)
def test_what_was_simulated_is_what_comes(db, old_name, new_name, by):
    old, new = definition(old_name), definition(new_name)
    scenario = db.execute("select scenario.create_scenario(%s, %s)", [TENANT, Jsonb(old)]).fetchone()[0]
    sessions = walk_everywhere(db, scenario, old, new)
    db.execute("select scenario.create_scenario_version(%s, %s, %s)", [TENANT, scenario, Jsonb(new)])
    plan = db.execute("select scenario.build_migration_plan(%s, %s, 2)", [TENANT, scenario]).fetchone()[0]

    with db.transaction():
        db.execute("set transaction read only")
        foreseen = {row[0]: row[1:] for row in db.execute(
            """
            select session_id, action, target_step_id, migration_scenario, reason, collect_fields, confirm_fields,
                   execute_step_ids, blocked_by_checkpoint
              from scenario.simulate_migration_plan(%s, %s)
            """, [TENANT, plan])}
    assert len(foreseen) == sessions
    totals = "select sum(sessions), sum(blocked) from scenario.simulation_summary(%s, %s)"
    grouped = db.execute(totals, [TENANT, plan]).fetchone()
    assert grouped == (sessions, sum(row[-1] for row in foreseen.values()))
    summary = db.execute("select scenario.migration_summary(%s, %s)", [TENANT, plan]).fetchone()[0]
    assert summary["sessions"]["total"] == sessions
    at_most = {field["field"]: field["sessions_at_most"] for field in summary["fields_to_collect"]}
    asked: dict[str, int] = {}
    for row in foreseen.values():
        for field in row[4]:
            asked[field] = asked.get(field, 0) + 1

    db.execute("select scenario.approve_migration_plan(%s, %s)", [TENANT, plan])
    db.execute("select scenario.deploy_migration_plan(%s, %s)", [TENANT, plan])
    if by == "turns":
        came = {row[0]: row[1:] for row in db.execute(
            """
            select s.session_id, r.action, r.target_step_id, r.migration_scenario, r.reason,
                   r.collect_fields, r.confirm_fields, r.execute_step_ids, r.blocked_by_checkpoint
              from scenario.sessions s, lateral scenario.reconcile_session(s.tenant_id, s.session_id) r
             where s.tenant_id = %s
            """, [TENANT])}
        finished = [came.pop(session)[0] for session in came.keys() - foreseen.keys()]
        assert came == foreseen
        assert set(finished) <= {"continue"}
    else:
        db.execute("call scenario.migrate_sessions(%s, %s, 7)", [TENANT, plan])
        for session, step, version, waiting, status in db.execute(
            "select session_id, step_id, scenario_version, waiting_for, status from scenario.sessions "
            "where tenant_id = %s", [TENANT]
        ):
            if session not in foreseen:
                assert (version, status) == (1, "completed"), session
                continue
            action, target = foreseen[session][:2]
            if action in ("teleport", "continue"):
                assert (step, version) == (target, 2), session
            elif action == "exit_scenario":
                assert step is None
            else:
                assert version == 1 and waiting is None, "a batch asks nobody"
        would_ask = {session for session, row in foreseen.items() if row[0] in ("collect", "execute_action", "decide")}
        audited = dict(db.execute(
            "select session_id, reason from scenario.migration_audit where tenant_id = %s and revision = 1", [TENANT]))
        assert audited == {session: row[3] for session, row in foreseen.items() if session not in would_ask}
        assert would_ask
        counts = db.execute(
            "select done, deferred, failed, blocked from scenario.batch_runs where tenant_id = %s", [TENANT]
        ).fetchone()
        assert counts == (sessions, len(would_ask), 0, sum(row[-1] for row in foreseen.values()))
    assert db.execute("select * from scenario.check_invariants()").fetchall() == []
    assert all(asked[field] <= at_most.get(field, sessions) for field in asked)


COLUMNS = "action, target_step_id, target_step_name, migration_scenario, anchor_content_hash, reason, " \
          "collect_fields, confirm_fields, execute_step_ids, blocked_by_checkpoint, checkpoint_warning"


@pytest.mark.parametrize("file", FLOWS, ids=lambda file: file.stem)
def test_every_edit_of_the_corpus(file, db):
    """Real flows: sessions at every step, some of them walked there; simulated, deployed, and one turn each."""
    flow = Flow(db, file)
    for old, new in zip(flow.definitions, flow.definitions[1:]):
        sessions = flow.populate(old, new)
        create = "select scenario.create_scenario_version(%s, %s, %s)"
        version = flow.one(create, flow.tenant, flow.scenario, Jsonb(new))[0]
        plan = flow.one("select scenario.build_migration_plan(%s, %s, %s)", flow.tenant, flow.scenario, version)[0]
        simulate = f"select session_id, {COLUMNS} from scenario.simulate_migration_plan(%s, %s) order by 1"
        foreseen = flow.all(simulate, flow.tenant, plan)
        summary = flow.one("select scenario.migration_summary(%s, %s)", flow.tenant, plan)[0]
        assert len(foreseen) == sessions == summary["sessions"]["total"]
        db.execute("select scenario.approve_migration_plan(%s, %s)", [flow.tenant, plan])
        db.execute("select scenario.deploy_migration_plan(%s, %s)", [flow.tenant, plan])
        came = flow.all(
            f"select s.session_id, {COLUMNS.replace('anchor_content_hash', 'r.anchor_content_hash')} "
            "from scenario.sessions s, lateral scenario.reconcile_session(s.tenant_id, s.session_id) r "
            "where s.tenant_id = %s order by 1", flow.tenant)
        assert came == foreseen, f"{flow.name}, version {flow.version}"
        assert flow.all("select * from scenario.check_invariants()") == []
        flow.version += 1


def test_it_writes_nothing(server, new_cluster, new_folder):
    """On a hot standby nothing can be written."""
    primary = new_cluster()
    with primary.connect() as db:
        db.execute("create extension pg_scenario")
        create = "select scenario.create_scenario(%s, %s)"
        scenario = db.execute(create, [TENANT, Jsonb(definition("order_flow_v1"))]).fetchone()[0]
        session = uuid.uuid4()
        db.execute("select scenario.start_session(%s, %s, %s)", [TENANT, session, scenario])
        create = "select scenario.create_scenario_version(%s, %s, %s)"
        db.execute(create, [TENANT, scenario, Jsonb(definition("order_flow_v2"))])
        plan = db.execute("select scenario.build_migration_plan(%s, %s, 2)", [TENANT, scenario]).fetchone()[0]
    standby = primary.standby(new_folder())
    standby.catch_up_with(primary)
    with standby.connect() as db:
        for call in ["simulate_migration_plan", "simulation_summary", "plan_report", "plan_mermaid",
                     "stranded_sessions"]:
            db.execute(f"select * from scenario.{call}(%s, %s)", [TENANT, plan]).fetchall()
        for rows in ["check_invariants()", "version_drain", "migration_metrics", "batch_progress"]:
            db.execute(f"select * from scenario.{rows}").fetchall()
