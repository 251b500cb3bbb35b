"""Tables, images and the user: what these tools give, and what they refuse."""

import asyncio
import base64
import shutil
import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from disputatio.context import Context
from disputatio.errors import ConfigurationError, StoreError, ToolError
from disputatio.permission import Permission
from disputatio.tools import Tool, ask_user, images, tables


def call(tools: list[Tool], name: str, **arguments: Any) -> str:
    return asyncio.run(next(one for one in tools if one.name == name).call(arguments))


def test_tables_are_joined_and_summed_up(tmp_path: Path) -> None:
    path = tmp_path / "sales.csv"
    path.write_text('\ufeffcity,"amount, EUR",code\nRome,10,007\nOslo,2.5,1e2\n\nRome,-3,nan\nBern,,"a ""b"""\nShort\n')
    made = tables({"sales": path, "places": [{"city": "Rome", "land": "Italy"}, {"city": "Oslo", "area": 454.0}]})
    total = 'SELECT land, sum("amount, EUR") AS total FROM sales JOIN places USING (city) GROUP BY land ORDER BY total'
    lines = ["2 rows", "| land | total |", "| --- | --- |", "| NULL | 2.5 |", "| Italy | 7 |"]
    assert call(made, "query", statement=total).splitlines() == lines
    kinds = "SELECT code, typeof(code) AS kind FROM sales WHERE code IS NOT NULL ORDER BY rowid"
    assert call(made, "query", statement=kinds).splitlines()[3:] == [
        "| 007 | text |", "| 100.0 | real |", "| nan | text |", '| a "b" | text |',
    ]  # fmt: skip
    assert 'CREATE TABLE "places"' in call(made, "schema")
    for bad in (
        "DROP TABLE sales",
        "ATTACH '/tmp/x' AS x",
        "PRAGMA query_only = 0",
        "INSERT INTO sales SELECT 1",
    ):
        with pytest.raises(ToolError, match="only reading"):
            call(made, "query", statement=bad)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.text(alphabet="ab\",\n'; x1", max_size=5), min_size=2, max_size=2), min_size=1, max_size=5))
def test_rows_come_back_as_they_were_given(rows: list[list[str]]) -> None:
    [query, _] = tables({"t": [dict(zip(("a", 'b"; --'), row, strict=True)) for row in rows]})
    seen = asyncio.run(query.call({"statement": 'SELECT count(*) AS n, count(DISTINCT a) AS d FROM "t"'}))
    assert seen.endswith(f"| {len(rows)} | {len({row[0] for row in rows})} |")


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "broken.csv").write_text('a,b\n"never closed')
    for name in ("binary.csv", "broken.csv", "missing.csv"):
        with pytest.raises(StoreError, match="cannot be read as CSV"):
            tables({"t": tmp_path / name})
    with pytest.raises(ConfigurationError, match="each with a name of its own"):
        tables({"t": [{"a": 1, "A": 2}]})
    with pytest.raises(ConfigurationError, match="needs 1 to 200 columns"):
        tables({"t": []})
    with pytest.raises(ConfigurationError, match="there are no tables"):
        tables({})
    with pytest.raises(ConfigurationError, match="cannot be made"):
        tables({"sqlite_x": [{"a": 1}]})


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    image = pytest.importorskip("PIL.Image", reason="needs the extra images: pip install 'disputatio[images]'")
    made = image.new("RGB", (200, 100), "white")
    made.paste((0, 0, 255), (50, 20, 60, 30))
    made.save(tmp_path / "a.png")
    (tmp_path / "no.png").write_text("no picture")
    (tmp_path / "cut.png").write_bytes((tmp_path / "a.png").read_bytes()[:80])
    parts = {b"IHDR": struct.pack(">IIBBBBB", 9_000, 9_000, 8, 2, 0, 0, 0), b"IDAT": zlib.compress(b"\0" * 10**6)}
    chunks = (struct.pack(">I", len(p)) + n + p + struct.pack(">I", zlib.crc32(n + p)) for n, p in parts.items())
    (tmp_path / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))
    (tmp_path / "evil.eps").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    return tmp_path


async def picture(calls: Any, tools: list[Tool], name: str, arguments: str) -> Any:
    from PIL import Image  # noqa: PLC0415

    [seen] = await calls(tools, (name, arguments))
    assert seen.data["error"] is None, seen.text
    return Image.open(BytesIO(base64.b64decode(seen.data["attachments"][0]["base64"])))


async def test_a_part_is_enlarged_and_marks_are_drawn(calls: Any, pictures: Path) -> None:
    tools = images(pictures)
    part = '{"path": "a.png", "left": 50, "top": 20, "right": 60, "bottom": 30, "zoom": 4}'
    shown = await picture(calls, tools, "view_image", part)
    assert (shown.size, shown.getpixel((20, 20))) == ((40, 40), (0, 0, 255))
    marks = '[{"left": 10, "top": 10, "right": 90, "bottom": 90}, {"kind": "line", "left": -9999999, "top": 5}]'
    drawn = await picture(calls, tools, "draw_on_image", f'{{"path": "a.png", "marks": {marks}}}')
    assert drawn.getpixel((10, 50)) == drawn.getpixel((90, 50)) == (255, 0, 0)
    assert drawn.getpixel((55, 25)) == (0, 0, 255)


def test_what_is_no_harmless_picture_is_refused(pictures: Path) -> None:
    tools = images(pictures)
    for name in ("no.png", "cut.png", "evil.eps", "missing.png", "../a.png"):
        with pytest.raises(ToolError, match=r"cannot be read|no path"):
            call(tools, "view_image", path=name)
    with pytest.raises(ToolError, match="9000 x 9000 pixels, which is too much"):
        call(tools, "view_image", path="bomb.png")
    for wrong in ({"left": 300}, {"right": 999}, {"left": 9, "right": 3}, {"zoom": 99}, {"zoom": 0}, {"left": -1}):
        with pytest.raises(ToolError, match=r"no such part|zoom is from"):
            call(tools, "view_image", path="a.png", **wrong)
    with pytest.raises(ToolError, match="1 to 50 marks"):
        call(tools, "draw_on_image", path="a.png", marks=[])


@pytest.mark.skipif(shutil.which("tesseract") is None, reason="needs Tesseract: apt install tesseract-ocr")
def test_text_is_read(pictures: Path) -> None:
    from PIL import Image, ImageDraw, ImageFont  # noqa: PLC0415

    made = Image.new("RGB", (600, 100), "white")
    ImageDraw.Draw(made).text((20, 20), "HELLO WORLD", fill="black", font=ImageFont.load_default(48))
    made.save(pictures / "text.png")
    assert "HELLO" in call(images(pictures), "read_image", path="text.png")


async def test_a_person_is_asked_one_question_at_a_time(calls: Any, context: Context) -> None:
    asked: list[str] = []
    busy = 0

    def reply(question: str) -> str:
        nonlocal busy
        busy += 1
        assert busy == 1
        asked.append(question)
        busy -= 1
        return "blue"

    context.permission = Permission(reply=reply)
    wanted = [("ask_user", '{"question": "Which colour?"}'), ("ask_user", '{"question": "Which\\u202e size?"}')]
    first, second = await calls([ask_user], *wanted)
    assert (first.text, second.text, first.data["trusted"]) == ("blue", "blue", True)
    assert sorted(asked) == ["solver asks: Which colour?", "solver asks: Which\\u202e size?"]
    await calls([ask_user], wanted[0])
    assert len(asked) == 2  # nobody is asked the same twice


async def none_given(question: str) -> str | None:
    return None


def closed(question: str) -> str:
    raise EOFError


@pytest.mark.parametrize(
    ("reply", "message"),
    [(None, "nobody is there to be asked"), (none_given, "gave no answer"), (lambda q: " ", "gave no answer"),
     (closed, "ask_user failed: EOFError")],
)  # fmt: skip
async def test_without_an_answer_the_run_goes_on(
    calls: Any, context: Context, reply: Callable[[str], Any] | None, message: str
) -> None:
    context.permission = Permission(reply=reply)
    [seen] = await calls([ask_user], ("ask_user", '{"question": "Which?"}'))
    assert message in seen.text
    assert "\n" not in seen.text
    [long] = await calls([ask_user], ("ask_user", '{"question": "' + "x" * 2000 + '"}'))
    assert long.data["error"] is not None
