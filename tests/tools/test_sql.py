"""SQL: what a database shows, and that nothing a model writes changes it, leaves it or holds it up."""

import asyncio
import hashlib
import os
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest

from disputatio.errors import ConfigurationError, MissingExtraError, StoreError, ToolError
from disputatio.tools import sql
from disputatio.tools.database import Rows, table_text
from disputatio.tools.sqlite import SqliteDatabase

SCHEMA = """
CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT, "odd ""name" TEXT);
CREATE TABLE orders (id INTEGER PRIMARY KEY, customer INTEGER REFERENCES customers(id), status TEXT, total REAL);
CREATE TABLE secrets (id INTEGER PRIMARY KEY, word TEXT);
CREATE TABLE many (a INTEGER, b INTEGER, PRIMARY KEY (a, b));
CREATE VIEW shipped AS SELECT * FROM orders WHERE status = 'SHIPPED';
CREATE VIRTUAL TABLE notes USING fts5(text);
INSERT INTO customers VALUES (1, 'Ada', 'x'), (2, 'Grace', NULL);
INSERT INTO orders VALUES (1, 1, 'SHIPPED', 9.5), (2, 1, 'OPEN', 3.0), (3, 2, 'SHIPPED', 1e3);
INSERT INTO secrets VALUES (1, 'swordfish');
INSERT INTO notes VALUES ('buy milk'), ('sell bread');
WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 5000) INSERT INTO many SELECT n, n FROM c;
"""
ENDLESS = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT "
ATTEMPTS = [
    "INSERT INTO customers VALUES (9, 'x', 'y')", "UPDATE customers SET name = 'x'", "DELETE FROM customers",
    "REPLACE INTO customers VALUES (1, 'x', 'y')", "DROP TABLE customers", "ALTER TABLE customers ADD COLUMN z",
    "CREATE TABLE t (x)", "CREATE TEMP TABLE t (x)", "CREATE VIEW v AS SELECT 1", "CREATE INDEX i ON customers(name)",
    "CREATE TRIGGER g AFTER INSERT ON customers BEGIN SELECT 1; END", "CREATE VIRTUAL TABLE f USING fts5(x)",
    "ATTACH '{other}' AS other", "ATTACH '{new}' AS new", "VACUUM", "VACUUM INTO '{new}'", "REINDEX", "ANALYZE",
    "BEGIN", "COMMIT", "SAVEPOINT s", "PRAGMA query_only = 0", "PRAGMA writable_schema = 1",
    "PRAGMA temp_store_directory = '/'", "SELECT * FROM pragma_database_list", "SELECT load_extension('{other}')",
    "SELECT readfile('{other}')", "SELECT writefile('{new}', 'x')", "SELECT hex(zeroblob(900000000))",
    "SELECT length(randomblob(900000000))", "SELECT printf('%.*c', 9000000, 'x')", "SELECT fts3_tokenizer('x')",
    "SELECT replace(printf('%.*c', 900000, 'x'), 'x', 'yyyyyyyyyy')", "SELECT 1; DROP TABLE customers",
    "SELECT * FROM orders; --\nDELETE FROM orders", "INSERT INTO notes(notes) VALUES ('rebuild')",
    "WITH x AS (SELECT 1) DELETE FROM customers", "EXPLAIN DELETE FROM customers", "SELECT ?", "", ";", "-- nothing",
    "SELECT '\x00'", "SELECT '\ud800'", "SELECT " + "(" * 300 + "1" + ")" * 300, "SELECT " + "1," * 300 + "1",
    "SELECT " + "1 UNION SELECT " * 30 + "1", "SELECT 'x" + "y" * 30_000 + "'", "SELECT * FROM sqlite_dbpage",
    "SELECT 'a' LIKE '" + "%a" * 500 + "'", "SELECT * FROM no_such_table", "SELEC 1",
]  # fmt: skip


@pytest.fixture
def path(tmp_path: Path) -> Path:
    connection = sqlite3.connect(tmp_path / "shop.sqlite")
    connection.executescript(SCHEMA)
    connection.close()
    return tmp_path / "shop.sqlite"


def ask(tools: Any, statement: str) -> str:
    return asyncio.run(tools[0].call({"statement": statement}))


def test_a_query_gives_a_table_and_the_schema_shows_keys_and_rows(path: Path) -> None:
    tools = sql(path, name="shop")
    assert [one.name for one in tools] == ["shop__query", "shop__schema"]
    assert all(one.access == {"read"} for one in tools)
    assert ask(tools, "SELECT status, count(*) AS n FROM orders GROUP BY 1 ORDER BY 1") == (
        "2 rows\n| status | n |\n| --- | --- |\n| OPEN | 1 |\n| SHIPPED | 2 |"
    )
    assert ask(tools, "SELECT 1 AS a, NULL AS a, x'00ff' AS b").splitlines()[1:] == [
        "| a | a (2) | b |", "| --- | --- | --- |", "| 1 | NULL | (2 bytes) |",
    ]  # fmt: skip
    assert ask(tools, "SELECT name FROM customers WHERE 0") == "no rows; the columns are name"
    shown = asyncio.run(tools[1].call({}))
    assert '"customer" INTEGER REFERENCES customers(id)' in shown
    assert "PRIMARY KEY (a, b)" in shown
    assert "-- 1 | Ada | x\n-- 2 | Grace | NULL" in shown
    assert "notes_data" not in shown
    assert asyncio.run(tools[1].call({"table": "many"})).count("\n--") == 4
    with pytest.raises(ToolError, match=r"unknown table 'order'; did you mean 'orders'\?"):
        asyncio.run(tools[1].call({"table": "order"}))


def test_full_text_and_json_tables_can_be_read(path: Path) -> None:
    assert "buy milk" in ask(sql(path), "SELECT * FROM notes WHERE notes MATCH 'milk'")
    assert "buy milk" in ask(sql(path, only=["notes"]), "SELECT * FROM notes('milk')")
    assert "| 7 |" in ask(sql(path), "SELECT value FROM json_each('[7]')")


@pytest.mark.parametrize("statement", ATTEMPTS, ids=range(len(ATTEMPTS)))
def test_nothing_but_reading_gets_through(path: Path, tmp_path: Path, statement: str) -> None:
    other, new = tmp_path / "other.sqlite", tmp_path / "new.sqlite"
    other.write_bytes(path.read_bytes())
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    try:
        seen = ask(sql(path), statement.format(other=other, new=new))
    except ToolError as error:
        assert "\n" not in str(error)  # noqa: PT017
        assert len(str(error)) < 400  # noqa: PT017
    else:
        assert any(harmless in statement for harmless in ("LIKE", "printf")), seen
    assert hashlib.sha256(path.read_bytes()).hexdigest() == before
    assert {one.name for one in tmp_path.iterdir()} == {"shop.sqlite", "other.sqlite"}


def test_an_unprotected_connection_does_most_of_that(path: Path, tmp_path: Path) -> None:
    other, new = tmp_path / "other.sqlite", tmp_path / "new.sqlite"
    other.write_bytes(path.read_bytes())
    done = 0
    attempts = [one for one in ATTEMPTS if "00000" not in one]
    for statement in attempts:
        connection = sqlite3.connect(path, isolation_level=None)
        try:
            connection.execute(statement.format(other=other, new=new)).fetchone()
            done += 1
        except (sqlite3.Error, sqlite3.Warning, ValueError):
            pass
        finally:
            connection.close()
            path.write_bytes(other.read_bytes())
            new.unlink(missing_ok=True)
    assert done > len(attempts) / 2


@pytest.mark.parametrize(
    "rest", ["count(*) FROM c", "* FROM c", "group_concat(n) FROM c", "max(n) FROM c, many, many m"]
)
def test_what_never_ends_is_stopped_and_what_is_long_is_cut(path: Path, rest: str) -> None:
    started = time.monotonic()
    tools = sql(path, seconds=0.2, max_rows=50)
    try:
        assert "more than 50 rows" in ask(tools, ENDLESS + rest)
    except ToolError as error:
        assert "took longer than 0.2 s" in str(error) or "too big" in str(error)  # noqa: PT017
    assert time.monotonic() - started < 20


def test_wide_rows_are_not_all_fetched(path: Path) -> None:
    found = SqliteDatabase(path).query("SELECT printf('%.*c', 900000, 'x') FROM many")
    assert (len(found.rows), found.more) == (5, True)
    assert len(table_text(found)) < 4000


def test_only_the_tables_that_are_named_can_be_read(path: Path) -> None:
    tools = sql(path, only=["customers", "shipped"])
    assert "2 rows" in ask(tools, "SELECT * FROM shipped")  # by way of a table that cannot be read itself
    for hidden in ("SELECT * FROM secrets", "SELECT * FROM orders", "SELECT * FROM sqlite_master",
                   "SELECT name FROM customers WHERE EXISTS (SELECT 1 FROM secrets)"):  # fmt: skip
        with pytest.raises(ToolError, match="only reading the tables of the schema is allowed: the table"):
            ask(tools, hidden)
    assert "secrets" not in asyncio.run(tools[1].call({}))
    with pytest.raises(StoreError, match="the database has no table 'secret'; it has customers, many,"):
        sql(path, only=["secret"])


def test_what_is_no_database_is_refused_when_the_tools_are_made(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no database" * 100)
    for wrong in (tmp_path / "text", tmp_path / "missing", tmp_path):
        with pytest.raises(StoreError, match="cannot be read as a database of SQLite"):
            sql(wrong)
    assert not (tmp_path / "missing").exists()


def test_bytes_that_are_no_text_and_huge_numbers_are_shown() -> None:
    assert "| 1 |" in table_text(Rows(("x",), [(1,)]))
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE t (x TEXT, y)")
    connection.execute("INSERT INTO t VALUES (CAST(x'ff41' AS TEXT), 9223372036854775807)")
    connection.commit()
    found = SqliteDatabase(connection.serialize()).query("SELECT * FROM t")
    assert found == Rows(("x", "y"), [("\ufffdA", 9223372036854775807)])
    connection.close()


def test_a_server_that_cannot_be_held_to_reading_is_refused() -> None:
    pytest.importorskip("sqlalchemy", reason="needs the extra sql: pip install 'disputatio[sql]'")
    with pytest.raises(ConfigurationError, match="a database of the kind 'mssql' cannot be held to reading"):
        sql("mssql://user:secret@127.0.0.1/x")
    with pytest.raises(ConfigurationError, match="none that SQLAlchemy reads"):
        sql("postgresql://u@[::1")
    with pytest.raises(ConfigurationError, match="leave out 'only'"):
        sql("postgresql://127.0.0.1/x", only=["t"])


def test_a_server_that_is_not_there_is_told_without_the_password() -> None:
    pytest.importorskip("sqlalchemy", reason="needs the extra sql: pip install 'disputatio[sql]'")
    for kind in ("postgresql", "mysql"):
        with pytest.raises((StoreError, MissingExtraError)) as caught:
            sql(f"{kind}://user:swordfish@127.0.0.1:1/x")
        assert "swordfish" not in str(caught.value)


SERVERS = os.environ.get("DISPUTATIO_TEST_SQL", "").split()


@pytest.mark.skipif(not SERVERS, reason="needs servers: DISPUTATIO_TEST_SQL='postgresql://... mysql://...'")
def test_servers_are_held_to_reading() -> None:
    from sqlalchemy import create_engine, text  # noqa: PLC0415

    for url in SERVERS:
        driver = url.replace("postgresql:", "postgresql+psycopg:").replace("mysql:", "mysql+pymysql:")
        engine = create_engine(driver)
        with engine.begin() as connection:
            for one in ("DROP TABLE IF EXISTS u", "DROP TABLE IF EXISTS t",
                        "CREATE TABLE t (id INT PRIMARY KEY, s TEXT)",
                        "CREATE TABLE u (id INT PRIMARY KEY, t INT REFERENCES t(id))",
                        "INSERT INTO t VALUES (1, 'a%b'), (2, ':x')"):  # fmt: skip
                connection.execute(text(one.replace(":x", "\\:x")))
        tools = sql(url, seconds=1, max_rows=2)
        assert "a%b" in ask(tools, "SELECT * FROM t WHERE s LIKE '%b'")
        assert ":x" in ask(tools, "SELECT * FROM t WHERE s = ':x'")
        assert "more than 2 rows" in ask(tools, "SELECT a.id FROM t a, t b")
        assert '"s" TEXT' in asyncio.run(tools[1].call({"table": "t"}))
        for bad in ("SELECT 1; DROP TABLE t", "DELETE FROM t", "WITH d AS (DELETE FROM t RETURNING *) SELECT * FROM d",
                    "COMMIT", "SELECT * FROM t FOR UPDATE", "SELECT set_config('transaction_read_only', 'off', true)",
                    "SELECT pg_sleep(9)", "SELECT sleep(9)", "SELECT 1 INTO OUTFILE '/tmp/x'", "CREATE TABLE v (x INT)",
                    "SELECT * INTO v FROM t", "SELECT 1; COMMIT; DROP TABLE t",
                    "DO $$ BEGIN DELETE FROM t; END $$"):  # fmt: skip
            with pytest.raises(ToolError):
                ask(tools, bad)
        with engine.begin() as connection:
            assert connection.execute(text("SELECT count(*) FROM t")).scalar() == 2
        engine.dispose()
