"""What an embedded server gets of the machine, and the header of a GGUF file that this is read from."""

import multiprocessing
import struct
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

import disputatio
from disputatio.errors import StoreError
from disputatio.models import ScriptedModel
from disputatio.models.gguf import header
from disputatio.models.machine import LONGEST, MOST_SLOTS, SHORTEST, free_memory, room, usable_cores
from disputatio.models.weights import smollm2

FORMS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 7: "?", 10: "Q", 11: "q", 12: "d"}
KEYS = {
    "context": "context_length",
    "layers": "block_count",
    "width": "embedding_length",
    "heads": "attention.head_count",
}
GB = 1_000_000_000


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


def entry(key: str, value: object) -> bytes:
    match value:
        case (int(kind), list(items)) if kind == 8:
            body = struct.pack("<IIQ", 9, kind, len(items)) + b"".join(map(text, items))
        case (int(kind), list(items)):
            body = struct.pack(f"<IIQ{len(items)}{FORMS[kind]}", 9, kind, len(items), *items)
        case (int(kind), number):
            body = struct.pack(f"<I{FORMS[kind]}", kind, number)
        case _:
            body = struct.pack("<I", 8) + text(str(value))
    return text(key) + body


def content(entries: dict[str, object]) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", 3, 0, len(entries)) + b"".join(entry(*one) for one in entries.items())


def numbers(kind: int) -> st.SearchStrategy[object]:
    form = FORMS[kind]
    if form in "?d":
        return st.booleans() if form == "?" else st.floats(allow_nan=False)
    bits = 8 * struct.calcsize(f"<{form}")
    low = -(1 << bits - 1) if form.islower() else 0
    return st.integers(low, low + (1 << bits) - 1)


KINDS = st.sampled_from(sorted(FORMS))
NUMBERS = KINDS.flatmap(lambda kind: st.tuples(st.just(kind), numbers(kind)))
LISTS = KINDS.flatmap(lambda kind: st.tuples(st.just(kind), st.lists(numbers(kind), max_size=4)))
TEXTS = st.tuples(st.just(8), st.lists(st.text(max_size=4), max_size=3))
ENTRIES = st.dictionaries(st.text(max_size=9), st.text(max_size=9) | NUMBERS | LISTS | TEXTS, max_size=5)


def read(written: bytes) -> dict[str, object]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.gguf"
        path.write_bytes(written)
        return dict(header(path))


@given(ENTRIES)
def test_a_header_is_read_as_it_was_written_but_for_its_lists(entries: dict[str, object]) -> None:
    def shown(value: object) -> object:
        one = value[1] if isinstance(value, tuple) else value
        return None if isinstance(one, list) else one

    assert read(content(entries)) == {key: shown(value) for key, value in entries.items()}


@given(ENTRIES, st.integers(0, 200), st.binary(max_size=24))
def test_a_damaged_header_ends_where_it_breaks_off(entries: dict[str, object], cut: int, rest: bytes) -> None:
    whole = content(entries)
    assert len(read(whole[:cut])) <= len(entries)
    read(whole[:cut] + rest)  # no error, and no memory for lengths that are not there


@pytest.mark.parametrize("length", [1 << 24, 1 << 40, (1 << 64) - 1])
def test_lengths_beyond_reason_end_the_header(length: int) -> None:
    begun = b"GGUF" + struct.pack("<IQQ", 3, 0, length)
    assert read(begun + struct.pack("<Q", length)) == {}
    for kind, inner in ((8, b""), (9, struct.pack("<I", 8)), (9, struct.pack("<I", 10)), (9, struct.pack("<I", 9))):
        assert len(read(begun + text("a") + struct.pack("<I", kind) + inner + struct.pack("<Q", length))) <= 1


def model(folder: Path, **shape: int) -> Path:
    """A file with the header of a model; 30 layers of 3 heads with 64 numbers take 23,040 bytes a token."""
    entries: dict[str, object] = {"general.architecture": "llama"}
    entries |= {f"llama.{KEYS.get(name, name)}": (4, value) for name, value in shape.items()}
    entries |= {"tokenizer.ggml.tokens": (8, ["a"]), "llama.context_length": (4, 1)} if not shape else {}
    path = folder / "model.gguf"
    path.write_bytes(content(entries))
    return path


SHAPE = {"context": 2048, "layers": 30, "width": 576, "attention.head_count": 9, "attention.head_count_kv": 3}


@pytest.mark.parametrize(
    ("free", "calls", "expected"),
    [
        (20 * GB, 1, (2048, 1)),
        (20 * GB, 3, (2048, 3)),
        (20 * GB, 500, (2048, 8)),
        (2 * 23_040 * 2048 * 5, 8, (2048, 4)),  # the file itself takes a few bytes of five
        (2 * 23_040 * 1000 + 1000, 8, (1000, 1)),
        (0, 8, (256, 1)),
        (None, 8, (2048, 8)),
    ],
)
def test_slots_and_context_by_hand(tmp_path: Path, free: int | None, calls: int, expected: tuple[int, int]) -> None:
    assert room(model(tmp_path, **SHAPE), calls, free=free) == expected


def test_what_a_header_does_not_tell_is_assumed(tmp_path: Path) -> None:
    assert room(model(tmp_path), 8, free=None) == (8192, 2)  # 2 GiB at 128 KiB a token
    (tmp_path / "empty.gguf").write_bytes(b"")
    assert room(tmp_path / "empty.gguf", 1, free=None) == (8192, 1)


COUNTS = st.integers(0, (1 << 32) - 1)


@given(st.fixed_dictionaries(dict.fromkeys(SHAPE, COUNTS)), st.integers(1, 99), st.integers(-GB, 99 * GB))
def test_slots_fit_into_the_memory_and_leave_the_context_as_it_is(shape: dict[str, int], calls: int, free: int) -> None:
    with TemporaryDirectory() as folder:
        path = model(Path(folder), **shape)
        found, single = room(path, calls, free=free), room(path, 1, free=free)
        richer = room(path, calls, free=free + GB)
    assert SHORTEST <= found.context <= LONGEST
    assert 1 <= found.slots <= min(calls, MOST_SLOTS)
    assert found.context == single.context  # so that the same prompts fit, however many runs are under way
    assert richer >= found


def test_the_embedded_model_has_the_context_that_it_was_trained_for() -> None:
    try:
        path = smollm2()
    except StoreError as error:
        pytest.skip(f"no weights: {error}")
    size = 23_040
    assert room(path, 8, free=path.stat().st_size + 2 * size * 8192 * 8) == (8192, 8)
    assert room(path, 8, free=path.stat().st_size + 2 * size * 8192 * 8 - 1) == (8192, 7)


@pytest.mark.parametrize(("at_once", "slots"), [(None, 1), (1, 1), (6, 6)])
def test_a_run_that_may_make_several_calls_at_once_gets_a_model_made_for_them(
    monkeypatch: pytest.MonkeyPatch, scripted: ScriptedModel, at_once: int | None, slots: int
) -> None:
    made: list[tuple[str, int]] = []

    def load(name: str, *, at_once: int) -> ScriptedModel:
        made.append((name, at_once))
        return scripted

    monkeypatch.setattr("disputatio.agents.speech.load_model", load)
    disputatio.solve("Tea?", strategy="chain_of_thought", model="local", models={"judge": "local"}, at_once=at_once)
    assert made == [("local", slots)]


def test_what_this_machine_has_is_found() -> None:
    assert 1 <= usable_cores() <= multiprocessing.cpu_count()
    free = free_memory()
    assert free is None or free > 0
