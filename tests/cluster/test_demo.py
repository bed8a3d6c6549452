"""The demo tells the truth: the same SQL is run, and what it promises is looked up afterwards."""

from __future__ import annotations

import hashlib
import json
import uuid
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def named(text: str) -> uuid.UUID:
    """pg_temp.id of examples/demo_tools.sql."""
    return uuid.UUID(hashlib.md5(text.encode()).hexdigest())


SHOP, LINE = named("the corner shop"), named("the mothers' line")


@pytest.fixture(scope="module")
def played(server):
    """A database in which the demo was run, and what it printed."""
    name = "demo"
    with server.connect() as connection:
        connection.execute(f"create database {name} template template0")
    done = server.program(
        "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-v", f"examples={EXAMPLES}", "-d", name,
        "-f", EXAMPLES / "demo.sql",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    with server.connect(name) as connection:
        yield connection, done.stdout
    with server.connect() as connection:
        connection.execute(f"drop database {name} with (force)")


@pytest.fixture
def turns(played):
    """A function: the audit of one customer of the story, oldest first, as dictionaries."""
    connection, _ = played

    def of(tenant: uuid.UUID, name: str) -> list[dict]:
        rows = connection.execute(
            """
            select to_jsonb(a) || jsonb_build_object(
                       'before', (select st.name from scenario.scenario_steps st
                                   where (st.tenant_id, st.scenario_id, st.version, st.step_id)
                                       = (a.tenant_id, a.scenario_id, a.from_version, a.step_before)),
                       'after', (select st.name from scenario.scenario_steps st
                                  where (st.tenant_id, st.scenario_id, st.version, st.step_id)
                                      = (a.tenant_id, a.scenario_id, a.to_version, a.step_after)))
              from scenario.migration_audit a
             where a.tenant_id = %s and a.session_id = %s
             order by a.revision
            """,
            [tenant, named(f"{name}'s session")],
        ).fetchall()
        return [row[0] for row in rows]

    return of


@pytest.fixture
def place(played):
    """A function: version and name of the step that a customer of the story is at."""
    connection, _ = played

    def of(tenant: uuid.UUID, name: str) -> tuple[int, str]:
        return connection.execute(
            """
            select s.scenario_version, st.name
              from scenario.sessions s
              join scenario.scenario_steps st on (st.tenant_id, st.scenario_id, st.version, st.step_id)
                                               = (s.tenant_id, s.scenario_id, s.scenario_version, s.step_id)
             where s.tenant_id = %s and s.session_id = %s
            """,
            [tenant, named(f"{name}'s session")],
        ).fetchone()

    return of


def test_silent_graft(turns, place):
    [turn] = turns(SHOP, "Ana")
    assert (turn["action"], turn["migration_scenario"], turn["fields_asked"]) == ("teleport", "clean_graft", [])
    assert place(SHOP, "Ana") == (2, "Fill the basket")


def test_filled_from_the_profile(turns, place):
    [turn] = turns(SHOP, "Ben")
    assert turn["action"] == "teleport"
    assert turn["fields_filled"] == {"age": "profile", "delivery_slot": "profile"}
    assert place(SHOP, "Ben") == (2, "Phone for the driver")


def test_asked(played, turns, place):
    asked, moved = turns(SHOP, "Chidi")
    assert (asked["action"], asked["fields_asked"], asked["step_after"]) == ("collect", ["age"], asked["step_before"])
    assert moved["action"] == "teleport" and set(moved["fields_filled"]) == {"age", "delivery_slot"}
    assert place(SHOP, "Chidi") == (2, "Order summary")
    connection, _ = played
    variables = connection.execute(
        "select variables from scenario.sessions where tenant_id = %s and session_id = %s",
        [SHOP, named("Chidi's session")],
    ).fetchone()[0]
    assert variables["age"] == 31, "the answer that did not fit the schema is not there"


def test_redirected(turns, place):
    for name in ("Dora", "Gita"):
        [turn] = turns(SHOP, name)
        assert (turn["action"], turn["migration_scenario"], turn["after"]) == ("teleport", "re_route", "Sorry, not yet")
        assert place(SHOP, name) == (2, "Sorry, not yet")
    [turn] = turns(LINE, "Kadi")
    assert (turn["action"], turn["before"], turn["after"]) == ("teleport", "Your clinic", "We are so sorry")


def test_blocked_by_the_checkpoint(turns, place):
    [turn] = turns(SHOP, "Emil")
    assert (turn["action"], turn["blocked_by_checkpoint"]) == ("continue", True)
    assert "Take the payment" in turn["checkpoint"]
    assert place(SHOP, "Emil") == (2, "Pack the order")


def test_reworded_step(played, turns):
    first = turns(LINE, "Hawa")[0]
    assert (first["action"], first["migration_scenario"]) == ("teleport", "clean_graft")
    assert first["before"] == first["after"] == "Welcome"
    connection, _ = played
    assert connection.execute(
        """
        select a.pairing from scenario.plan_anchors a
          join scenario.migration_plans p using (tenant_id, plan_id)
         where a.tenant_id = %s and p.from_version = 1 and p.to_version = 2 and a.name = 'Welcome'
        """,
        [LINE],
    ).fetchone() == ("edited",)


def test_relocated_from_a_deleted_step(turns):
    moved = [turn for turn in turns(LINE, "Imani") if turn["to_version"] == 2 and turn["action"] == "teleport"]
    assert [(turn["before"], turn["after"]) for turn in moved] == [("How are you feeling today", "Check your details")]


def test_every_id_made_anew(played, turns, place):
    second = turns(LINE, "Hawa")[1]
    assert (second["action"], second["migration_scenario"]) == ("teleport", "clean_graft")
    assert second["step_before"] != second["step_after"]
    assert second["before"] == second["after"] == "Choose your language"
    assert place(LINE, "Imani") == (3, "Check your details")
    assert place(LINE, "Lulu") == (3, "Due date")
    told, lulu = turns(LINE, "Lulu")
    assert (told["action"], told["to_version"]) == ("execute_action", 3)
    assert (lulu["from_version"], lulu["to_version"], len(lulu["plan_ids"])) == (1, 3, 2)


def test_nobody_lost(played):
    """Everybody walks the published version, or the one that they have a mark or a deployed plan from."""
    connection, _ = played
    lost = connection.execute(
        """
        select s.session_id, s.scenario_version from scenario.sessions s
          join scenario.scenarios c using (tenant_id, scenario_id)
         where s.scenario_version <> c.published_version
           and not exists (select from scenario.migration_plans p
                            where (p.tenant_id, p.scenario_id, p.from_version, p.status)
                                = (s.tenant_id, s.scenario_id, s.scenario_version, 'deployed'))
        """
    ).fetchall()
    assert lost == []


def test_it_reads_well(played):
    _, told = played
    for heading in ("PART ONE", "PART TWO", *(f"{number}. " for number in range(1, 10))):
        assert heading in told, heading
    assert "\x1b" not in told, "no colours where nobody looks"
    assert max(len(line) for line in told.splitlines()) <= 130


def test_definitions_are_clean(played):
    connection, _ = played
    for file in EXAMPLES.glob("*_v[0-9].json"):
        definition = json.loads(file.read_text(encoding="utf-8"))
        assert 10 <= len(definition["steps"]) <= 25, file
        call = "select * from scenario.validate_scenario(%s)"
        findings = connection.execute(call, [json.dumps(definition)]).fetchall()
        assert findings == [], file
