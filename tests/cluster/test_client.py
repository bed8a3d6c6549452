"""A real client: prepared statements on a connection of its own, and a pooler in transaction mode.

The client is examples/client.py, the one that README.md and docs/gap-fill.md show. Its model says what the test wants.
The pooler is pgbouncer as Debian packages it. Version 1.18 knows no prepared statements, so its clients switch them
off. Without pgbouncer, those tests are skipped.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path

import psycopg
import pytest
from harness import as_server
from psycopg.types.json import Jsonb

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "examples"))
from client import Backend  # noqa: E402

PGBOUNCER = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin")
needs_pooler = pytest.mark.skipif(PGBOUNCER is None, reason="pgbouncer is not installed: apt-get install pgbouncer")


def way(to: str, condition: str = "") -> dict:
    return {"to_step_id": to, "condition_text": condition}


OLD = {
    "name": "Clinic", "entry_step_id": "hello",
    "steps": [
        {"id": "hello", "name": "Hello", "transitions": [way("book")]},
        {"id": "book", "name": "Book a visit", "transitions": [way("bye")]},
        {"id": "bye", "name": "Goodbye", "is_terminal": True},
    ],
}  # fmt: skip
NEW = {
    "name": "Clinic", "entry_step_id": "hello",
    "steps": [
        {"id": "hello", "name": "Hello", "transitions": [way("about")]},
        {"id": "about", "name": "About you", "collects_profile_fields": ["age", "village"],
         "transitions": [way("consent")]},
        {"id": "consent", "name": "File the consent", "performs_action": True, "is_required_action": True,
         "transitions": [way("mood")]},
        {"id": "mood", "name": "Mood", "transitions": [way("nurse", "the customer sounds worried"), way("book")]},
        {"id": "nurse", "name": "Talk to a nurse", "is_terminal": True},
        {"id": "book", "name": "Book a visit", "transitions": [way("bye")]},
        {"id": "bye", "name": "Goodbye", "is_terminal": True},
    ],
}  # fmt: skip


class Script:
    """A model that finds what it is told to, in messages that have it."""

    def __init__(self):
        self.seen: list[dict] = []

    def find(self, prompt, messages):
        self.seen.append(prompt)
        text = " ".join(messages)
        if prompt["field"] == "age" and (age := re.search(r"about (\d+)", text)):
            return int(age.group(1)), 0.90, age.group(0)
        if prompt["field"] == "village" and (village := re.search(r"from ([A-Z]\w+)", text)):
            return village.group(1), 0.97, village.group(0)
        return None

    def agrees(self, prompt, message):
        return {"yes": True, "no": False}.get(message.strip().lower())

    def choose(self, fork, messages):
        return "nurse" if any("worried" in message for message in messages) else fork["branches"][-1]["target_step_id"]


class Clinic:
    """A tenant with one scenario and customers in the middle of its first version."""

    def __init__(self, db, customers: int = 1):
        self.db, self.tenant, self.scenario = db, uuid.uuid4(), uuid.uuid4()
        self.sessions = [uuid.uuid4() for _ in range(customers)]
        db.execute("select scenario.create_scenario(%s, %s, %s)", [self.tenant, Jsonb(OLD), self.scenario])
        db.execute(
            """
            insert into scenario.field_definitions (tenant_id, field_name, schema, extraction_hint)
            values (%s, 'age', '{"type": "integer", "maximum": 60, "examples": [27]}', 'the age of the speaker')
            """,
            [self.tenant],
        )
        for session in self.sessions:
            db.execute(
                "select scenario.start_session(%s, %s, %s, customer_id => %s)",
                [self.tenant, session, self.scenario, session],
            )
            db.execute("select scenario.advance_session(%s, %s, 'book')", [self.tenant, session])

    def publish(self, definition: dict) -> int:
        """Publishes one more version."""
        one = lambda sql, *values: self.db.execute(sql, [self.tenant, *values]).fetchone()[0]  # noqa: E731
        version = one("select scenario.create_scenario_version(%s, %s, %s)", self.scenario, Jsonb(definition))
        plan = one("select scenario.build_migration_plan(%s, %s, %s)", self.scenario, version)
        one("select status from scenario.approve_migration_plan(%s, %s)", plan)
        one("select sessions_marked from scenario.deploy_migration_plan(%s, %s)", plan)
        return version

    def place(self, session) -> tuple[int, str]:
        return self.db.execute(
            "select scenario_version, step_id from scenario.sessions where tenant_id = %s and session_id = %s",
            [self.tenant, session],
        ).fetchone()

    def moves(self) -> dict:
        """How often each session was moved."""
        return dict(
            self.db.execute(
                """
                select session_id, count(*) from scenario.migration_audit
                 where tenant_id = %s and action = 'teleport' group by session_id
                """,
                [self.tenant],
            ).fetchall()
        )


@pytest.fixture
def pooler(server, database, new_folder):
    """A function that opens a connection to the test's database through pgbouncer.

    pgbouncer has two connections of its own to the server.
    """
    folder = new_folder()
    settings = folder / "pgbouncer.ini"
    settings.write_text(
        f"""
[databases]
{database} = host={server.socket} port={server.port} user=postgres
[pgbouncer]
listen_addr =
listen_port = 6432
unix_socket_dir = {folder}
auth_type = any
pool_mode = transaction
default_pool_size = 2
max_client_conn = 100
logfile = {folder}/pgbouncer.log
pidfile = {folder}/pgbouncer.pid
""",
        encoding="utf-8",
    )
    settings.chmod(0o644)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(as_server(PGBOUNCER, settings), cwd=folder, **quiet)
    opened = []

    def connect():
        # 1.18 hands a statement prepared on one server connection to another: none are prepared
        where = {"host": str(folder), "port": 6432, "dbname": database, "user": "postgres"}
        opened.append(psycopg.connect(**where, autocommit=True, prepare_threshold=None))
        return opened[-1]

    deadline = time.monotonic() + 20
    while not (folder / ".s.PGSQL.6432").exists():
        log = folder / "pgbouncer.log"
        said = log.read_text() if log.exists() else "no pgbouncer"
        assert process.poll() is None and time.monotonic() < deadline, said
        time.sleep(0.05)
    yield connect
    for connection in opened:
        connection.close()
    process.terminate()
    process.wait(20)


@pytest.fixture(params=["prepared", pytest.param("pooled", marks=needs_pooler)])
def client(request, connect):
    """A function that opens a connection as the two kinds of clients do."""
    if request.param == "pooled":
        return request.getfixturevalue("pooler")

    def prepared():
        connection = connect()
        connection.prepare_threshold = 0  # every statement, from its first time on
        return connection

    return prepared


def test_a_conversation(db, client):
    """The whole way of one customer: a model finds, the customer confirms, an action is done, the model decides."""
    clinic = Clinic(db)
    [session] = clinic.sessions
    model, filed = Script(), []
    backend = Backend(client(), clinic.tenant, model, {"consent": filed.append})

    # Before there is a new version: nothing to do.
    assert backend.turn(session, "Hello")["action"] == "continue"
    clinic.publish(NEW)

    asked = backend.turn(session, "I want to see somebody")
    assert (asked["action"], asked["collect_fields"]) == ("collect", ["age", "village"])
    assert asked["user_message"].endswith("Please tell us your age and village.")
    [age] = [prompt for prompt in model.seen if prompt["field"] == "age"]
    assert (age["hint"], age["schema"]["maximum"], age["examples"]) == ("the age of the speaker", 60, [27])

    unsure = backend.turn(session, "I am from Kisumu, about 72")
    unsure_of = (unsure["collect_fields"], unsure["fields_filled"])
    assert unsure_of == (["age"], {"village": "profile"}), "72 is too old to be true"
    unsure = backend.turn(session, "Sorry, about 27, and I am worried")
    assert (unsure["collect_fields"], unsure["confirm_fields"]) == ([], ["age"])
    assert unsure["user_message"].endswith("Please confirm your age (27).")
    assert clinic.place(session) == (1, "book") and filed == []

    moved = backend.turn(session, "Yes")
    assert (moved["action"], moved["target_step_id"]) == ("teleport", "nurse")
    assert filed == [session] and clinic.place(session) == (2, "nurse")
    assert backend.turn(session, "Thank you")["action"] == "continue"
    attempts = db.execute(
        "select value, reason from scenario.field_attempts where tenant_id = %s and state <> 'confirmed'",
        [clinic.tenant],
    ).fetchall()
    assert len(attempts) == 1 and attempts[0][0] == 72, attempts
    audit = db.execute(
        "select action from scenario.migration_audit where tenant_id = %s order by revision", [clinic.tenant]
    )
    actions = [row[0] for row in audit]
    # waiting for the customer, for their word, for the action and for the decision, then gone
    assert set(actions) == {"collect", "execute_action", "decide", "teleport"} and actions[-1] == "teleport"
    values = db.execute(
        "select to_jsonb(a)::text from scenario.migration_audit a where tenant_id = %s", [clinic.tenant]
    )
    assert not any("Kisumu" in row[0] for row in values), "a value in the audit"


def test_denied(db, client):
    clinic = Clinic(db)
    [session] = clinic.sessions
    clinic.publish(NEW)
    backend = Backend(client(), clinic.tenant, Script(), {"consent": lambda _: None})
    assert backend.turn(session, "about 30, from Kisumu")["confirm_fields"] == ["age"]
    denied = backend.turn(session, "no")
    # The model says 30 again, and is not listened to.
    assert (denied["collect_fields"], denied["confirm_fields"]) == (["age"], [])
    backend.call("select * from scenario.submit_fields(%s, %s, %s)", session, Jsonb({"age": 31}))
    assert backend.turn(session, "there you are")["target_step_id"] == "book"


def test_a_yes_counts_for_what_was_asked(db, client):
    """Case 27: a preview and a batch list a value to confirm, and the customer says yes to something else."""
    clinic = Clinic(db)
    [session] = clinic.sessions
    plan_of = "select plan_id from scenario.migration_plans where tenant_id = %s"
    clinic.publish(NEW)
    backend = Backend(client(), clinic.tenant, Script(), {"consent": lambda _: None})
    backend.call("select * from scenario.record_extraction(%s, %s, 'age', '30', 0.9)", session)
    backend.call("select * from scenario.record_extraction(%s, %s, 'village', '\"Kisumu\"', 0.97)", session)
    preview = backend.call("select confirm_fields from scenario.preview_reconciliation(%s, %s)", session)
    assert preview["confirm_fields"] == ["age"]
    [plan] = db.execute(plan_of, [clinic.tenant]).fetchone()
    db.execute("call scenario.migrate_sessions(%s, %s)", [clinic.tenant, plan])
    # The word is not taken: nobody has asked. Now somebody does.
    assert backend.turn(session, "yes")["confirm_fields"] == ["age"]
    assert clinic.place(session) == (1, "book")
    assert backend.turn(session, "yes")["target_step_id"] == "book"
    assert clinic.place(session) == (2, "book")


def test_version_after_version_on_one_connection(db, client):
    """What a connection has prepared and kept does not outlive what was published."""
    clinic = Clinic(db)
    [session] = clinic.sessions
    connection = client()
    definition = OLD
    for number in range(2, 8):
        extra = {"id": f"extra{number}", "name": f"Extra {number}", "collects_profile_fields": [f"field{number}"]}
        to_extra = {"transitions": [way(extra["id"])]}
        steps = [step | to_extra if step["id"] == "hello" else step for step in OLD["steps"]]
        definition = {**OLD, "steps": [*steps, {**extra, "transitions": [way("book")]}]}
        assert clinic.publish(definition) == number
        reconcile = "select action, collect_fields from scenario.reconcile_session(%s, %s)"
        assert connection.execute(reconcile, [clinic.tenant, session]).fetchone() == ("collect", [f"field{number}"])
        answer = Jsonb({f"field{number}": "here"})
        connection.execute("select * from scenario.submit_fields(%s, %s, %s)", [clinic.tenant, session, answer])
        assert connection.execute(reconcile, [clinic.tenant, session]).fetchone() == ("teleport", [])
        assert clinic.place(session) == (number, "book")
        assert connection.execute(reconcile, [clinic.tenant, session]).fetchone() == ("continue", [])


def test_many_clients_at_once(db, client):
    """Two tenants, two clients for each session: everybody is moved once, by what their own tenant has said."""
    clinics = [Clinic(db, customers=12) for _ in range(2)]
    for number, clinic in enumerate(clinics):
        steps = [{**step, "name": "Book a visit"} if step["id"] == "book" else step for step in NEW["steps"]]
        clinic.publish({**NEW, "steps": steps})
        db.execute(
            """
            insert into scenario.profile_fields (tenant_id, customer_id, field_name, value)
            select tenant_id, customer_id, f, case f when 'age' then %s::jsonb else '"Kisumu"' end
              from scenario.sessions, unnest(array['age', 'village']) f where tenant_id = %s
            """,
            [Jsonb(20 + number), clinic.tenant],
        )
    failures = []

    def work(sessions):
        try:
            connection = client()
            for clinic, session in sessions:
                backend = Backend(connection, clinic.tenant, Script(), {"consent": lambda _: None})
                backend.turn(session, "Hello again")
        except Exception as error:  # noqa: BLE001
            failures.append(error)

    pairs = zip(*(c.sessions for c in clinics))
    everybody = [(clinic, session) for pair in pairs for clinic, session in zip(clinics, pair)]
    threads = [threading.Thread(target=work, args=[everybody[start % 4 :: 4]]) for start in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures
    for number, clinic in enumerate(clinics):
        assert clinic.moves() == {session: 1 for session in clinic.sessions}
        assert {clinic.place(session) for session in clinic.sessions} == {(2, "book")}
        ages = db.execute(
            "select distinct variables -> 'age' from scenario.sessions where tenant_id = %s", [clinic.tenant]
        )
        assert ages.fetchall() == [(20 + number,)]


@needs_pooler
def test_settings_through_a_pooler_are_set_in_the_transaction(db, pooler):
    """A pooled connection has no session: SET LOCAL counts for its transaction, and for nobody else's."""
    clinic = Clinic(db)
    [session] = clinic.sessions
    clinic.publish(NEW)
    connection = pooler()
    message = "select user_message from scenario.preview_reconciliation(%s, %s)"
    with connection.transaction():
        connection.execute("set local scenario.collect_message = 'Karibu! {fields}?'")
        assert connection.execute(message, [clinic.tenant, session]).fetchone() == ("Karibu! age and village?",)
    for _ in range(4):
        assert connection.execute(message, [clinic.tenant, session]).fetchone()[0].startswith("Before we continue")
