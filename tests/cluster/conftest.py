"""Fixtures: `db` is what most tests need; `new_cluster` is for those that stop, kill or copy servers."""

from __future__ import annotations

import itertools
import os
import shutil
from pathlib import Path

import pytest
from harness import EXTENSION, HOME, SERVER_USER, Cluster, Server

TEMPLATE = "scenario_template"
numbers = itertools.count(1)


@pytest.fixture(scope="session")
def server() -> Server:
    """The main server, which all tests share: do not stop it."""
    return Server(Path(os.environ["PGHOST"]), int(os.environ["PGPORT"]))


@pytest.fixture
def empty_database(server):
    """The name of a new database without the extension."""
    name = f"test_{next(numbers)}"
    with server.connect() as connection:
        connection.execute(f"create database {name} template template0")
    yield name
    with server.connect() as connection:
        connection.execute(f"drop database if exists {name} with (force)")


@pytest.fixture(scope="session")
def template(server) -> str:
    """A database with the extension, to be copied: quicker than creating it again for each test."""
    with server.connect() as connection:
        connection.execute(f"create database {TEMPLATE} template template0")
    with server.connect(TEMPLATE) as connection:
        connection.execute(f"create extension {EXTENSION}")
    return TEMPLATE


@pytest.fixture
def database(server, template):
    """The name of a new database with the extension, of this test alone."""
    name = f"test_{next(numbers)}"
    with server.connect() as connection:
        connection.execute(f"create database {name} template {template}")
    yield name
    with server.connect() as connection:
        connection.execute(f"drop database if exists {name} with (force)")


@pytest.fixture
def connect(server, database):
    """A function that opens one more connection to the test's database; all are closed at the end."""
    opened = []

    def open_one(**options):
        opened.append(server.connect(database, **options))
        return opened[-1]

    yield open_one
    for connection in opened:
        connection.close()


@pytest.fixture
def db(connect):
    """A connection, in autocommit, to the test's database."""
    return connect()


@pytest.fixture
def new_folder():
    """A function that makes a folder for one more cluster; removed at the end."""
    folders = []

    def make() -> Path:
        folder = HOME / f"cluster_{next(numbers)}"
        folder.mkdir()
        shutil.chown(folder, SERVER_USER)
        folders.append(folder)
        return folder

    yield make
    for folder in folders:
        Cluster(folder).remove()


@pytest.fixture
def new_cluster(new_folder):
    """A function that creates and starts a cluster of the test's own; settings are keyword arguments."""

    def make(**settings: str) -> Cluster:
        return Cluster(new_folder()).create(**settings).start()

    return make
