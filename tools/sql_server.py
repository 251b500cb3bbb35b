"""Databases behind a server, read only, by SQLAlchemy: PostgreSQL with psycopg 3, MySQL and MariaDB with PyMySQL.

Each query has a connection and a read-only transaction of its own, which the server enforces, and a time limit that
the server keeps. PostgreSQL runs it as the query of a cursor, over the protocol that takes one statement: so nothing
but a query can run. On MySQL the driver takes one statement, and it must begin as a query.

A read-only transaction does not bound what functions of the server may do. Give a user who may read what is to be
seen, and nothing else.
"""

import re
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from disputatio.errors import ConfigurationError, StoreError, ToolError, require
from disputatio.tools.database import MAX_ROWS, Column, Rows, Table, fetched

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

MAX_STATEMENT = 20_000
"""Characters."""
_DRIVERS = {"postgresql": "psycopg", "mysql": "pymysql", "mariadb": "pymysql"}
_NAMES = {"postgresql": "PostgreSQL", "mysql": "MySQL", "mariadb": "MariaDB"}
_QUERY = re.compile(r"[\s(]*(?:select|with|values|table)\b", re.IGNORECASE)


@dataclass(frozen=True)
class ServerDatabase:
    """A database of a server that can be read and not written.

    Raises:
        ConfigurationError: If the URL is none, or the server is of a kind that cannot be held to reading.
        MissingExtraError: If SQLAlchemy or the driver is not installed.
        StoreError: If the server cannot be reached.
    """

    url: str = field(repr=False)
    """As SQLAlchemy writes it: "postgresql://user:password@host/database"."""
    seconds: float = 5.0
    """How long one query may take."""
    max_rows: int = MAX_ROWS
    _engine: "Engine" = field(init=False, repr=False)

    def __post_init__(self) -> None:
        sqlalchemy = require("sqlalchemy", extra="sql")
        try:
            url = sqlalchemy.make_url(self.url)
        except (sqlalchemy.exc.ArgumentError, ValueError) as error:
            raise ConfigurationError("the URL of the database is none that SQLAlchemy reads") from error
        kind = url.get_backend_name()
        if kind not in _DRIVERS:
            held = ", ".join(("sqlite", *_DRIVERS))
            raise ConfigurationError(f"a database of the kind {kind!r} cannot be held to reading; these can: {held}")
        require(_DRIVERS[kind], extra="sql")
        url = url.set(drivername=f"{kind}+{_DRIVERS[kind]}")
        engine = sqlalchemy.create_engine(
            url, poolclass=sqlalchemy.pool.NullPool, connect_args={"connect_timeout": 10}, hide_parameters=True
        )
        object.__setattr__(self, "_engine", engine)
        self.tables()

    @property
    def dialect(self) -> str:
        """What its SQL is called."""
        return _NAMES[self._engine.dialect.name]

    def tables(self) -> list[Table]:
        """The tables and views of the default schema, in the order of their names.

        Raises:
            StoreError: If the server cannot be reached.
        """
        sqlalchemy = require("sqlalchemy", extra="sql")
        try:
            inspector = sqlalchemy.inspect(self._engine)
            names = sorted({*inspector.get_table_names(), *inspector.get_view_names()})
            return [_table(inspector, name) for name in names]
        except sqlalchemy.exc.SQLAlchemyError as error:
            raise StoreError(f"the database cannot be read: {_reason(error)}") from error

    def query(self, statement: str) -> Rows:
        """Run one statement that only reads.

        Raises:
            ToolError: If it is none, is wrong, or takes too long; the message is written for the model.
        """
        sqlalchemy = require("sqlalchemy", extra="sql")
        if len(statement) > MAX_STATEMENT:
            raise ToolError(f"the statement has {len(statement)} characters, at most {MAX_STATEMENT} fit")
        if not _QUERY.match(statement):
            raise ToolError("only reading is allowed: write one SELECT")
        escaped = statement.replace("%", "%%")  # both drivers fill in what follows a single one
        try:
            with self._engine.connect() as connection:
                self._hold(connection)
                found = connection.execution_options(stream_results=True).exec_driver_sql(escaped)
                with closing(found):
                    return fetched(found.keys(), found, self.max_rows)
        except (sqlalchemy.exc.SQLAlchemyError, UnicodeError) as error:
            raise ToolError(f"SQL error: {_reason(error)}") from error

    def _hold(self, connection: "Connection") -> None:
        """Begin a transaction that can only read, and bound its time."""
        milliseconds = max(int(self.seconds * 1000), 1)
        if self._engine.dialect.name == "postgresql":
            connection.execution_options(postgresql_readonly=True)
            # With a first query made, the transaction can no longer be switched to writing.
            connection.exec_driver_sql(f"SELECT set_config('statement_timeout', '{milliseconds}', true)")
            return
        is_maria = getattr(self._engine.dialect, "is_mariadb", False)
        limit = f"max_statement_time = {self.seconds:g}" if is_maria else f"max_execution_time = {milliseconds}"
        connection.exec_driver_sql(f"SET SESSION {limit}")
        connection.exec_driver_sql("START TRANSACTION READ ONLY")


def _table(inspector: Any, name: str) -> Table:
    keys = inspector.get_pk_constraint(name)["constrained_columns"]
    refers = {
        own: f"{key['referred_table']}({other})"
        for key in inspector.get_foreign_keys(name)
        for own, other in zip(key["constrained_columns"], key["referred_columns"], strict=True)
    }
    columns = inspector.get_columns(name)
    return Table(
        name,
        tuple(
            Column(one["name"], str(one["type"]), one["name"] in keys, refers.get(one["name"], "")) for one in columns
        ),
    )


def _reason(error: Exception) -> str:
    """Why it failed, in the words of the server; its first line tells neither the statement nor the address."""
    return " ".join(str(getattr(error, "orig", None) or error).split())[:300]
