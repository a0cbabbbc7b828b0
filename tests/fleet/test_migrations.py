"""The schema up and down again with rows in place, as an upgrade and a rollback do it."""

from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
from alembic.script import ScriptDirectory

from streams.backup.fleet import put_cases
from streams.backup.folder import Manifest, Part, Writing
from streams.cases.postgres import Cases, CasesUnavailable, _config, newest_version
from streams.topics import OBSERVATIONS

VERSIONS = [one.revision for one in reversed(list(ScriptDirectory.from_config(_config()).walk_revisions()))]
Rows = dict[str, list[dict[str, Any]]]


@pytest.fixture
def cases(stack: Any):
    admin = sa.create_engine(stack.database, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    name = f"t{uuid4().hex[:10]}"
    with admin.connect() as connection:
        connection.exec_driver_sql(f"CREATE SCHEMA {name}")
    made = Cases(f"{stack.database}?options=-csearch_path%3D{name}")
    yield made
    made.close()
    with admin.connect() as connection:
        connection.exec_driver_sql(f"DROP SCHEMA {name} CASCADE")


def tables_of(cases: Cases) -> list[sa.Table]:
    """As they are in the database now."""
    found = sa.MetaData()
    with cases.engine.connect() as connection:
        found.reflect(connection)
    return [table for table in found.sorted_tables if table.name != "alembic_version"]


def shape_of(cases: Cases) -> dict[str, Any]:
    """Columns, keys and indexes by table."""
    with cases.engine.connect() as connection:
        seen = sa.inspect(connection)
        return {
            table.name: (
                {
                    one["name"]: (str(one["type"]), one["nullable"], one["default"])
                    for one in seen.get_columns(table.name)
                },
                seen.get_pk_constraint(table.name)["constrained_columns"],
                sorted((one["name"], one["column_names"]) for one in seen.get_indexes(table.name)),
            )
            for table in tables_of(cases)
        }


def fill(cases: Cases) -> None:
    """Three rows in every table that has none."""
    with cases.engine.begin() as connection:
        for table in tables_of(cases):
            if connection.scalar(sa.select(sa.func.count()).select_from(table)) == 0:
                connection.execute(
                    table.insert(), [{one.name: value(one, n) for one in table.columns} for n in (1, 2, 3)]
                )


def value(column: sa.Column[Any], number: int) -> Any:
    kinds: dict[type, Any] = {
        bool: number % 2 == 0,
        int: number,
        str: f"{column.name} {number}",
        bytes: b'{"n": %d}' % number,
    }
    return kinds[column.type.python_type]


def rows_of(cases: Cases, shape: dict[str, Any]) -> Rows:
    """Rows of these tables, in these columns."""
    with cases.engine.connect() as connection:
        return {
            table.name: sorted(
                (
                    {name: found for name, found in row._mapping.items() if name in shape[table.name][0]}
                    for row in connection.execute(sa.select(table))
                ),
                key=repr,
            )
            for table in tables_of(cases)
            if table.name in shape
        }


@pytest.mark.parametrize("version", VERSIONS[:-1])
def test_a_rollback_keeps_what_the_older_version_knew(cases, version):
    cases.upgrade(version)
    shape = shape_of(cases)
    fill(cases)
    before = rows_of(cases, shape)
    cases.upgrade()
    assert cases.check() is None
    newest = shape_of(cases)
    # Nothing is changed by going on.
    assert rows_of(cases, shape) == before
    # The newer version writes what only it knows, the older one does not mind.
    fill(cases)
    cases.downgrade(version)
    assert shape_of(cases) == shape
    assert rows_of(cases, shape) == before
    assert f"needs {newest_version()}" in (cases.check() or "")
    cases.upgrade()
    assert shape_of(cases) == newest
    assert rows_of(cases, shape) == before


@pytest.mark.parametrize("there", [None, "0001", "head"])
def test_rows_of_an_older_backup_become_those_of_now(cases, tmp_path, there):
    """As a version before the last ones backed it up, into a database that was not there, or is older or newer."""
    writing = Writing(tmp_path / "backup")
    with writing.file("cases/groups_seen.copy.gz") as file:
        file.write("webhook:g1\t一群\tbaseline\tobserve\tt\t7\n".encode())
    with writing.file("cases/judged.copy.gz") as file:
        file.write(b"40\t47\t8\tabc\t1\n48\t48\t1\tdef\t0\n")
    places = {OBSERVATIONS: [Part(0, 5, [(45, 45)]), Part(1, 5, [(41, 41), (44, 42)])]}
    manifest = writing.finish(
        Manifest(
            kind="fleet", id="b1", made_at=1, version="0", schema="0003", readable=False, topics=places,
            tables={
                "groups_seen": ["key", "name", "pack", "mode", "known", "first_seen"],
                "judged": ["first", "last", "count", "digest", "partition"],
            },
        )
    )  # fmt: skip
    if there:
        cases.upgrade(there)
    put_cases(cases, tmp_path / "backup", manifest, True, lambda done: None)
    assert cases.check() is None
    (group,) = cases.connection.execute(sa.text("SELECT key, name, first_seen, last_seen FROM groups_seen"))
    assert group == ("webhook:g1", "一群", 7, 0)
    judged = cases.connection.execute(sa.text("SELECT partition, first, last FROM judged ORDER BY partition"))
    assert judged.all() == [(0, 3, 3), (1, -1, 5)]
    assert cases.connection.scalar(sa.text("SELECT reason FROM pauses")) == "restored from the backup b1"


def test_a_version_that_there_never_was_changes_nothing(cases):
    cases.upgrade()
    shape = shape_of(cases)
    with pytest.raises(ValueError, match="no version 0000"):
        cases.downgrade("0000")
    assert shape_of(cases) == shape
    assert cases.version() == newest_version()


def test_an_older_version_names_the_version_that_it_needs(cases):
    cases.upgrade()
    with cases.transaction() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(CasesUnavailable, match=f"downgrade --to {newest_version()}"):
        cases.upgrade()
