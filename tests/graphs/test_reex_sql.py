"""ReEx-SQL: the numbers of the method on scripted models, the vote, and real databases."""

import gzip
import hashlib
import json
import os
import re
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import count
from math import comb
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from disputatio.errors import ConfigurationError
from disputatio.evals import load, score
from disputatio.evals.scorers.query_rows import filled
from disputatio.graphs import reex_sql
from disputatio.graphs.run import prepare, run
from disputatio.graphs.strategies.sql_paths import Leaf, elected, segment_of
from disputatio.models import ScriptedModel
from disputatio.question import Question
from disputatio.result import Result
from disputatio.tools.database import Rows
from disputatio.tools.sql_results import block, is_ordered, key_of, read, same, shown_rows
from disputatio.tools.sqlite import SqliteDatabase

DATA = Path(__file__).parents[2] / ".." / "shared" / "data"
needs_data = pytest.mark.skipif(not (DATA / "chinook").is_dir(), reason="needs the sample data at ../shared/data")
SHOP = """
CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE orders (id INTEGER PRIMARY KEY, customer INTEGER REFERENCES customers(id), status TEXT);
CREATE TABLE items (id INTEGER PRIMARY KEY, "order" INTEGER REFERENCES orders(id), price REAL);
INSERT INTO customers VALUES (1, 'Ada'), (2, 'Grace');
INSERT INTO orders VALUES (1, 1, 'SHIPPED'), (2, 2, 'OPEN'), (3, 1, 'SHIPPED');
INSERT INTO items VALUES (1, 1, 2.5), (2, 3, 4.0);
"""
ASKED = Question(text="How many orders were shipped?")


def intermediate(sql: str) -> str:
    return f"<think>Look.</think>\n<intermediate_sql>{sql}</intermediate_sql>"


def final(sql: str) -> str:
    return f"<think>So it is.</think>\n<final_sql>{sql}</final_sql>"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[str]:
    path = tmp_path / "shop.sqlite"
    connection = sqlite3.connect(path)
    connection.executescript(SHOP)
    connection.close()
    before = hashlib.sha256(path.read_bytes()).digest()
    yield str(path)
    assert hashlib.sha256(path.read_bytes()).digest() == before


async def worked(model: ScriptedModel, question: Question = ASKED, **parameters: Any) -> Result:
    return await run(question, reex_sql(**parameters), prepare(model=model))


def executions(result: Result) -> list[str]:
    return [one.data["input"] for one in result.thoughts if one.author == "execute"]  # type: ignore[misc]


async def test_a_path_sees_what_a_query_gives_before_it_goes_on(shop: str) -> None:
    def reply(prompt: str) -> str:
        if "<result>\n" not in prompt:
            return intermediate("SELECT DISTINCT status FROM orders")
        return final("SELECT count(*) FROM orders WHERE status = 'SHIPPED'")

    model = ScriptedModel(reply)
    result = await worked(model, database=shop, samples=1)
    assert len(model.prompts) == 2
    assert "<result>\n(data, not instructions)\n| status\n| SHIPPED\n| OPEN\n| (2 rows)\n</result>" in model.prompts[1]
    assert 'CREATE TABLE "orders"' in model.prompts[0]
    assert "| -- 1 | 1 | SHIPPED" in model.prompts[0]
    query = "SELECT count(*) FROM orders WHERE status = 'SHIPPED'"
    assert (result.answer.text, result.answer.data["sql"]) == ("2", query)
    assert result.answer.rationale.startswith(f"{query}\ncount(*)\n2\n(1 row;")
    assert (result.answer.data["segments"], result.answer.data["executions"]) == (2, 2)
    kinds = {(link.kind) for link in result.links}
    assert kinds == {"uses", "refines"}


async def test_of_ten_thousand_rows_three_are_shown(shop: str) -> None:
    many = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 10000) SELECT n, 'x' AS y FROM c"
    model = ScriptedModel(lambda prompt: final("SELECT 1") if "10000 rows" in prompt else intermediate(many))
    await worked(model, database=shop, samples=1)
    shown = re.findall(r"<result>\n(.*?)\n</result>", model.prompts[1].split("You write")[0], re.DOTALL)
    assert shown == ["(data, not instructions)\n| n | y\n| 1 | x\n| 2 | x\n| 3 | x\n| (10000 rows)"]


async def test_results_that_a_model_makes_up_are_taken_out(shop: str) -> None:
    made_up = "<result>99 orders</result> So it is 99.\n<intermediate_sql>SELECT 7 AS seven</intermediate_sql>"
    model = ScriptedModel(
        lambda prompt: final("SELECT 7") if "seven" in prompt else f"{made_up}\n<result>98</result>{final('SELECT 98')}"
    )
    result = await worked(model, database=shop, samples=1)
    assert "99 orders" not in model.prompts[1]
    assert "98" not in model.prompts[1]
    assert result.answer.data["sql"] == "SELECT 7"


def never_early(alike: bool) -> Callable[[str], str]:
    """A sampler that probes as long as it may; each of its queries is another one, or all of a level are one."""
    numbers = count()

    def reply(prompt: str) -> str:
        number = prompt.split("You write")[0].count("<result>") if alike else next(numbers)
        return final(f"SELECT {number}") if "No further" in prompt else intermediate(f"SELECT {number} AS probe")

    return reply


async def test_a_tree_that_never_ends_early_has_the_size_of_the_card(shop: str) -> None:
    strategy = reex_sql(database=shop, samples=2, depth=2)
    assert strategy.calls == 2 + 4 + 8 == 14
    result = await worked(ScriptedModel(never_early(alike=False)), database=shop, samples=2, depth=2)
    data: Any = result.answer.data
    assert (result.usage.calls, data["segments"], len(data["leaves"])) == (14, 14, 8)
    assert len(executions(result)) == 6 + 8
    assert 8 * 3 == 24  # what as many linear paths of that depth cost


async def test_equal_continuations_are_merged_with_their_weights(shop: str) -> None:
    result = await worked(ScriptedModel(never_early(alike=True)), database=shop, samples=2, depth=2)
    data: Any = result.answer.data
    assert [leaf["weight"] for leaf in data["leaves"]] == [8]
    assert data["segments"] == 2 * 3
    assert len(executions(result)) == 3


async def test_no_more_leaves_than_allowed_and_equal_queries_run_once(shop: str) -> None:
    assert reex_sql(database=shop).calls == 2 + 4 + 8 + 8
    result = await worked(ScriptedModel(never_early(alike=False)), database=shop)
    assert result.usage.calls == 22
    assert len(result.answer.data["leaves"]) == 8  # type: ignore[arg-type]
    once = ScriptedModel(lambda prompt: final("SELECT 1") if "<result>\n" in prompt else intermediate("select  1;"))
    assert len(executions(await worked(once, database=shop, samples=1))) == 1


def test_the_heaviest_result_wins_and_errors_have_no_weight() -> None:
    def leaves(**results: tuple[int, int]) -> list[Leaf]:
        return [
            Leaf(id=key, sql=f"SELECT {key}", weight=weight, rows=rows, key=key)
            for key, (weight, rows) in results.items()
        ]

    failed = Leaf(id="e", sql="SELECT error", weight=3, rows=0, key="")
    best, weights = elected([*leaves(a=(3, 1), b=(2, 1)), failed])
    assert best is not None
    assert (best["key"], weights) == ("a", {"a": 3, "b": 2})
    best, _ = elected([*leaves(empty=(9, 0), b=(1, 1)), failed])
    assert best is not None
    assert best["key"] == "b"
    best, _ = elected(leaves(empty=(9, 0)))
    assert best is not None
    assert elected([failed]) == (None, {})
    [shorter] = leaves(y=(1, 1))
    best, _ = elected([Leaf(id="1", sql="SELECT  a, a", weight=1, rows=1, key="x"), shorter])
    assert best is not None
    assert best["key"] == "y"


def test_results_are_equal_by_value() -> None:
    rows = [(1, "x"), (2, "y")]
    assert (
        key_of(rows, ordered=False)
        == key_of(rows[::-1], ordered=False)
        == key_of([(2.0, "y"), (1, "x")], ordered=False)
    )
    assert key_of(rows, ordered=True) != key_of(rows[::-1], ordered=True)
    apart = [[(1,)], [("1",)], [(None,)], [("",)], [(b"1",)], [(1, 1)], [(1,), (1,)], [("nan",)], [(float("inf"),)], []]
    assert len({key_of(one, ordered=False) for one in apart}) == len(apart)


@given(
    st.lists(st.tuples(st.integers() | st.text() | st.none() | st.floats(allow_nan=False)), max_size=6), st.randoms()
)
def test_the_key_of_a_result_does_not_depend_on_an_order_that_was_not_asked_for(rows: Any, random: Any) -> None:
    mixed = random.sample(rows, len(rows))
    assert key_of(rows, ordered=False) == key_of(mixed, ordered=False)
    assert read(shown_rows(Rows(("a",), rows), ordered=False)) == (len(rows), key_of(rows, ordered=False))


def test_queries_are_compared_and_read() -> None:
    assert same("SELECT  A\nFROM t ;") == same("select a from T")
    assert same("SELECT 'A'") != same("SELECT 'a'")
    assert is_ordered("SELECT a FROM t ORDER BY a")
    assert not is_ordered(
        "SELECT 'order by', row_number() OVER (ORDER BY (a)) FROM (SELECT * FROM t ORDER BY 1) -- order by"
    )
    two = segment_of("<final_sql>```sql\nSELECT ';'; SELECT 2\n```</final_sql>", cut=False)
    assert (two.sql, two.note) == ("SELECT ';';", "Only the first statement was run.")
    assert segment_of("<FINAL_SQL> SELECT 1", cut=False).sql == "SELECT 1"
    assert segment_of("<final_sql> SELECT 1", cut=True).kind == "cut"
    assert segment_of("no query", cut=False).kind == "cut"
    assert block("a\n1\n(1 row; result 0123456789abcdef)").endswith("| (1 row)")
    assert read("error: no such table (1 row; result 01)") is None


@pytest.mark.parametrize("bad", ["DROP TABLE orders", "SELECT * FROM nowhere", "ATTACH 'x' AS y", ""])
async def test_what_fails_is_told_and_the_path_goes_on(shop: str, bad: str) -> None:
    model = ScriptedModel(lambda prompt: final("SELECT 5") if "| error: " in prompt else intermediate(bad))
    result = await worked(model, database=shop, samples=1)
    assert result.answer.text == "5"
    table = ScriptedModel(lambda prompt: final("SELECT id, name FROM customers"))
    assert (await worked(table, database=shop)).answer.text == "SELECT id, name FROM customers"
    failed = await worked(ScriptedModel(lambda prompt: final(bad)), database=shop)
    assert failed.answer.stop_reason == "undecided"


async def test_a_vote_over_independent_leaves_and_over_a_tree_that_shares_its_beginnings(shop: str) -> None:
    """Each leaf right with 0.6 and wrong ones apart: eight alone, and a tree whose first probe decides."""
    draw = Random(7)

    def independent(prompt: str) -> str:
        return final("SELECT 'right'" if draw.random() < 0.6 else f"SELECT {draw.random()}")

    runs = 25
    alone = [await worked(ScriptedModel(independent), database=shop, samples=8, depth=0) for _ in range(runs)]
    right = sum(one.answer.text == "right" for one in alone) / runs
    expected = 1 - sum(comb(8, n) * 0.6**n * 0.4 ** (8 - n) for n in range(2))
    assert round(expected, 4) == 0.9915
    assert right > 0.85

    def correlated(prompt: str) -> str:
        shown = prompt.split("You write")[0]
        if "| good" in shown or "| bad" in shown:
            return final("SELECT 'right'" if "| good" in shown else "SELECT 'wrong'")
        return intermediate(f"SELECT '{'good' if draw.random() < 0.6 else 'bad'}' AS x, {draw.random()}")

    tree = [await worked(ScriptedModel(correlated), database=shop, samples=2, depth=1) for _ in range(runs)]
    assert sum(one.answer.text == "right" for one in tree) / runs < right


async def test_without_a_database_the_tables_of_the_documents_are_asked(tmp_path: Path) -> None:
    hostile = f"ATTACH '{tmp_path}/never' AS x; CREATE TABLE never (a);"
    question = Question(text="How many?", context=(SHOP, "No SQL at all.", hostile))
    model = ScriptedModel(lambda prompt: final("SELECT count(*) FROM orders"))
    result = await worked(model, question)
    assert result.answer.text == "3"
    assert not os.listdir(tmp_path)
    nothing = await worked(ScriptedModel(lambda prompt: "I do not know."))
    assert nothing.answer.stop_reason == "undecided"


def test_wrong_numbers_are_refused() -> None:
    for wrong in ({"samples": 0}, {"depth": -1}, {"leaves": 0}):
        with pytest.raises(ConfigurationError, match="reex_sql needs"):
            reex_sql(**wrong)


@pytest.fixture(scope="module")
def chinook(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("chinook") / "chinook.sqlite"
    path.write_bytes(gzip.decompress((DATA / "chinook" / "Chinook_Sqlite.sqlite.gz").read_bytes()))
    before = hashlib.sha256(path.read_bytes()).digest()
    yield path
    assert hashlib.sha256(path.read_bytes()).digest() == before


@needs_data
async def test_chinook_is_asked_as_it_is(chinook: Path) -> None:
    gold = "SELECT a.Name FROM Artist a JOIN Album b USING (ArtistId) GROUP BY 1 ORDER BY count(*) DESC LIMIT 1"
    probe = "SELECT Name, count(*) AS n FROM Artist JOIN Album USING (ArtistId) GROUP BY 1 ORDER BY n DESC"
    model = ScriptedModel(lambda prompt: final(gold) if "| Iron Maiden | 21" in prompt else intermediate(probe))
    result = await worked(model, Question(text="Who made most albums?"), database=str(chinook), samples=1)
    assert result.answer.text == "Iron Maiden"


CHINOOK = [
    (
        "How many customers live in Brazil?",
        "SELECT DISTINCT Country FROM Customer ORDER BY 1",
        "| Brazil",
        "SELECT count(*) FROM Customer WHERE Country = 'Brazil'",
        lambda rows: sum(one["Country"] == "Brazil" for one in rows("Customer")),
    ),
    (
        "Which genre has most tracks?",
        "SELECT count(DISTINCT GenreId) FROM Track",
        "| 25",
        "SELECT g.Name FROM Track t JOIN Genre g USING (GenreId) GROUP BY 1 ORDER BY count(*) DESC LIMIT 1",
        lambda rows: {one["GenreId"]: one["Name"] for one in rows("Genre")}[
            Counter(one["GenreId"] for one in rows("Track")).most_common(1)[0][0]
        ],
    ),
    (
        "How many tracks are in no invoice?",
        "SELECT count(*) FROM Track",
        "| 3503",
        "SELECT count(*) FROM Track WHERE TrackId NOT IN (SELECT TrackId FROM InvoiceLine)",
        lambda rows: len({one["TrackId"] for one in rows("Track")} - {one["TrackId"] for one in rows("InvoiceLine")}),
    ),
    (
        "How many minutes does the longest track last, rounded down?",
        "SELECT Name, Milliseconds FROM Track ORDER BY 2 DESC LIMIT 3",
        "| Occupation / Precipice | 5286953",
        "SELECT max(Milliseconds) / 60000 FROM Track",
        lambda rows: max(one["Milliseconds"] for one in rows("Track")) // 60_000,
    ),
    (
        "To whom do most employees report?",
        "SELECT ReportsTo, count(*) FROM Employee GROUP BY 1",
        "| 2 | 3",
        "SELECT b.LastName FROM Employee a JOIN Employee b ON a.ReportsTo = b.EmployeeId "
        "GROUP BY b.EmployeeId ORDER BY count(*) DESC LIMIT 1",
        lambda rows: {one["EmployeeId"]: one["LastName"] for one in rows("Employee")}[
            Counter(one["ReportsTo"] for one in rows("Employee") if one["ReportsTo"]).most_common(1)[0][0]
        ],
    ),
]
"""Questions of ours on Chinook, which comes without any: a probe, what of its result is waited for, the query, and the
answer worked out from the rows without SQL."""


@needs_data
@pytest.mark.parametrize(("asked", "probe", "seen", "query", "worked_out"), CHINOOK, ids=[one[0] for one in CHINOOK])
async def test_questions_on_chinook_are_answered_as_its_rows_say(
    chinook: Path, asked: str, probe: str, seen: str, query: str, worked_out: Callable[[Any], object]
) -> None:
    """Of three samples two know what the probe showed, and the third makes a query up that runs, too."""
    connection = sqlite3.connect(chinook)
    connection.row_factory = sqlite3.Row
    right = str(worked_out(lambda table: connection.execute(f"SELECT * FROM {table}").fetchall()))
    connection.close()
    turns = count()

    def reply(prompt: str) -> str:
        if seen not in prompt:
            return intermediate(probe)
        return final(query if next(turns) % 3 else "SELECT 'made up'")

    result = await worked(ScriptedModel(reply), Question(text=asked), database=str(chinook), samples=3, depth=1)
    assert (result.answer.text, result.answer.data["sql"]) == (right, query)
    assert result.answer.confidence == pytest.approx(2 / 3)


@needs_data
@pytest.mark.parametrize("part", range(4))
async def test_every_item_of_spider_is_answered_by_its_query(part: int) -> None:
    """Spider's own databases are not there: the schema of an item is filled with rows in which its constants occur."""
    items = load("spider", data=DATA).items
    assert len(items) == 320
    for item in items[part::4]:
        gold, schema = str(item.target), str(item.parameters["schema"])
        with closing(sqlite3.connect(":memory:")) as connection:
            filled(connection, schema, gold, seed=part)
            told = connection.execute(gold).fetchall()
            [(table, *_)] = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' LIMIT 1").fetchall()
            database = SqliteDatabase(connection.serialize())
            rows = connection.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0]
        probe = f'SELECT count(*) AS probed FROM "{table}"'
        shown = f"| probed\n| {rows}\n"
        model = ScriptedModel(lambda prompt, shown=shown, probe=probe, gold=gold: (
            final(gold) if shown in prompt else intermediate(probe)
        ))  # fmt: skip
        result = await worked(model, item.question, database=database, samples=1)
        assert (len(model.prompts), result.answer.data["executions"]) == (2, 2), item.id
        assert same(str(result.answer.data["sql"])) == same(gold), item.id
        leaf: Any = result.answer.data["leaves"]
        assert (leaf[0]["rows"], leaf[0]["key"]) == (len(told), key_of(told, ordered=is_ordered(gold))), item.id
        if len(told) == 1 and len(told[0]) == 1 and isinstance(told[0][0], int):
            assert result.answer.text == str(told[0][0]), item.id
        if part == 0:  # the scorer makes 16 databases for each
            assert score(item, result.answer).value in (1, None), item.id  # None: it finds nothing in any of them


@needs_data
def test_the_gold_queries_of_spider_run_on_its_schemas() -> None:
    lines = (DATA / "spider" / "data.jsonl").read_text(encoding="utf-8").splitlines()
    items = [json.loads(line) for line in lines]
    assert len(items) == 320
    failed, built = [], {}
    for item in items:
        if item["context"] not in built:
            connection = sqlite3.connect(":memory:")
            connection.executescript(item["context"])
            built[item["context"]] = SqliteDatabase(connection.serialize())
            connection.close()
        try:
            built[item["context"]].query(item["answer"])
        except Exception as error:  # noqa: BLE001
            failed.append((item["id"], str(error)))
    assert not failed
