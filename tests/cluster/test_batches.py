"""Batch migration from several connections at once: control, workers, turns meanwhile, and a server that dies."""

from __future__ import annotations

import hashlib
import os
import random
import threading
import time
import uuid

import psycopg
import pytest
from harness import EXTENSION
from psycopg.types.json import Jsonb

TENANT = uuid.UUID("a1111111-1111-4111-8111-111111111111")
SCENARIO = uuid.UUID("aaaaaaaa-1111-4111-8111-111111111111")
KILLS = int(os.environ.get("SCENARIO_KILLS", "4"))


def step(name: str, *to: str, **more) -> dict:
    return {"id": name, "name": name.title(), "transitions": [{"to_step_id": target} for target in to], **more}


OLD = {"name": "Flow", "entry_step_id": "hello",
       "steps": [step("hello", "basket"), step("basket", "pay"), step("pay", "done"), step("done", is_terminal=True)]}
# Who is at hello is moved in silence; the others need a field that one in five has not got.
NEW = {"name": "Flow", "entry_step_id": "hello",
       "steps": [step("hello", "age"), step("age", "basket", collects_profile_fields=["age"]), step("basket", "pay"),
                 step("pay", "thanks"), step("thanks", "done"), step("done", is_terminal=True)]}


def populate(db, sessions: int, mark: bool = True) -> uuid.UUID:
    """Sessions at every step, and a plan deployed over them."""
    db.execute("select scenario.create_scenario(%s, %s, %s)", [TENANT, Jsonb(OLD), SCENARIO])
    db.execute(
        """
        insert into scenario.sessions (tenant_id, session_id, scenario_id, step_id, variables)
        select %s, md5(n::text)::uuid, %s, (array['hello', 'hello', 'basket', 'pay'])[1 + n %% 4],
               case when n %% 5 = 0 then '{}' else '{"age": 30}' end::jsonb
          from generate_series(1, %s) as n
        """,
        [TENANT, SCENARIO, sessions],
    )
    db.execute("select scenario.create_scenario_version(%s, %s, %s)", [TENANT, SCENARIO, Jsonb(NEW)])
    plan = db.execute("select scenario.build_migration_plan(%s, %s, 2)", [TENANT, SCENARIO]).fetchone()[0]
    db.execute("select scenario.approve_migration_plan(%s, %s)", [TENANT, plan])
    db.execute("select set_config('scenario.auto_mark_sessions', %s, false)", ["on" if mark else "off"])
    db.execute("select scenario.deploy_migration_plan(%s, %s)", [TENANT, plan])
    return plan


def waits(n: int) -> bool:
    """Whether session n needs the customer."""
    return n % 5 == 0 and n % 4 in (2, 3)


def all_is_well(db, plan: uuid.UUID, sessions: int) -> None:
    """Everybody was moved exactly once, but for those who would be asked: they are marked, and as they were unless a
    turn has asked."""
    waiting = sum(waits(n) for n in range(1, sessions + 1))
    assert db.execute("select * from scenario.check_invariants()").fetchall() == []
    moved, marked = db.execute(
        """
        select count(*) filter (where scenario_version = 2 and reconciled_deployments = 2 and pending_plan_id is null
                                and pinned_at is null
                                and visit_count = 2 and revision = 1),
               count(*) filter (where scenario_version = 1 and pending_plan_id = %s and visit_count = 1
                                and case when asked then waiting_for = 'customer' and revision = 1
                                         else waiting_for is null and revision = 0 end)
          from scenario.sessions s,
               lateral (select exists (select from scenario.session_requests r
                                        where r.tenant_id = s.tenant_id and r.session_id = s.session_id) as asked) a
         where tenant_id = %s
        """,
        [plan, TENANT],
    ).fetchone()
    assert (moved, marked) == (sessions - waiting, waiting)
    [asked] = db.execute(
        "select count(distinct session_id) from scenario.session_requests where tenant_id = %s", [TENANT]
    ).fetchone()
    audited = db.execute(
        "select action, count(*), count(distinct session_id) from scenario.migration_audit "
        "where tenant_id = %s group by 1 order by 1",
        [TENANT],
    ).fetchall()
    moves = ("teleport", sessions - waiting, sessions - waiting)
    assert audited == ([("collect", asked, asked), moves] if asked else [moves])


class Worker(threading.Thread):
    """CALLs a procedure on a connection of its own."""

    def __init__(
        self, connection, plan, call="call scenario.migrate_sessions(%s, %s, batch_size => {})", batch_size=20
    ):
        super().__init__(daemon=True)
        self.connection = connection
        self.notices: list[str] = []
        self.error: psycopg.Error | None = None
        connection.add_notice_handler(lambda diagnostic: self.notices.append(diagnostic.message_primary))
        self.arguments = call.format(batch_size), [TENANT, plan]
        self.start()

    def run(self):
        try:
            self.connection.execute(*self.arguments)
        except psycopg.Error as error:
            self.error = error

    def ended(self, seconds=60):
        self.join(seconds)
        assert not self.is_alive(), "the run goes on and on"
        if self.error:
            raise self.error
        return self


def until(condition, seconds=30):
    """Waits until the function gives something true, and gives it."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it does not come"
        time.sleep(0.01)
    return found


def run_of(db, state=None, least=0):
    """The newest run, once it is in that state and has done so many."""
    def look():
        return db.execute(
            "select run_id, state, done, total from scenario.batch_runs "
            "where tenant_id = %s and (%s::text is null or state = %s) "
            "and done >= %s order by started_at desc limit 1", [TENANT, state, state, least]
        ).fetchone()
    return until(look)


def slow_down(db, seconds: float) -> None:
    """Every migration that is no clean graft takes longer."""
    db.execute(
        f"""
        create function public.slowly() returns trigger language plpgsql as
            $$ begin perform pg_sleep({seconds}); return new; end $$;
        create trigger slowly before insert on scenario.migration_audit
            for each statement execute function public.slowly();
        """
    )


def test_pause_resume_cancel(db, connect):
    plan = populate(db, 400)
    slow_down(db, 0.005)
    worker = Worker(connect(), plan)
    run, *_ = run_of(db, "running", least=20)
    assert db.execute("select scenario.pause_batch(%s, %s)", [TENANT, run]).fetchone() == ("paused",)
    # it comes to rest: two looks, a while apart, see the same
    done = until(lambda: (lambda a: time.sleep(0.5) or a == run_of(db)[2] and a)(run_of(db)[2]))
    assert 20 <= done < 400 and worker.is_alive()
    progress = db.execute("select state, percent from scenario.batch_progress where run_id = %s", [run]).fetchone()
    assert progress[0] == "paused" and 0 < progress[1] < 100
    # a paused run is not taken for dead, however long; and it holds no row
    time.sleep(2.5)
    assert db.execute("select state from scenario.batch_progress where run_id = %s", [run]).fetchone() == ("paused",)
    with connect() as other:
        other.execute("set lock_timeout = '200ms'")
        other.execute("update scenario.sessions set turn_count = turn_count where tenant_id = %s", [TENANT])
    held = db.execute(
        "select max(extract(epoch from clock_timestamp() - xact_start)) from pg_stat_activity where pid = %s",
        [worker.connection.info.backend_pid],
    ).fetchone()[0]
    assert held is None or held < 1
    assert db.execute("select scenario.resume_batch(%s, %s)", [TENANT, run]).fetchone() == ("running",)
    run_of(db, "running", least=done + 20)
    assert db.execute("select scenario.cancel_batch(%s, %s)", [TENANT, run]).fetchone() == ("cancelled",)
    worker.ended()
    state, stopped_at, finished = db.execute(
        "select state, done, finished_at is not null from scenario.batch_runs where run_id = %s", [run]
    ).fetchone()
    assert state == "cancelled" and finished and done < stopped_at < 400
    assert worker.notices[-1].startswith("migrate ") and "cancelled" in worker.notices[-1]
    # what it has done stays, the rest is done by another
    db.execute("drop trigger slowly on scenario.migration_audit")
    Worker(connect(), plan).ended()
    all_is_well(db, plan, 400)


def test_a_cancelled_statement_ends_the_run(db, connect):
    plan = populate(db, 400)
    slow_down(db, 0.01)
    worker = Worker(connect(), plan)
    run, *_ = run_of(db, "running", least=20)
    worker.connection.cancel()
    with pytest.raises(psycopg.errors.QueryCanceled):
        worker.ended()
    # the connection lives, but nobody works for the run any more
    interrupted = "select state = 'interrupted' from scenario.batch_progress where run_id = %s"
    until(lambda: db.execute(interrupted, [run]).fetchone()[0])
    assert db.execute("select count(*) from scenario.batch_errors").fetchone() == (0,)
    db.execute("drop trigger slowly on scenario.migration_audit")
    Worker(connect(), plan).ended()
    assert db.execute("select state from scenario.batch_runs where run_id = %s", [run]).fetchone() == ("interrupted",)
    all_is_well(db, plan, 400)


def test_three_workers_do_nothing_twice(db, connect):
    plan = populate(db, 1500)
    for worker in [Worker(connect(), plan, batch_size=25) for _ in range(3)]:
        worker.ended()
    all_is_well(db, plan, 1500)
    runs = db.execute(
        "select state, applied from scenario.batch_runs where tenant_id = %s and kind = 'migrate'", [TENANT]
    ).fetchall()
    assert [state for state, _ in runs] == ["finished"] * 3
    assert sum(applied for _, applied in runs) == sum(not waits(n) for n in range(1, 1501))


def test_who_would_be_asked_is_counted_once(db, connect):
    """A batch asks nobody and writes nothing for them, so its second look must know whom the first has counted."""
    plan = populate(db, 60)
    turn = connect(autocommit=False)
    held = [uuid.UUID(bytes=hashlib.md5(str(n).encode()).digest()) for n in (1, 10, 15)]
    turn.execute("select from scenario.sessions where session_id = any (%s) for update", [held])
    Worker(connect(), plan, batch_size=7).ended(20)
    counts = "select done, applied, deferred, failed from scenario.batch_runs order by started_at"
    waiting = sum(waits(n) for n in range(1, 61))
    assert [waits(n) for n in (1, 10, 15)] == [False, True, True]
    assert db.execute(counts).fetchall() == [(57, 60 - waiting - 1, waiting - 2, 0)]
    turn.rollback()
    Worker(connect(), plan, batch_size=7).ended()
    assert db.execute(counts).fetchall()[1] == (waiting + 1, 1, waiting, 0)
    all_is_well(db, plan, 60)


def test_the_second_look_takes_what_was_skipped(db, connect):
    """Sessions that a turn holds during the first look are migrated by the second, if the turn has ended."""
    plan = populate(db, 60)
    slow_down(db, 0.1)
    turn = connect(autocommit=False)
    [held] = turn.execute(
        """
        select session_id from scenario.sessions where tenant_id = %s and step_id = 'hello'
         order by 1 limit 1 for update
        """,
        [TENANT],
    ).fetchone()
    worker = Worker(connect(), plan, batch_size=7)
    until(lambda: len(worker.notices) >= 2)
    turn.rollback()
    worker.ended()
    assert db.execute("select scenario_version from scenario.sessions where session_id = %s", [held]).fetchone() == (2,)
    waiting = sum(waits(n) for n in range(1, 61))
    counts = db.execute("select done, applied, deferred from scenario.batch_runs").fetchall()
    assert counts == [(60, 60 - waiting, waiting)]
    all_is_well(db, plan, 60)


def test_several_mark_at_once(db, connect):
    plan = populate(db, 1500, mark=False)
    assert db.execute("select count(pending_plan_id) from scenario.sessions").fetchone() == (0,)
    for worker in [Worker(connect(), plan, "call scenario.mark_sessions(%s, %s, {})", 50) for _ in range(3)]:
        worker.ended()
    assert db.execute("select count(pending_plan_id) from scenario.sessions").fetchone() == (1500,)
    assert db.execute("select sessions_marked from scenario.migration_plans").fetchone() == (1500,)
    assert db.execute("select sum(applied) from scenario.batch_runs").fetchone() == (1500,)


def one_locked(connect) -> tuple[uuid.UUID, psycopg.Connection]:
    """A session that a turn holds until its connection rolls back."""
    turn = connect(autocommit=False)
    locked = turn.execute(
        "select session_id from scenario.sessions where tenant_id = %s order by step_id, session_id limit 1 for update",
        [TENANT],
    ).fetchone()[0]
    return locked, turn


MARK = "call scenario.mark_sessions(%s, %s, {})"


def test_marking_skips_locked_sessions(db, connect):
    """Their turn finds the plan by itself: nobody waits, and they are not among those that were looked at."""
    plan = populate(db, 60, mark=False)
    locked, turn = one_locked(connect)
    Worker(connect(), plan, MARK, 7).ended(20)
    runs = "select total, done, applied, deferred from scenario.batch_runs where kind = 'mark' order by started_at"
    assert db.execute(runs).fetchall() == [(60, 59, 59, 0)]
    turn.rollback()
    Worker(connect(), plan, MARK, 7).ended(20)
    assert db.execute(runs).fetchall() == [(60, 59, 59, 0), (1, 1, 1, 0)]
    mark = "select pending_plan_id from scenario.sessions where session_id = %s"
    assert db.execute(mark, [locked]).fetchone() == (plan,)


def test_a_second_plan_reaches_pinned_sessions_without_waiting(db, connect):
    """Marking skips a session that a turn holds, even if another plan pinned it. Its next turn finds the new plan."""
    first = populate(db, 20, mark=False)
    db.execute("select scenario.cancel_deployment(%s, %s)", [TENANT, first])
    db.execute("select count(*) from scenario.sessions s, scenario.reconcile_session(s.tenant_id, s.session_id)")
    second = db.execute(
        "select scenario.build_migration_plan(%s, %s, 2, from_version => 1)", [TENANT, SCENARIO]
    ).fetchone()[0]
    db.execute("select scenario.approve_migration_plan(%s, %s)", [TENANT, second])
    db.execute("select scenario.deploy_migration_plan(%s, %s)", [TENANT, second])
    locked, turn = one_locked(connect)
    Worker(connect(), second, MARK, 7).ended(20)
    assert db.execute("select count(pending_plan_id) from scenario.sessions").fetchone() == (19,)
    turn.rollback()
    moved = db.execute("select action, scenario_version from scenario.reconcile_session(%s, %s)", [TENANT, locked])
    assert moved.fetchone() == ("teleport", 2)


def test_marking_reads_each_session_a_few_times(db):
    """Whatever PostgreSQL expects of a table that was never analyzed: a page does not read the sessions of others."""
    sessions = 3000
    db.execute("alter table scenario.sessions set (autovacuum_enabled = off)")
    plan = populate(db, sessions, mark=False)

    def reads() -> int:
        db.execute("select pg_stat_force_next_flush()")
        return db.execute(
            "select seq_tup_read + idx_tup_fetch from pg_stat_user_tables where relid = 'scenario.sessions'::regclass"
        ).fetchone()[0]

    before = reads()
    db.execute("call scenario.mark_sessions(%s, %s, 30)", [TENANT, plan])
    assert db.execute("select count(pending_plan_id) from scenario.sessions").fetchone() == (sessions,)
    assert (reads() - before) / sessions < 10


def test_locked_sessions_are_looked_at_again(db, connect):
    """A turn holds a session all the time: it is left out, and nobody waits for it."""
    plan = populate(db, 60)
    turn = connect(autocommit=False)
    held = turn.execute(
        "select session_id from scenario.sessions where tenant_id = %s and step_id = 'hello' "
        "order by 1 limit 1 for update", [TENANT]
    ).fetchone()[0]
    worker = Worker(connect(), plan).ended(20)
    assert db.execute("select done, failed from scenario.batch_runs").fetchone() == (59, 0)
    turn.rollback()
    Worker(connect(), plan).ended()
    assert db.execute("select scenario_version from scenario.sessions where session_id = %s", [held]).fetchone() == (2,)
    all_is_well(db, plan, 60)
    assert worker.notices


def test_turns_go_on_during_a_batch(db, connect):
    """Customers take turns while their sessions are migrated: no turn fails, none waits for longer than a batch."""
    sessions, batch = 3000, 50
    plan = populate(db, sessions)
    waited, errors, stop = [], [], threading.Event()

    def customer(seed: int, connection):
        chance = random.Random(seed)
        while not stop.is_set():
            session = uuid.UUID(bytes=hashlib.md5(str(chance.randint(1, sessions)).encode()).digest())
            began = time.monotonic()
            try:
                turn = "select action from scenario.reconcile_session(%s, %s)"
                connection.execute(turn, [TENANT, session]).fetchone()
            except psycopg.Error as error:
                errors.append(error)
            waited.append(time.monotonic() - began)

    turns = [threading.Thread(target=customer, args=(seed, connect()), daemon=True) for seed in range(4)]
    for turn in turns:
        turn.start()
    worker = Worker(connect(), plan, batch_size=batch)
    worker.ended(120)
    stop.set()
    for turn in turns:
        turn.join(10)
    assert errors == []
    assert len(waited) > 100
    all_is_well(db, plan, sessions)
    run = db.execute(
        "select done, extract(epoch from finished_at - started_at) from scenario.batch_runs where kind = 'migrate'"
    ).fetchone()
    batches = max(1, run[0] / batch)
    # as long as four batches, on a busy machine; the whole run is sixty
    assert max(waited) < max(1.0, 4 * float(run[1]) / batches), (max(waited), run)


def test_the_server_dies_again_and_again(new_cluster):
    """SIGKILL at random moments of a run: what was committed stays, the next run does the rest, and nothing twice."""
    cluster = new_cluster(max_connections="20")
    sessions, chance = 200 + 150 * KILLS, random.Random(42)
    with cluster.connect() as db:
        db.execute(f"create extension {EXTENSION}")
        plan = populate(db, sessions)
        slow_down(db, 0.002)
    for kill in range(KILLS):
        connection = cluster.connect()
        worker = Worker(connection, plan, batch_size=10)
        time.sleep(chance.uniform(0.01, 0.5))
        cluster.kill()
        worker.join(30)
        assert not worker.is_alive()
        cluster.start()
        with cluster.connect() as db:
            assert db.execute("select * from scenario.check_invariants()").fetchall() == [], f"after kill {kill + 1}"
            # each session is where its audit says it is
            wrong = db.execute(
                """
                select s.session_id from scenario.sessions s
                  left join scenario.migration_audit a on a.tenant_id = s.tenant_id and a.session_id = s.session_id
                 group by s.tenant_id, s.session_id, s.scenario_version
                having count(*) filter (where a.action = 'teleport') <> s.scenario_version - 1
                """
            ).fetchall()
            assert wrong == []
    with cluster.connect() as db:
        db.execute("drop trigger slowly on scenario.migration_audit")
    Worker(cluster.connect(), plan).ended(120)
    with cluster.connect() as db:
        all_is_well(db, plan, sessions)
        states = dict(db.execute("select state, count(*) from scenario.batch_runs group by 1").fetchall())
        assert states.pop("finished") >= 1 and set(states) <= {"interrupted"}


def test_runs_and_undo_survive_dump_and_restore(server, db, database, empty_database, tmp_path):
    plan = populate(db, 40)
    db.execute("call scenario.migrate_sessions(%s, %s)", [TENANT, plan])
    everything = "select (select count(*) from scenario.batch_runs), (select count(*) from scenario.migration_undo), " \
                 "(select md5(string_agg(u::text, ',' order by session_id)) from scenario.migration_undo u)"
    before = db.execute(everything).fetchone()
    server.program("pg_dump", "-Fc", "-f", tmp_path / "dump", database)
    server.program("pg_restore", "-j", "3", "-d", empty_database, tmp_path / "dump")
    with server.connect(empty_database) as restored:
        assert restored.execute(everything).fetchone() == before
        all_is_well(restored, plan, 40)
        reverted = restored.execute(
            "select count(*), bool_and(reverted) from scenario.revert_plan(%s, %s)", [TENANT, plan]
        ).fetchone()
        assert reverted == (sum(not waits(n) for n in range(1, 41)), True)
