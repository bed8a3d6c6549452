"""The extension comes, and goes without a trace."""

from harness import EXTENSION

# Everything of a database that an extension could leave behind. The schema itself stays: PostgreSQL creates the one
# that the control file names before the extension, which then depends on it and not the other way round.
OBJECTS = """
    select pg_describe_object(classid, objid, 0) as object from (
        select 'pg_class'::regclass as classid, oid as objid
          from pg_class where relnamespace <> 'pg_toast'::regnamespace
        union all select 'pg_proc'::regclass, oid from pg_proc
        union all select 'pg_type'::regclass, oid from pg_type where typnamespace <> 'pg_toast'::regnamespace
        union all select 'pg_trigger'::regclass, oid from pg_trigger
        union all select 'pg_policy'::regclass, oid from pg_policy
        union all select 'pg_event_trigger'::regclass, oid from pg_event_trigger
        union all select 'pg_cast'::regclass, oid from pg_cast
        union all select 'pg_operator'::regclass, oid from pg_operator
        union all select 'pg_namespace'::regclass, oid from pg_namespace
            where nspname <> 'scenario' and nspname !~ '^pg_(toast_)?temp_'
    ) everything order by 1
"""


def objects(connection):
    return [row[0] for row in connection.execute(OBJECTS)]


def test_create_and_drop_leave_nothing(server, empty_database):
    with server.connect(empty_database) as connection:
        before = objects(connection)
        connection.execute(f"create extension {EXTENSION}")
        version, schema = connection.execute(
            "select extversion, extnamespace::regnamespace::text from pg_extension where extname = %s", [EXTENSION]
        ).fetchone()
        assert (version, schema) == ("0.1.0", "scenario")
        connection.execute(f"drop extension {EXTENSION}")
        assert objects(connection) == before
        connection.execute(f"create extension {EXTENSION}")


def test_library_is_the_private_copy(server, database):
    with server.connect(database) as connection:
        connection.execute("load 'pg_scenario'")
        path = connection.execute("select setting from pg_config where name = 'PKGLIBDIR'").fetchone()[0]
        maps = connection.execute("select pg_read_file('/proc/self/maps')").fetchone()[0]
    assert path.startswith(str(server.socket))
    assert f"{path}/pg_scenario.so" in maps


def test_a_cluster_of_its_own(new_cluster, new_folder):
    """The harness itself: create, kill, recover, follow."""
    primary = new_cluster()
    with primary.connect() as connection:
        connection.execute(f"create extension {EXTENSION}")
        connection.execute("create table kept as select 1 as one")
    primary.kill()
    primary.start()
    standby = primary.standby(new_folder())
    standby.catch_up_with(primary)
    with standby.connect() as connection:
        assert connection.execute("select pg_is_in_recovery(), one from kept").fetchone() == (True, 1)
    dump = primary.program("pg_dump", "postgres").stdout
    assert f"CREATE EXTENSION IF NOT EXISTS {EXTENSION}" in dump
