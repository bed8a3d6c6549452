"""What a backend keeps of a scenario is never another one's.

A connection that has made turns says what a new one says.
"""

import json
import uuid

TENANT = uuid.UUID("e1111111-1111-4111-8111-111111111111")
FLOW = uuid.UUID("e2222222-2222-4222-8222-222222222222")
ANN, BOB = (uuid.UUID(f"e3333333-3333-4333-8333-33333333333{n}") for n in (1, 2))


def flow(*ids, **more):
    names = [id.rstrip("0123456789").upper() for id in ids]
    steps = [{"id": id, "name": name, **more.get(id, {})} for id, name in zip(ids, names)]
    for step, target in zip(steps, ids[1:]):
        step["transitions"] = [{"to_step_id": target}]
    return json.dumps({"name": "Flow", "entry_step_id": ids[0], "steps": steps})


def draft(db, definition):
    arguments = [TENANT, FLOW, definition]
    [version] = db.execute("select scenario.create_scenario_version(%s, %s, %s)", arguments).fetchone()
    return version


def deploy(db, version):
    [plan] = db.execute("select scenario.build_migration_plan(%s, %s, %s)", [TENANT, FLOW, version]).fetchone()
    db.execute("select scenario.approve_migration_plan(%s, %s)", [TENANT, plan])
    db.execute("select scenario.deploy_migration_plan(%s, %s)", [TENANT, plan])


def turn(db, session, how="reconcile_session"):
    return db.execute(f"select action, target_step_id, scenario_version, reason from scenario.{how}(%s, %s)",
                      [TENANT, session]).fetchone()


def last_visit(db, session):
    return db.execute("""
        select v.step_id, v.scenario_version, v.is_checkpoint, v.step_content_hash = s.step_content_hash,
               s.scenario_checksum = n.checksum
          from scenario.step_visits v
          join scenario.sessions s using (tenant_id, session_id)
          join scenario.scenario_versions n
            on (n.tenant_id, n.scenario_id, n.version) = (s.tenant_id, s.scenario_id, s.scenario_version)
         where v.session_id = %s order by v.visit_no desc limit 1
        """, [session]).fetchone()


def test_a_version_number_that_is_given_again(server, db, database):
    db.execute("select scenario.create_scenario(%s, %s, %s)", [TENANT, flow("a", "b", "c"), FLOW])
    for session in (ANN, BOB):
        db.execute("select scenario.start_session(%s, %s, %s, step_id => 'b')", [TENANT, session, FLOW])
    second, third = draft(db, flow("a2", "b2", "c2")), draft(db, flow("a3", "b3", "c3"))
    with server.connect(database) as old:
        for version, step in ((third, "b3"), (second, "b2")):
            deploy(db, version)
            for session in (ANN, BOB):
                assert turn(old, session)[:3] == ("teleport", step, version)
        # Nobody walks the third version any more, and its number is given to another one.
        db.execute("delete from scenario.migration_plans where tenant_id = %s and %s in (from_version, to_version)",
                   [TENANT, third])
        db.execute("delete from scenario.scenario_versions where tenant_id = %s and version = %s", [TENANT, third])
        paid = {"b3": {"is_checkpoint": True, "checkpoint_description": "paid"}}
        assert draft(db, flow("a", "b3", "n", "c", **paid)) == third
        deploy(db, third)
        with server.connect(database) as new:
            assert turn(old, ANN, "preview_reconciliation") == turn(new, ANN, "preview_reconciliation")
            assert turn(old, ANN) == turn(new, BOB)
        assert last_visit(db, ANN) == last_visit(db, BOB) == ("b3", third, True, True, True)


def test_a_deployed_plan_that_is_deleted(server, db, database):
    db.execute("select scenario.create_scenario(%s, %s, %s)", [TENANT, flow("a", "b"), FLOW])
    for session in (ANN, BOB):
        db.execute("select scenario.start_session(%s, %s, %s)", [TENANT, session, FLOW])
    deploy(db, draft(db, flow("a", "b", "c")))
    with server.connect(database) as old:
        assert turn(old, ANN)[0] == "teleport"
        db.execute("update scenario.sessions set pending_plan_id = null, pending_target_version = null,"
                   " pending_anchor_hash = null, pending_marked_at = null where session_id = %s", [BOB])
        db.execute("delete from scenario.migration_plans where tenant_id = %s", [TENANT])
        with server.connect(database) as new:
            said = turn(old, BOB, "preview_reconciliation")
            assert said == turn(new, BOB, "preview_reconciliation")
            assert "no deployed plan" in said[3], said
