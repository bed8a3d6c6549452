"""docs/monitoring.md: the queries of the exporters' configurations are run as they are.

Where an exporter is at hand, it is run too.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path

import pytest
from psycopg.types.json import Jsonb

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "monitoring.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r"^```yaml\n# (\S+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
TENANT = uuid.UUID("c1111111-1111-4111-8111-111111111111")


def queries(block: str) -> list[str]:
    """The texts below `query: |`."""
    found = re.findall(r"^( *)(?:- )?query: \|\n((?:\1 +.*\n|\n)+)", block, re.MULTILINE)
    return [text for _, text in found]


@pytest.fixture
def migrated(db):
    """A tenant with a plan under way."""
    def flow(*ids):
        return {"name": "Flow", "entry_step_id": ids[0], "steps": [
            {"id": i, "name": i.title(), "collects_profile_fields": ["age"] if i == "age" else [],
             "transitions": [{"to_step_id": to} for to in ids[n + 1:n + 2]]} for n, i in enumerate(ids)]}

    call = "select scenario.create_scenario(%s, %s)"
    scenario = db.execute(call, [TENANT, Jsonb(flow("hello", "pay"))]).fetchone()[0]
    for step, variables in [("hello", {}), ("pay", {"age": 3}), ("pay", {})]:
        db.execute("select scenario.start_session(%s, gen_random_uuid(), %s, step_id => %s, variables => %s)",
                   [TENANT, scenario, step, Jsonb(variables)])
    call = "select scenario.create_scenario_version(%s, %s, %s)"
    db.execute(call, [TENANT, scenario, Jsonb(flow("hello", "age", "pay"))])
    plan = db.execute("select scenario.build_migration_plan(%s, %s, 2)", [TENANT, scenario]).fetchone()[0]
    db.execute("select scenario.approve_migration_plan(%s, %s)", [TENANT, plan])
    db.execute("select scenario.deploy_migration_plan(%s, %s)", [TENANT, plan])
    db.execute("call scenario.migrate_sessions(%s, %s)", [TENANT, plan])
    return db


def test_the_queries_run_as_they_are(migrated):
    assert set(BLOCKS) == {"queries.yaml", "sql_exporter.yml", "pg_scenario.collector.yml"}
    for name, block in BLOCKS.items():
        found = queries(block)
        assert len(found) == block.count("query: |"), name
        for query in found:
            cursor = migrated.execute(query)
            columns = [column.name for column in cursor.description]
            rows = cursor.fetchall()
            # labels and values that the configuration names are columns of the query, each combination once
            named = re.findall(r"^    - (\w+): \{", block, re.MULTILINE) or \
                [word for group in re.findall(r"(?:labels|values): \[(.*?)\]", block, re.DOTALL)
                 for word in re.findall(r"\w+", group)]
            assert set(columns) <= set(named), name
            assert all(isinstance(row[columns.index("value")], (int, float)) for row in rows)
            labels = [tuple(v for c, v in zip(columns, row) if c != "value") for row in rows]
            assert len(labels) == len(set(labels)), f"{name}: a metric twice"
            assert all(isinstance(label, str) for row in labels for label in row)
            if "WHERE" not in query:
                assert len(rows) > 12
    applied = migrated.execute(queries(BLOCKS["pg_scenario.collector.yml"])[0]).fetchall()
    assert sorted(row[2:] for row in applied) == [("clean_graft", 1.0), ("gap_fill", 1.0)]


def test_the_table_has_every_metric(migrated):
    tables = PAGE.split("## postgres_exporter")[0]
    listed = {name.replace("…", "") for name in re.findall(r"`((?:pg_scenario|…)_\w+)`", tables)}
    there = {row[0] for row in migrated.execute("select distinct metric from scenario.migration_metrics")}
    missing = [name for name in there if not any(name == entry or name.endswith(entry) for entry in listed)]
    assert missing == []


def scrape(exporter: list[str], environment: dict[str, str], port: int, wanted: str) -> str:
    """What a started exporter says on its page, once it says that; the page as it last was, if it never does."""
    running = subprocess.Popen(
        exporter, env=os.environ | environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        page, deadline = "", time.monotonic() + 20
        while wanted not in page and time.monotonic() < deadline:
            time.sleep(0.3)
            try:
                page = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5).read().decode()
            except (urllib.error.URLError, ConnectionError):
                assert running.poll() is None, running.stdout.read()
        return page
    finally:
        running.kill()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def not_installed(program: str, variable: str) -> str:
    return f"{program} is not installed: apt-get install {program}, or name the program in {variable}"


POSTGRES_EXPORTER = os.environ.get("SCENARIO_POSTGRES_EXPORTER") or shutil.which("prometheus-postgres-exporter")
SQL_EXPORTER = os.environ.get("SCENARIO_SQL_EXPORTER") or shutil.which("prometheus-sql-exporter")


@pytest.mark.skipif(
    not POSTGRES_EXPORTER, reason=not_installed("prometheus-postgres-exporter", "SCENARIO_POSTGRES_EXPORTER"))
def test_postgres_exporter(migrated, server, database, tmp_path):
    (tmp_path / "queries.yaml").write_text(BLOCKS["queries.yaml"], encoding="utf-8")
    port = free_port()
    page = scrape(
        [POSTGRES_EXPORTER, f"--web.listen-address=127.0.0.1:{port}", f"--extend.query-path={tmp_path}/queries.yaml",
         "--disable-default-metrics", "--disable-settings-metrics"],
        {"DATA_SOURCE_NAME":
            f"postgresql://postgres@/{database}?host={server.socket}&port={server.port}&sslmode=disable"},
        port, "pg_scenario_value{")
    applied = r'pg_scenario_value\{.*metric="pg_scenario_migrations_applied_total",migration_scenario="gap_fill".*\} 1$'
    assert re.search(applied, page, re.MULTILINE), page


@pytest.mark.skipif(not SQL_EXPORTER, reason=not_installed("prometheus-sql-exporter", "SCENARIO_SQL_EXPORTER"))
def test_sql_exporter(migrated, server, database, tmp_path):
    here = f"postgres://postgres@/{database}?host={server.socket}&port={server.port}&sslmode=disable"
    config = re.sub(r"'postgres://.*'", f"'{here}'", BLOCKS["sql_exporter.yml"])
    (tmp_path / "sql_exporter.yml").write_text(config, encoding="utf-8")
    port = free_port()
    page = scrape(
        [SQL_EXPORTER, f"-config.file={tmp_path}/sql_exporter.yml", f"-web.listen-address=127.0.0.1:{port}"],
        {}, port, 'metric="pg_scenario_migrations_applied_total"')
    assert re.search(r'metric="pg_scenario_migrations_applied_total",migration_scenario="gap_fill"', page), page
