"""Servers that a test can talk to, and start, stop, kill and copy.

The main server is started by tools/test.sh, which says in the environment where it is. A test that needs a server of
its own (dump and restore, crash, hot standby) gets one from the fixture `new_cluster`; it runs from the same private
installation, so the extension is there.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import psycopg

HOME = Path(os.environ["SCENARIO_HOME"])
PG_BIN = Path(os.environ["SCENARIO_PG_BIN"])
SERVER_USER = os.environ["SCENARIO_SERVER_USER"]
EXTENSION = "pg_scenario"


def as_server(*command: str | Path) -> list[str]:
    """The command as the user who runs the servers: PostgreSQL refuses to be run by root."""
    command = [str(part) for part in command]
    return ["runuser", "-u", SERVER_USER, "--", *command] if os.getuid() == 0 else command


def run(*command: str | Path, check: bool = True, **options) -> subprocess.CompletedProcess[str]:
    """Runs a program; an exit status other than 0 is an error that shows what it wrote."""
    done = subprocess.run([str(part) for part in command], cwd=HOME, capture_output=True, text=True, **options)
    if check and done.returncode != 0:
        raise AssertionError(f"{command} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done


class Server:
    """A running server: where it is and how to reach it."""

    def __init__(self, socket: Path, port: int = 5432):
        self.socket = socket
        self.port = port

    def connect(self, dbname: str = "postgres", **options) -> psycopg.Connection:
        """A new connection, autocommit unless told otherwise, as the superuser unless `user` says otherwise."""
        options = {"user": "postgres", "autocommit": True} | options
        return psycopg.connect(host=str(self.socket), port=self.port, dbname=dbname, **options)

    def program(
        self, name: str, *arguments: str | Path, check: bool = True, **options
    ) -> subprocess.CompletedProcess[str]:
        """Runs one of PostgreSQL's client programs (pg_dump, psql, …) against this server."""
        where = {"PGHOST": str(self.socket), "PGPORT": str(self.port), "PGUSER": "postgres"}
        return run(PG_BIN / name, *arguments, check=check, env=os.environ | where, **options)

    def psql(self, dbname: str, sql: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return self.program("psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", dbname, check=check, input=sql)


class Cluster(Server):
    """A server that belongs to the test. Its data, its socket and its log are below one folder."""

    def __init__(self, folder: Path):
        super().__init__(folder)
        self.folder = folder
        self.data = folder / "data"
        self.log = folder / "log"

    def create(self, **settings: str) -> Cluster:
        """A new, empty cluster, not yet started."""
        run(*as_server(PG_BIN / "initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8",
                       "--locale=C", "--no-sync"))
        self.configure(fsync="off", jit="off", timezone="UTC", listen_addresses="", **settings)
        return self

    def configure(self, **settings: str) -> None:
        """Appends settings; they count from the next start."""
        with open(self.data / "postgresql.conf", "a", encoding="utf-8") as file:
            for name, value in {"unix_socket_directories": str(self.folder), **settings}.items():
                file.write(f"{name} = '{value}'\n")

    def start(self) -> Cluster:
        done = run(*as_server(PG_BIN / "pg_ctl", "-D", self.data, "-l", self.log, "-w", "-s", "start"), check=False)
        if done.returncode != 0:
            raise AssertionError(f"the server did not start:\n{self.log.read_text()}")
        return self

    def stop(self, mode: str = "fast") -> None:
        run(*as_server(PG_BIN / "pg_ctl", "-D", self.data, "-m", mode, "-w", "-s", "stop"), check=False)

    def kill(self) -> None:
        """The power goes: kill -9 to the postmaster and to every backend; the next start has to recover."""
        postmaster = int((self.data / "postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        for pid in [postmaster, *map(int, children)]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        deadline = time.monotonic() + 10
        while any(Path(f"/proc/{pid}").exists() for pid in [postmaster, *children]) and time.monotonic() < deadline:
            time.sleep(0.02)
        (self.data / "postmaster.pid").unlink()

    def standby(self, folder: Path) -> Cluster:
        """A hot standby of this cluster, started."""
        copy = Cluster(folder)
        run(*as_server(PG_BIN / "pg_basebackup", "-h", self.socket, "-p", str(self.port), "-U", "postgres",
                       "-D", copy.data, "-R", "-c", "fast", "--no-sync"))
        copy.configure()
        return copy.start()

    def catch_up_with(self, primary: Server, seconds: float = 30) -> None:
        """Waits until this standby has replayed all that the primary has written."""
        with primary.connect() as connection:
            position = connection.execute("select pg_current_wal_flush_lsn()").fetchone()[0]
        deadline = time.monotonic() + seconds
        with self.connect() as connection:
            while not connection.execute("select pg_last_wal_replay_lsn() >= %s::pg_lsn", [position]).fetchone()[0]:
                assert time.monotonic() < deadline, f"the standby has not come to {position}"
                time.sleep(0.02)

    def remove(self) -> None:
        if (self.data / "postmaster.pid").exists():
            self.stop("immediate")
        shutil.rmtree(self.folder, ignore_errors=True)
