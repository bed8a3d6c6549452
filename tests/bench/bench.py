"""The benchmarks: prints one table of what the extension costs beside the same work by hand (baseline.sql), as ratios.

Called by tools/bench.sh, on a throwaway server with an optimised build. Every comparison is interleaved, round by
round, in one run, and each figure is the median of its rounds: ratios hold from machine to machine, seconds do not.

    NAMES        the groups to run, default all of them (see GROUPS)
    SESSIONS     sessions of the large tenants, default 100,000; the published table is made with 1,000,000
    ROUNDS       default 5
"""

import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psycopg

HERE = Path(__file__).parent
SESSIONS = int(os.environ.get("SESSIONS", "100000"))
ROUNDS = int(os.environ.get("ROUNDS", "5"))
WORK = Path(tempfile.mkdtemp(prefix="bench."))

sql = psycopg.connect(autocommit=True)
rows: list[tuple[str, str, str, str]] = []


def say(text):
    print(f"==> {text}", file=sys.stderr, flush=True)


def report(what, measured, ratio="", goal=""):
    rows.append((what, measured, ratio, goal))
    say(f"{what}: {measured} {ratio} {f'(goal {goal})' if goal else ''}")


def tenant(n):
    return f"00000000-0000-4000-0000-{n:012d}"


def one(query, args=None):
    return sql.execute(query, args).fetchone()[0]


def load(number, steps, sessions, asked=(), **more):
    """Fills a tenant and gives it an approved plan to its second version."""
    names = "".join(f", {name} => %s" for name in more)
    values = (tenant(number), steps, sessions, *more.values())
    sql.execute(f"CALL bench.load(%s, bench.chain(%s, 1), %s{names})", values)
    return one("SELECT bench.approve(%s, bench.chain(%s, 2, %s))", (tenant(number), steps, list(asked)))


def settle():
    """What was loaded is vacuumed, analyzed and on disk before anything is measured."""
    sql.execute("VACUUM (ANALYZE)")
    sql.execute("CHECKPOINT")


def script(name, text):
    path = WORK / f"{name}.sql"
    path.write_text(text)
    return path


def pgbench(path, clients=1, seconds=None, transactions=None, first=None, mode="prepared"):
    """Runs a script; returns transactions a second (without connecting)."""
    command = ["pgbench", "-n", "-M", mode, "-c", str(clients), "-j", str(min(clients, 2)), "-f", str(path)]
    command += ["-T", str(seconds)] if seconds else ["-t", str(transactions)]
    if first is not None:
        command += ["-D", f"n={first}"]
    done = subprocess.run(command, capture_output=True, text=True)
    found = re.search(r"^tps = ([0-9.]+)", done.stdout, re.M)
    if done.returncode or not found or "number of failed transactions: 0 " not in done.stdout:
        sys.exit(f"pgbench failed on {path.name}:\n{done.stdout}\n{done.stderr}")
    return float(found.group(1))


def interleaved(*measures):
    """Runs the measures in turn, ROUNDS times; returns the median of each, and the median of each one's ratio to the
    first of the same round."""
    figures = [[measure(round) for measure in measures] for round in range(ROUNDS)]
    medians = [statistics.median(column) for column in zip(*figures)]
    ratios = [statistics.median(line[i] / line[0] for line in figures) for i in range(len(measures))]
    return medians, ratios


def timed(action):
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


# The session of a pgbench script: a random one of those that are loaded, or the next one.
SOME = "\\set n random(1, {most})\n"
NEXT = "\\set n :n + 1\n"
SESSION = "('00000000-0000-4000-8000-' || lpad(:n::text, 12, '0'))::uuid"


def nothing_to_do():
    """The turn of a session that needs nothing, at two sizes of the table."""
    load(1, 20, 10_000)
    load(2, 20, SESSIONS)
    for number in (1, 2):
        sql.execute("CALL bench.copy_to_baseline(%s)", (tenant(number),))
    settle()

    def select(number, most):
        return script(
            f"select{number}",
            SOME.format(most=most)
            + "SELECT s.scenario_version, s.step_id, s.status, c.published_version FROM by_hand.sessions AS s"
            " JOIN by_hand.scenarios AS c ON c.tenant_id = s.tenant_id AND c.scenario_id = s.scenario_id"
            f" WHERE s.tenant_id = '{tenant(number)}' AND s.session_id = {SESSION};\n",
        )

    def call(function, number, most):
        turn = f"SELECT * FROM {function}('{tenant(number)}', {SESSION});\n"
        return script(f"{function}{number}", SOME.format(most=most) + turn)

    select_1 = select(1, 10_000)
    ours, by_hand = call("scenario.reconcile_session", 1, 10_000), call("by_hand.look", 1, 10_000)
    for clients, goal in ((1, "≥ 0.95"), (8, "≥ 0.8, above the function")):
        figures, ratios = interleaved(
            lambda _: pgbench(select_1, clients, 2),
            lambda _: pgbench(ours, clients, 2),
            lambda _: pgbench(by_hand, clients, 2),
        )
        report(
            f"no-op reconcile_session beside a prepared SELECT, {clients} client{'s' * (clients > 1)}",
            f"{figures[1]:,.0f}/s",
            f"{ratios[1]:.2f} (PL/pgSQL function: {ratios[2]:.2f})",
            goal,
        )
    large = call("scenario.reconcile_session", 2, SESSIONS)
    figures, ratios = interleaved(lambda _: pgbench(ours, 1, 2), lambda _: pgbench(large, 1, 2))
    report(f"no-op, {SESSIONS:,} sessions beside 10,000", f"{figures[1]:,.0f}/s", f"{ratios[1]:.2f}", "≥ 0.9")


def grafts():
    """A clean graft at a turn, committed; and the WAL that it writes."""
    each = 3000
    plan = load(3, 20, each * ROUNDS)
    sql.execute("SET scenario.auto_mark_sessions = on")
    sql.execute("SELECT scenario.deploy_migration_plan(%s, %s)", (tenant(3), plan))
    sql.execute("CALL bench.copy_to_baseline(%s)", (tenant(3),))
    settle()
    ours = script("turn", NEXT + f"SELECT * FROM scenario.reconcile_session('{tenant(3)}', {SESSION});\n")
    by_hand = script("by_hand", NEXT + f"SELECT * FROM by_hand.turn('{tenant(3)}', {SESSION});\n")
    wal = {ours: [], by_hand: []}

    def turns(path, round):
        before = one("SELECT pg_current_wal_insert_lsn()")
        rate = pgbench(path, transactions=each, first=each * round)
        wal[path].append(float(one("SELECT pg_current_wal_insert_lsn() - %s::pg_lsn", (before,))) / each)
        return rate

    figures, ratios = interleaved(lambda r: turns(by_hand, r), lambda r: turns(ours, r))
    for schema in ("scenario", "by_hand"):
        moved = one(f"SELECT count(*) FROM {schema}.migration_audit WHERE tenant_id = %s", (tenant(3),))
        assert moved == each * ROUNDS, f"{schema}: {moved} sessions moved"
    report("clean graft at a turn, committed, beside the function", f"{figures[1]:,.0f}/s", f"{ratios[1]:.2f}", "≥ 0.9")
    bytes_ours, bytes_by_hand = (statistics.median(wal[path]) for path in (ours, by_hand))
    report("  WAL of it", f"{bytes_ours:,.0f} bytes", f"{bytes_ours / bytes_by_hand:.2f}", "≤ 1.1")


def batches():
    """Batches of clean grafts beside the pages by hand, and of gap fills."""
    each = min(SESSIONS // ROUNDS, 20_000)
    plan = load(4, 20, each * ROUNDS)
    gaps = load(5, 20, each * ROUNDS, asked=["age"], first_step=4, variables='{"age": 33, "lang": "en"}')
    for number, which in ((4, plan), (5, gaps)):
        sql.execute("SELECT scenario.deploy_migration_plan(%s, %s)", (tenant(number), which))
    sql.execute("CALL bench.copy_to_baseline(%s)", (tenant(4),))
    settle()

    def ours(number, which):
        call = "CALL scenario.migrate_sessions(%s, %s, max_sessions => %s)"
        return each / timed(lambda: sql.execute(call, (tenant(number), which, each)))

    def by_hand(_):
        return each / timed(lambda: sql.execute("CALL by_hand.migrate(%s, %s, %s)", (tenant(4), plan, each)))

    figures, ratios = interleaved(by_hand, lambda _: ours(4, plan), lambda _: ours(5, gaps))
    for schema, number in (("scenario", 4), ("by_hand", 4), ("scenario", 5)):
        moved = one(f"SELECT count(*) FROM {schema}.migration_audit WHERE tenant_id = %s", (tenant(number),))
        assert moved == each * ROUNDS, f"{schema}, tenant {number}: {moved} sessions moved"
    grafts, gap_fills = (f"{rate:,.0f}/s" for rate in figures[1:])
    report("batch of clean grafts, beside the pages by hand", grafts, f"{ratios[1]:.2f}", "≥ 0.9, 29,200/s")
    report("batch of gap fills (one field, in the session)", gap_fills, f"{ratios[2]:.2f}", "≥ 10,000/s")


def marking():
    """Marking at deployment beside one UPDATE of the same columns; and by pages."""
    each = max(SESSIONS // ROUNDS, 10_000)
    plans = [load(100 + round, 20, each) for round in range(ROUNDS)]
    for round in range(ROUNDS):
        sql.execute("CALL bench.copy_to_baseline(%s)", (tenant(100 + round),))
    settle()

    def by_hand(round):
        return each / timed(lambda: sql.execute(
            "UPDATE by_hand.sessions SET pending_plan_id = %s, pending_target_version = 2, pending_marked_at = now(),"
            " pending_anchor_hash = step_content_hash"
            " WHERE tenant_id = %s AND scenario_version = 1 AND status = 'active'",
            (plans[round], tenant(100 + round))))

    def ours(round):
        took = timed(
            lambda: sql.execute("SELECT scenario.deploy_migration_plan(%s, %s)", (tenant(100 + round), plans[round]))
        )
        marked = one("SELECT count(*) FROM scenario.sessions WHERE pending_plan_id = %s", (plans[round],))
        assert marked == each, f"{marked} sessions marked"
        return each / took

    figures, ratios = interleaved(by_hand, ours)
    report("marking at deployment, beside one UPDATE", f"{figures[1]:,.0f}/s", f"{ratios[1]:.2f}", "≥ 0.85")


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(share * len(values)))]


def long_flow():
    """Gap fills in a long flow with a long history; the diff and the plan of a long flow."""
    sessions = 400
    plan = load(6, 100, sessions, asked=["age", "city", "size"], first_step=30, visits=200,
                variables='{"age": 33, "city": "Oslo", "size": "L"}')
    sql.execute("SELECT scenario.deploy_migration_plan(%s, %s)", (tenant(6), plan))
    settle()
    call = "SELECT action, migration_scenario FROM scenario.reconcile_session(%s, bench.id('8000', %s))"
    took, firsts = [], []
    for n in range(1, sessions + 1):
        def turn(connection):
            result = []
            took_now = timed(lambda: result.append(connection.execute(call, (tenant(6), n)).fetchone()))
            assert result[0] == ("teleport", "gap_fill"), result
            return took_now
        if n % 10:
            took.append(turn(sql))
        else:
            with psycopg.connect(autocommit=True) as new:
                new.execute("SELECT 1")
                firsts.append(turn(new))
    took = took[20:]
    report("gap fill of 3 fields, 100 steps, 200 visits: p99", f"{1000 * percentile(took, 0.99):.1f} ms", "", "≤ 3 ms")
    report("  the first call of a new connection, median", f"{1000 * statistics.median(firsts):.1f} ms", "", "≤ 20 ms")

    # 10 % of the steps are inserted
    asked = [f"field_{n}" for n in range(10)]
    old, new = one("SELECT bench.chain(100, 1)::text"), one("SELECT bench.chain(100, 2, %s)::text", (asked,))
    sql.execute("CREATE TABLE bench.documents AS SELECT %s::jsonb AS old, %s::jsonb AS new", (old, new))
    sql.execute("CALL bench.load(%s, bench.chain(100, 1), 0)", (tenant(7),))
    version = one("SELECT scenario.create_scenario_version(%s, %s, bench.chain(100, 2, %s))",
                  (tenant(7), tenant(7), asked))
    diff = script("diff", "SELECT length(scenario.scenario_diff(old, new)::text) FROM bench.documents;\n")
    build = script("build", "BEGIN;\nSELECT scenario.build_migration_plan("
                   f"'{tenant(7)}', '{tenant(7)}', {version});\nROLLBACK;\n")
    figures, _ = interleaved(lambda _: 1000 / pgbench(diff, 1, 2), lambda _: 1000 / pgbench(build, 1, 2))
    size = one("SELECT length(scenario.scenario_diff(old, new)::text) FROM bench.documents")
    report(f"scenario_diff of 100 steps, 10 inserted ({size / 1000:,.0f} kB)", f"{figures[0]:.1f} ms", "", "≤ 3 ms")
    report("  build_migration_plan of the same", f"{figures[1]:.1f} ms", "", "≤ 2 ms")


def backend_memory(connection):
    return int(connection.execute("SELECT sum(used_bytes) FROM pg_backend_memory_contexts").fetchone()[0])


def peak_memory(pid):
    """Kilobytes that the backend has had at most, without shared memory."""
    status = Path(f"/proc/{pid}/status").read_text()
    return sum(int(re.search(rf"^{key}:\s+(\d+) kB", status, re.M).group(1)) for key in ("RssAnon",))


def simulations():
    """Simulation and summary, of sessions that need a replay, at two sizes."""
    rates = {}
    for number, sessions in ((8, 10_000), (9, SESSIONS)):
        plan = load(number, 20, sessions, asked=["age"], first_step=4, variables='{"age": 33, "lang": "en"}')
        settle()
        took, peaks = [], []
        for _ in range(ROUNDS if sessions <= 100_000 else 1):
            with psycopg.connect(autocommit=True) as new:
                watch = threading.Event()
                pid, peak = new.info.backend_pid, [0]

                def look():
                    while not watch.wait(0.05):
                        peak[0] = max(peak[0], peak_memory(pid))

                watcher = threading.Thread(target=look)
                watcher.start()
                took.append(timed(lambda: new.execute(
                    "SELECT count(*), count(*) FILTER (WHERE action = 'teleport')"
                    " FROM scenario.simulate_migration_plan(%s, %s)", (tenant(number), plan)).fetchone()))
                watch.set()
                watcher.join()
                peaks.append(peak[0])
        rates[number] = sessions / statistics.median(took)
        report(f"simulation with replays, {sessions:,} sessions", f"{rates[number]:,.0f}/s",
               f"{max(peaks) / 1024:,.0f} MB", "≥ 20,000/s, memory flat")
        summarize = "SELECT scenario.migration_summary(%s, %s)"
        summary = [timed(lambda: sql.execute(summarize, (tenant(number), plan)).fetchone()) for _ in range(ROUNDS)]
        report(f"  migration_summary, {sessions:,} sessions", f"{statistics.median(summary):.2f} s", "", "≤ 1 s")
    report(f"  growth of the simulation a session, 10,000 to {SESSIONS:,}", "", f"{rates[8] / rates[9]:.2f}", "≤ 1.1")


def growth():
    """What a session costs, with many sessions beside it and with few."""
    cost = {}
    for number, sessions in ((11, 10_000), (12, SESSIONS)):
        plan = load(number, 20, sessions)
        settle()
        deploy = "SELECT scenario.deploy_migration_plan(%s, %s)"
        marked = timed(lambda: sql.execute(deploy, (tenant(number), plan)))
        settle()
        moved = timed(lambda: sql.execute("CALL scenario.migrate_sessions(%s, %s)", (tenant(number), plan)))
        cost[number] = (marked / sessions, moved / sessions)
    for what, few, many in zip(("marking", "batch"), cost[11], cost[12]):
        figure = f"{1e6 * many:.1f} µs a session"
        report(f"growth of {what}, 10,000 to {SESSIONS:,} sessions", figure, f"{many / few:.2f}", "≤ 1.1")


def turns_meanwhile():
    """A large migration by pages, while eight clients take turns."""
    plan = load(10, 20, SESSIONS)
    sql.execute("SET scenario.auto_mark_sessions = off")
    sql.execute("SELECT scenario.deploy_migration_plan(%s, %s)", (tenant(10), plan))
    sql.execute("RESET scenario.auto_mark_sessions")
    settle()
    turn = script("meanwhile", SOME.format(most=SESSIONS)
                  + f"SELECT action FROM scenario.reconcile_session('{tenant(10)}', {SESSION});\n\\sleep 10 ms\n")
    log = WORK / "turns"
    clients = subprocess.Popen(["pgbench", "-n", "-M", "prepared", "-c", "8", "-j", "1", "-T", "3600", "-f", str(turn),
                                "--log", f"--log-prefix={log}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        marked = timed(lambda: sql.execute("CALL scenario.mark_sessions(%s, %s)", (tenant(10), plan)))
        moved = timed(lambda: sql.execute("CALL scenario.migrate_sessions(%s, %s)", (tenant(10), plan)))
    finally:
        clients.terminate()
        clients.wait()
    left = one("SELECT count(*) FROM scenario.sessions WHERE tenant_id = %s AND scenario_version <> 2", (tenant(10),))
    assert left == 0, f"{left} sessions left"
    # the third column: microseconds, the 10 ms of sleep included
    turns = [int(line.split()[2]) / 1000 - 10 for file in WORK.glob("turns.*") for line in file.open()]
    report(f"{SESSIONS:,} sessions marked and migrated with 8 clients taking turns",
           f"{SESSIONS / marked:,.0f}/s, {SESSIONS / moved:,.0f}/s")
    report(f"  their {len(turns):,} turns: p99.9", f"{percentile(turns, 0.999):.1f} ms", "", "≤ 20 ms")
    report("  the longest", f"{max(turns):.1f} ms", "", "≤ 100 ms")


GROUPS = {
    "nothing_to_do": nothing_to_do,
    "grafts": grafts,
    "batches": batches,
    "marking": marking,
    "long_flow": long_flow,
    "simulations": simulations,
    "growth": growth,
    "turns_meanwhile": turns_meanwhile,
}


def main():
    names = sys.argv[1:] or list(GROUPS)
    for name in names:
        if name not in GROUPS:
            sys.exit(f"there is no benchmark named {name}: {', '.join(GROUPS)}")
    sql.add_notice_handler(lambda _: None)
    for file in ("load.sql", "baseline.sql"):
        sql.execute((HERE / file).read_text())
    for name in names:
        say(GROUPS[name].__doc__.strip().splitlines()[0])
        GROUPS[name]()
    widths = [max(len(row[i]) for row in [*rows, ("", "measured", "ratio", "goal")]) for i in range(4)]
    print()
    for row in [("", "measured", "ratio", "goal"), *rows]:
        print(f"{row[0]:<{widths[0]}}  {row[1]:>{widths[1]}}  {row[2]:>{widths[2]}}  {row[3]}".rstrip())


main()
