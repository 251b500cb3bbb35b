"""Code and SQL run, in a sandbox and read-only: what passes, what does not, and what must not happen."""

import sqlite3
from pathlib import Path

import pytest

from disputatio.errors import ConfigurationError, StoreError
from disputatio.evals import Item, Score, score
from disputatio.evals.scorers import programs
from disputatio.question import Question
from disputatio.thought import Answer
from disputatio.tools.python import sandbox_of

OPEN = Question(text="What is it?")
PROMPT = 'from typing import List\n\n\ndef largest(numbers: List[int]) -> int:\n    """The largest of them."""\n'
TEST = "def check(candidate):\n    assert candidate([1, 3, 2]) == 3\n    assert candidate([-1]) == -1\n\ncheck(largest)"


def coded(text: str, test: str = TEST) -> Score:
    item = Item(
        id="1", question=OPEN, target="return max(numbers)", scorer="code", parameters={"prompt": PROMPT, "test": test}
    )
    return score(item, Answer(text=text, value=text or None))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("    return max(numbers)", 1),
        ("return max(numbers)", 1),
        ("def largest(numbers):\n    return max(numbers)", 1),
        ("Here it is:\n```python\ndef largest(numbers):\n    return sorted(numbers)[-1]\n```\nDone.", 1),
        ("    print('x' * 100000)\n    return max(numbers)", 1),
        ("    return min(numbers)", 0),
        ("    return undefined_name", 0),
        ("    while True:\n        numbers = numbers", 0),
        ("    return 1 / 0", 0),
        ("    return numbers.largest()", 0),
        ("def check(candidate):\n    pass\n\ndef smallest(numbers):\n    return 0", 0),
        ("    raise SystemExit(0)", 0),
        ("I would use the function max for this.", None),
        ("A", 0),
        ("None", 0),
        ("", None),
        ("def largest(numbers:", None),
    ],
)
def test_code(text: str, value: float | None) -> None:
    assert coded(text).value == value


def test_code_that_the_sandbox_cannot_run_is_not_called_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "_sandbox", lambda: sandbox_of("monty"))  # the other one can run it
    for text in ("import string", "open('/etc/hostname').read()", "'a'.maketrans({})", "compile('1', '', 'eval')"):
        assert coded(f"    {text}\n    return max(numbers)").status == "unscorable", text
    assert coded("    import os\n    return os.system('touch pwned')").value in (None, 0)
    assert not Path("pwned").exists()


def test_a_value_that_only_looks_like_the_mark_of_success_does_not_pass() -> None:
    assert coded("    return max(numbers)\n'0123456789abcdef'", "assert False").value == 0


SCHEMA = """
CREATE TABLE city (id INTEGER PRIMARY KEY, name TEXT, size INTEGER);
INSERT INTO city VALUES (1, 'Cork', 200), (2, 'Bergen', 300), (3, 'Cork', 100);
"""


def queried(text: str, target: str = "SELECT name, size FROM city WHERE size > 150", **parameters: object) -> Score:
    item = Item(id="1", question=OPEN, target=target, scorer="sql", parameters=parameters or {"schema": SCHEMA})
    return score(item, Answer(text=text, value=text or None))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("SELECT name, size FROM city WHERE size > 150", 1),
        ("```sql\nselect size, name from city where size >= 200;\n```", 1),
        ("WITH big AS (SELECT * FROM city WHERE size > 150) SELECT name, size FROM big ORDER BY size DESC", 1),
        ("SELECT name FROM city WHERE size > 150", 0),
        ("SELECT name, size FROM city", 0),
        ("SELECT name, size FROM city WHERE size > 150 UNION ALL SELECT 'Cork', 200", 0),
        ("SELECT nothing FROM nowhere", 0),
        ("SELECT 1; DROP TABLE city", 0),
        ("SELECT load_extension('x')", 0),
        ("SELECT randomblob(1000000000)", 0),
        ("WITH RECURSIVE n(t) AS (SELECT 'ab' UNION ALL SELECT t || t FROM n) SELECT t, 1 FROM n", 0),
        ("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*), 1 FROM n", 0),
        ("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 20000) SELECT i, i FROM n", 0),
        ("DELETE FROM city", None),
        ("ATTACH DATABASE 'pwned.db' AS p", None),
        ("PRAGMA writable_schema = 1", None),
        ("the selected cities", None),
        ("None", None),
        ("A", None),
        ("", None),
    ],
)
def test_sql(text: str, value: float | None) -> None:
    assert queried(text).value == value


def test_a_query_whose_result_is_the_answer_is_scored_as_a_query() -> None:
    gold = "SELECT count(*) FROM city"
    item = Item(id="1", question=OPEN, target=gold, scorer="sql", parameters={"schema": SCHEMA})
    assert score(item, Answer(text="3", value="3")).status == "abstained"
    for query, value in ((gold, 1), ("SELECT 4", 0), ("DELETE FROM city", None)):
        assert score(item, Answer(text="3", value="3", data={"sql": query})).value == value, query


def test_order_counts_where_the_gold_query_orders() -> None:
    ordered = "SELECT name, size FROM city ORDER BY size"
    assert queried("SELECT name, size FROM city ORDER BY size ASC", ordered).value == 1
    assert queried("SELECT name, size FROM city ORDER BY size DESC", ordered).value == 0
    inner = "SELECT size FROM (SELECT size FROM city ORDER BY name)"
    assert queried("SELECT size FROM city ORDER BY size DESC", inner).value == 1


def test_columns_may_change_places_only_as_wholes() -> None:
    pairs = "CREATE TABLE t (a INTEGER, b INTEGER, PRIMARY KEY (b, a)); INSERT INTO t VALUES (1, 2), (2, 1), (3, 3);"
    assert queried("SELECT b, a FROM t", "SELECT a, b FROM t", schema=pairs).value == 1
    assert queried("SELECT a, a FROM t", "SELECT a, b FROM t", schema=pairs).value == 0


def test_a_schema_without_rows_is_filled_so_that_near_misses_differ() -> None:
    schema = "CREATE TABLE singer (id INTEGER PRIMARY KEY, name TEXT, age INTEGER, country TEXT);"
    gold = "SELECT name FROM singer WHERE age > 30 AND country = 'Peru'"
    assert queried("SELECT name FROM singer WHERE country = 'Peru' AND age >= 31", gold, schema=schema).value == 1
    for near in ("age >= 30 AND country = 'Peru'", "age > 30", "country = 'Peru'", "age > 30 OR country = 'Peru'"):
        assert queried(f"SELECT name FROM singer WHERE {near}", gold, schema=schema).value == 0, near
    hopeless = "SELECT name FROM singer WHERE age > 30 AND age < 20"
    assert queried(hopeless, hopeless, schema=schema).status == "unscorable"


def test_a_database_file_is_only_read(tmp_path: Path) -> None:
    path = tmp_path / "a database.sqlite"
    with sqlite3.connect(path) as connection:
        connection.executescript(SCHEMA)
    connection.close()
    before = path.read_bytes()
    assert queried("SELECT name, size FROM city WHERE size > 150", database=str(path)).value == 1
    assert queried("WITH x AS (SELECT 1) DELETE FROM city", database=str(path)).value == 0
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(StoreError, match="is not there"):
        queried("SELECT 1", database=str(tmp_path / "none.sqlite"))
    with pytest.raises(ConfigurationError, match="gold query fails"):
        queried("SELECT 1", "SELECT nothing FROM nowhere", database=str(path))


def test_a_test_that_tests_nothing_is_an_error_of_the_task_and_makes_nothing_right() -> None:
    uncalled = TEST.removesuffix("\n\ncheck(largest)")
    for text in ("    return max(numbers)", "None"):
        with pytest.raises(ConfigurationError, match="item '1' passes without any answer"):
            coded(text, uncalled)
    assert coded("", uncalled).status == "abstained"
