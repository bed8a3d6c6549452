"""What a turn does to the world around it: hot standby, listeners, the server's log, a driver's prepared statements."""

import json

import psycopg
import pytest
from harness import EXTENSION

TENANT = "a0000000-0000-0000-0000-000000000201"
SHOP = "b0000000-0000-0000-0000-000000000201"
ANN = "c0000000-0000-0000-0000-00000000000a"
BOB = "c0000000-0000-0000-0000-00000000000b"

CART = {"id": "cart", "name": "Cart", "transitions": [{"to_step_id": "pay"}]}
PAY = {"id": "pay", "name": "Pay", "is_checkpoint": True, "checkpoint_description": "money moved"}
AGE = {"id": "age", "name": "Age check", "collects_profile_fields": ["age"], "transitions": [
    {"to_step_id": "no", "condition_text": "age < 18", "priority": 1}, {"to_step_id": "cart"}]}
NO = {"id": "no", "name": "Sorry", "is_terminal": True}
VERSION_1 = {"name": "Shop", "entry_step_id": "cart", "steps": [CART, PAY]}
VERSION_2 = {"name": "Shop", "entry_step_id": "age", "steps": [AGE, NO, CART, PAY]}


def call(connection, function, *arguments):
    """The one row of a function, as a dict."""
    marks = ", ".join(["%s"] * len(arguments))
    cursor = connection.execute(f"select * from scenario.{function}({marks})", arguments)
    return dict(zip([column.name for column in cursor.description], cursor.fetchone()))


def start(connection):
    """Two customers of 15 in version 1: Ann at the cart, Bob has paid."""
    call(connection, "create_scenario", TENANT, json.dumps(VERSION_1), SHOP)
    for session in (ANN, BOB):
        call(connection, "start_session", TENANT, session, SHOP, "web", None, '{"age": 15}')
    call(connection, "advance_session", TENANT, BOB, "pay")


def deploy(connection):
    call(connection, "create_scenario_version", TENANT, SHOP, json.dumps(VERSION_2))
    plan = call(connection, "build_migration_plan", TENANT, SHOP, 2)["build_migration_plan"]
    call(connection, "approve_migration_plan", TENANT, plan)
    call(connection, "deploy_migration_plan", TENANT, plan)
    return plan


def test_a_turn_with_nothing_to_do_works_on_a_hot_standby(new_cluster, new_folder):
    primary = new_cluster()
    with primary.connect() as writer:
        writer.execute(f"create extension {EXTENSION}")
        start(writer)
        standby = primary.standby(new_folder())
        standby.catch_up_with(primary)
        with standby.connect() as reader:
            row = call(reader, "reconcile_session", TENANT, ANN)
            assert (row["action"], row["target_step_id"], row["scenario_version"]) == ("continue", "cart", 1)
            deploy(writer)
            standby.catch_up_with(primary)
            # What is due can be looked at there, and is applied on the primary.
            assert call(reader, "preview_reconciliation", TENANT, ANN)["target_step_id"] == "no"
            assert call(reader, "explain_reconciliation", TENANT, ANN)["event"] == "way"
            with pytest.raises(psycopg.errors.ReadOnlySqlTransaction) as refused:
                call(reader, "reconcile_session", TENANT, ANN)
            assert "on the primary" in refused.value.diag.message_hint
            assert call(writer, "reconcile_session", TENANT, ANN)["action"] == "teleport"
            standby.catch_up_with(primary)
            row = call(reader, "reconcile_session", TENANT, ANN)
            assert (row["action"], row["target_step_id"], row["scenario_version"]) == ("continue", "no", 2)


def test_a_block_is_told_to_listeners_and_to_the_log(db, connect):
    start(db)
    deploy(db)
    listener = connect()
    listener.execute("listen pg_scenario")
    db.execute("set client_min_messages = log")
    told = []
    db.add_notice_handler(lambda notice: told.append(notice.message_primary))

    assert call(db, "reconcile_session", TENANT, BOB)["blocked_by_checkpoint"]
    [notification] = listener.notifies(timeout=10, stop_after=1)
    payload = json.loads(notification.payload)
    assert (payload["event"], payload["session_id"], payload["to_version"]) == ("checkpoint_block", BOB, 2)
    assert len(told) == 2 and "moved from step" in told[0] and 'Checkpoint "Pay" (money moved) was passed' in told[1]
    assert "15" not in "".join(told)

    told.clear()
    db.execute("set scenario.log_re_routes = off")
    assert call(db, "reconcile_session", TENANT, ANN)["action"] == "teleport"
    assert told == []


def test_a_driver_may_prepare_the_call(db):
    start(db)
    turn = "select action, target_step_id from scenario.reconcile_session(%s, %s)"
    for _ in range(12):
        assert db.execute(turn, [TENANT, ANN], prepare=True).fetchone() == ("continue", "cart")
    deploy(db)
    assert db.execute(turn, [TENANT, ANN], prepare=True).fetchone() == ("teleport", "no")
    # The statements that the extension keeps survive that it is dropped and created again under them.
    db.execute(f"drop extension {EXTENSION} cascade")
    db.execute(f"create extension {EXTENSION}")
    start(db)
    assert call(db, "reconcile_session", TENANT, ANN)["target_step_id"] == "cart"
