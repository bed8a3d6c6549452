"""Simulations and batches read the facts of a page of sessions at once: what they say of a session, or do with it, is
what its preview says."""

from __future__ import annotations

import uuid

from psycopg.types.json import Jsonb

TENANT = uuid.UUID("ab111111-1111-4111-8111-111111111111")
SCENARIO = uuid.UUID("ab222222-2222-4222-8222-222222222222")
SESSIONS = 1_600  # more than a page
COLUMNS = (
    "action, target_step_id, target_step_name, migration_scenario, anchor_content_hash, reason, collect_fields, "
    "confirm_fields, execute_step_ids, blocked_by_checkpoint, checkpoint_warning"
)


def step(name: str, *onward, **more) -> dict:
    ways = [way if isinstance(way, dict) else {"to_step_id": way} for way in onward]
    return {"id": name, "name": f"Step {name}", "transitions": ways, **more}


def version(*steps: dict) -> Jsonb:
    return Jsonb({"name": "Pages", "entry_step_id": "a", "steps": list(steps)})


FIRST = version(step("a", "b"), step("b", "c"), step("c", "e"), step("e", is_terminal=True))
SECOND = version(step("a", "b"), step("b", "pay"), step("pay", "c", is_checkpoint=True), step("c", "e"),
                 step("e", is_terminal=True))
THIRD = version(
    step("a", "age"), step("age", "city", collects_profile_fields=["age"]),
    step("city", "act", collects_profile_fields=["city"]),
    step("act", "fork", is_required_action=True),
    step("fork", {"to_step_id": "b", "condition_text": "the customer is a regular", "priority": 2},
         {"to_step_id": "minor", "condition_text": "age < 18", "priority": 1}, {"to_step_id": "b"}),
    step("minor", is_terminal=True), step("b", "pay"), step("pay", "c", is_checkpoint=True), step("c", "e"),
    step("e", "f"), step("f", is_terminal=True))


def sessions_of_all_kinds(db) -> uuid.UUID:
    """Sessions that differ in whatever a decision can ask of them; returns the plan to the third version."""
    db.execute("set scenario.require_approval = off")
    db.execute("""insert into scenario.field_definitions (tenant_id, field_name, schema, extraction_pattern)
                  values (%(t)s, 'age', '{"type": "integer"}', 'I am ([0-9]+)'), (%(t)s, 'city', null, 'in (Oslo|Rome)')
               """, {"t": TENANT})
    db.execute("select scenario.create_scenario(%s, %s, %s)", [TENANT, FIRST, SCENARIO])
    start = """insert into scenario.sessions (tenant_id, session_id, scenario_id, step_id, customer_id, variables)
               select %(t)s, ('ab000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, %(s)s,
                      case n %% 7 when 0 then 'b' when 1 then 'c' else 'a' end,
                      case when n %% 5 > 0 then ('ab000000-0000-4000-9000-' || lpad((n / 2)::text, 12, '0'))::uuid end,
                      case n %% 3 when 0 then '{"age": 40}' when 1 then '{"age": "no"}' else '{}' end::jsonb
                 from generate_series(%(from)s::integer, %(to)s::integer) as n"""
    walk = """update scenario.sessions set step_id = %s
               where tenant_id = %s and step_id = %s and hashtext(session_id::text) %% 2 = 0"""
    for number, definition in ((1, SECOND), (2, THIRD)):
        half = SESSIONS // 2
        db.execute(start, {"t": TENANT, "s": SCENARIO, "from": (number - 1) * half + 1, "to": number * half})
        for old, new in (("a", "b"), ("b", "pay" if number == 2 else "c"), ("pay", "c"), ("c", "e")):
            db.execute(walk, [new, TENANT, old])
        db.execute("select scenario.create_scenario_version(%s, %s, %s)", [TENANT, SCENARIO, definition])
        build = "select scenario.build_migration_plan(%s, %s, %s)"
        plan = db.execute(build, [TENANT, SCENARIO, number + 1]).fetchone()[0]
        if number == 1:
            db.execute("select scenario.deploy_migration_plan(%s, %s)", [TENANT, plan])
            # some move to the second version, and others stay on the first
            db.execute("""select scenario.reconcile_session(tenant_id, session_id) from scenario.sessions
                           where tenant_id = %s and abs(hashtext('x' || session_id)) %% 3 > 0""", [TENANT])
    some = """from (select s.*, abs(hashtext(%(salt)s || s.session_id)) as n
                      from scenario.sessions as s where s.tenant_id = %(t)s) as s"""
    for salt, sql in {
        "profile": f"""
            insert into scenario.profile_fields (tenant_id, customer_id, field_name, value, status, needs_confirmation,
                   expires_at)
            select %(t)s, s.customer_id, f, case f when 'age' then to_jsonb(s.n %% 50) else '"Rome"' end,
                   case s.n %% 4 when 0 then 'rejected' else 'active' end, s.n %% 3 = 0,
                   case s.n %% 5 when 0 then now() - interval '1 day' end
              {some} cross join unnest(array['age', 'city']) as f
             where s.customer_id is not null and s.n %% 3 > 0
            on conflict do nothing""",
        "attempts": f"""
            insert into scenario.field_attempts (tenant_id, session_id, attempt_no, field_name, value, confidence,
                   state, reason)
            select %(t)s, s.session_id, row_number() over (partition by s.session_id), f,
                   case when s.n %% 12 < 8 then case f when 'age' then to_jsonb(30 + s.n %% 3) else '"Oslo"' end end,
                   0.9, (array['to_confirm', 'denied', 'declined'])[1 + s.n %% 12 / 4], 'x'
              {some} cross join unnest(array['age', 'city']) as f where s.n %% 4 = 0""",
        "messages": f"""
            insert into scenario.messages (tenant_id, session_id, message_no, role, content)
            select %(t)s, s.session_id, m, 'customer',
                   (array['I am 30', 'I live in Oslo', 'I am 12 in Rome'])[1 + (s.n / 3 + m) %% 3]
              {some} cross join generate_series(1, 2) as m where s.n %% 3 = 0""",
        "actions": f"""
            insert into scenario.session_actions (tenant_id, session_id, scenario_id, scenario_version, step_id,
                   step_content_hash)
            select %(t)s, s.session_id, s.scenario_id, 3, 'act', st.content_hash
              {some} join scenario.scenario_steps as st
                on st.tenant_id = s.tenant_id and st.version = 3 and st.step_id = 'act'
             where s.n %% 2 = 0""",
        "decisions": f"""
            insert into scenario.session_decisions (tenant_id, session_id, scenario_id, scenario_version, fork_step_id,
                   target_step_id)
            select %(t)s, s.session_id, s.scenario_id, 3, 'fork', 'b' {some} where s.n %% 2 = 0""",
        "pins": f"""
            select scenario.pin_session(%(t)s, s.session_id, 'waits')
              {some} where s.status = 'active' and s.n %% 20 = 0""",
        "pauses": f"""
            update scenario.sessions as p set status = 'paused'
              {some} where p.tenant_id = s.tenant_id and p.session_id = s.session_id and s.status = 'active'
                       and s.n %% 10 = 1""",
    }.items():
        db.execute(sql, {"t": TENANT, "salt": salt})
    db.execute("select scenario.set_anchor_policy(%s, %s, null, '{\"reopen\": true}')", [TENANT, plan])
    return plan


def test_a_page_says_what_each_preview_says(db):
    plan = sessions_of_all_kinds(db)
    simulate = f"select session_id, {COLUMNS} from scenario.simulate_migration_plan(%s, %s)"
    simulated = db.execute(simulate, [TENANT, plan]).fetchall()
    previewed = db.execute(
        f"""select s.session_id, {COLUMNS}
              from scenario.sessions as s
             cross join lateral scenario.preview_reconciliation(s.tenant_id, s.session_id, %s) as r
             where s.tenant_id = %s""", [plan, TENANT]).fetchall()
    assert len({row[0] for row in simulated}) == len(simulated) > 1_000
    assert set(map(str, simulated)) <= set(map(str, previewed))
    found = {row[1] for row in simulated}
    assert found == {"teleport", "collect", "execute_action", "decide", "continue"}, found
    grouped = db.execute("select sum(sessions) from scenario.simulation_summary(%s, %s)", [TENANT, plan]).fetchone()[0]
    assert grouped == len(simulated)


def test_a_batch_does_what_each_preview_says(db):
    plan = sessions_of_all_kinds(db)
    db.execute("select scenario.deploy_migration_plan(%s, %s)", [TENANT, plan])
    previewed = db.execute(
        """select s.session_id, r.action, r.target_step_id, r.migration_scenario, r.anchor_content_hash, r.reason
             from scenario.sessions as s
            cross join lateral scenario.preview_reconciliation(s.tenant_id, s.session_id) as r
            where s.tenant_id = %s and s.pending_plan_id = %s and s.status in ('active', 'completed')""",
        [TENANT, plan]).fetchall()
    db.execute("call scenario.migrate_sessions(%s, %s)", [TENANT, plan])
    moved = db.execute(
        """select a.session_id, a.action, a.step_after, a.migration_scenario, a.anchor_content_hash, a.reason
             from scenario.migration_audit as a
            where a.tenant_id = %s and a.to_version = 3 and a.action <> 'pin'""", [TENANT]).fetchall()
    assert len(moved) > 100 and {row[3] for row in moved} == {"clean_graft", "re_route"}
    is_asked = {"collect": True, "execute_action": True, "decide": True, "teleport": False, "continue": False}
    assert set(moved) == {row for row in previewed if not is_asked[row[1]] and row[3]}
    waiting = sum(is_asked[row[1]] for row in previewed)
    counts = "select applied, deferred, failed from scenario.batch_runs where tenant_id = %s and plan_id = %s"
    assert db.execute(counts, [TENANT, plan]).fetchall() == [(len(moved), waiting, 0)] and waiting > 100


def test_old_statistics_cost_no_more(db):
    """No session is looked for among all of its tenant, also where PostgreSQL expects one session a tenant."""
    db.execute("set scenario.require_approval = off")
    db.execute("set session_replication_role = replica")
    db.execute("""insert into scenario.sessions (tenant_id, scenario_id, scenario_version, step_id, step_content_hash,
                         scenario_checksum, variables_set_at)
                  select gen_random_uuid(), gen_random_uuid(), 1, 'a', 'x', 'y', '{}' from generate_series(1, 3000)""")
    db.execute("reset session_replication_role")
    db.execute("analyze")
    plan = sessions_of_all_kinds(db)
    read = """select idx_tup_fetch + seq_tup_read from pg_stat_xact_user_tables
               where relid = 'scenario.sessions'::regclass"""
    for call in (
        "select count(*) from scenario.migration_summary(%s, %s)",
        "select count(*) from scenario.plan_report(%s, %s)",
        "select count(*) from scenario.deploy_migration_plan(%s, %s)",
    ):
        with db.transaction():
            # what the statements of the last second have read is counted here, too
            before = db.execute(read).fetchone()[0]
            db.execute(call, [TENANT, plan])
            rows = db.execute(read).fetchone()[0] - before
        assert 0 < rows < 20 * SESSIONS, (call, rows)
