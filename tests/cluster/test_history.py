"""What sessions have behind them: it survives dump and restore, and a turn that does not need it does not read it."""

import json
import re
import uuid

import pytest

TENANT = uuid.UUID("f1111111-1111-4111-8111-111111111111")
FLOW = uuid.UUID("f2222222-2222-4222-8222-222222222222")
MIDDLE = uuid.UUID("f3333333-3333-4333-8333-333333333333")
WALKED = uuid.UUID("f3333333-3333-4333-8333-333333333334")


def step(id, *targets, **more):
    transitions = [{"to_step_id": target} for target in targets]
    return {"id": id, "name": id, "transitions": transitions, "is_terminal": not targets, **more}


def flow(*steps):
    return json.dumps({"name": "Flow", "entry_step_id": steps[0]["id"], "steps": steps})


ACT = {"performs_action": True, "is_required_action": True}
FIRST = flow(step("a", "act"), step("act", "pay", **ACT), step("pay", "m", is_checkpoint=True), step("m", "e"),
             step("e"))
REWORDED = flow(step("a", "act"), step("act", "pay", description="Now", **ACT),
                step("pay", "m", is_checkpoint=True, description="Now"), step("m", "e"), step("e"))
ELSEWHERE = flow(step("a", "m"), step("m", "pay"), step("pay", "act", is_checkpoint=True, description="Now"),
                 step("act", "e", description="Now", **ACT), step("e"))
LATER = flow(step("a", "act"), step("act", "pay", **ACT), step("pay", "m", is_checkpoint=True), step("m", "n"),
             step("n", "e"), step("e"))


def publish(db, definition):
    [version] = db.execute("select scenario.create_scenario_version(%s, %s, %s)", [TENANT, FLOW, definition]).fetchone()
    [plan] = db.execute("select scenario.build_migration_plan(%s, %s, %s)", [TENANT, FLOW, version]).fetchone()
    db.execute("select scenario.approve_migration_plan(%s, %s)", [TENANT, plan])
    db.execute("select scenario.deploy_migration_plan(%s, %s)", [TENANT, plan])


def begin(db):
    """One session that began behind the checkpoint, and one that walked there and had the action done on its way."""
    db.execute("select scenario.create_scenario(%s, %s, %s)", [TENANT, FIRST, FLOW])
    db.execute("select scenario.start_session(%s, %s, %s, step_id => 'm')", [TENANT, MIDDLE, FLOW])
    db.execute("select scenario.start_session(%s, %s, %s)", [TENANT, WALKED, FLOW])
    for there in ("act", "pay", "m"):
        db.execute("select scenario.advance_session(%s, %s, %s)", [TENANT, WALKED, there])
        if there == "act":
            db.execute("select scenario.complete_action(%s, %s, 'act')", [TENANT, WALKED])


def turns(db):
    return db.execute(
        "select r.action, r.scenario_version, r.reason from scenario.sessions s, "
        "lateral scenario.reconcile_session(s.tenant_id, s.session_id) r where s.tenant_id = %s "
        "order by s.session_id", [TENANT]).fetchall()


@pytest.mark.parametrize("how", ["custom", "plain"])
def test_it_survives_dump_and_restore(server, db, database, empty_database, tmp_path, how):
    begin(db)
    publish(db, REWORDED)
    assert [row[:2] for row in turns(db)] == [("teleport", 2), ("teleport", 2)]
    tables = ["acts", "act_pairs", "passed_at_start", "session_actions", "sessions", "step_visits", "plan_anchors"]
    content = "(select coalesce(md5(string_agg(t::text, ',' order by t::text)), 'nothing') from scenario.{} t)"
    contents = "select " + ", ".join(content.format(table) for table in tables)
    before = db.execute(contents).fetchone()
    assert "nothing" not in before, f"a table is empty: {before}"
    if how == "custom":
        server.program("pg_dump", "-Fc", "-f", tmp_path / "dump", database)
        server.program("pg_restore", "-j", "3", "-d", empty_database, tmp_path / "dump")
    else:
        dump = server.program("pg_dump", database).stdout
        server.program("psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-d", empty_database, input=dump)
    with server.connect(empty_database) as restored:
        assert restored.execute(contents).fetchone() == before
        assert restored.execute("select * from scenario.check_invariants()").fetchall() == []
        # The next version would bring both to the payment again.
        publish(restored, ELSEWHERE)
        held = turns(restored)
        assert [row[:2] for row in held] == [("continue", 2), ("continue", 2)]
        assert all("again" in row[2] for row in held), held


def test_a_clean_graft_reads_no_history_and_no_graph(db):
    """The row of the anchor says that nobody's landing undoes anything, although the scenario has a checkpoint."""
    begin(db)
    publish(db, LATER)
    statements = []
    db.add_notice_handler(lambda notice: statements.append(notice.message_primary))
    db.execute("load 'auto_explain'")
    db.execute("set auto_explain.log_min_duration = 0")
    db.execute("set auto_explain.log_nested_statements = on")
    db.execute("set client_min_messages = log")
    read = re.compile(r"FROM scenario\.(acts|act_pairs|step_visits|passed_at_start)\b|definition")
    # The first turn at a step reads the versions, the plan and its row, and the step; each later one checks whether the
    # session is due, locks and reads it, and writes; PostgreSQL checks three foreign keys.
    for session, most in ((WALKED, 12), (MIDDLE, 6)):
        statements.clear()
        [action] = db.execute("select action from scenario.reconcile_session(%s, %s)", [TENANT, session]).fetchone()
        assert action == "teleport"
        nested = [text for text in statements if "Query Text" in text and "reconcile_session" not in text]
        assert 0 < len(nested) <= most, nested
        assert not [text for text in nested if read.search(text.split("\n\n")[0])], nested
