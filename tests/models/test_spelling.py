from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from disputatio.models.spelling import Speller, Stopper


def decode(ids: Sequence[int]) -> str:
    """A vocabulary of bytes."""
    return bytes(ids).decode(errors="replace")


def decode_words(ids: Sequence[int]) -> str:
    """One word a token, with no space before the first: as decoders of sentence pieces do."""
    return " ".join(f"w{number}" for number in ids)


@given(st.lists(st.integers(0, 255)) | st.text().map(lambda text: list(text.encode())))
def test_pieces_are_the_whole_text_whatever_the_bytes(ids: list[int]) -> None:
    speller = Speller(decode)
    assert "".join([*map(speller.add, ids), speller.end()]) == decode(ids)


@given(st.lists(st.integers(0, 9)))
def test_pieces_keep_the_spaces_between_words(ids: list[int]) -> None:
    speller = Speller(decode_words)
    assert "".join([*map(speller.add, ids), speller.end()]) == decode_words(ids)


def test_a_character_of_several_tokens_comes_whole() -> None:
    speller = Speller(decode)
    assert [speller.add(one) for one in "a€b".encode()] == ["a", "", "", "€", "b"]
    assert speller.end() == ""
    assert speller.add(0xE2) == ""
    assert speller.end() == "\ufffd"


def cut(text: str, stops: Sequence[str]) -> str:
    """The text before the stop text that is complete first; of those complete together, before the longest."""
    for end in range(len(text) + 1):
        lengths = [len(stop) for stop in stops if stop and text[:end].endswith(stop)]
        if lengths:
            return text[: end - max(lengths)]
    return text


@given(st.lists(st.text("ab", max_size=4), max_size=12), st.lists(st.text("ab", max_size=4), max_size=3))
def test_a_stop_text_cuts_at_the_same_place_however_the_text_arrives(pieces: list[str], stops: list[str]) -> None:
    stopper = Stopper(stops)
    said = ""
    for piece in pieces:
        said += stopper.add(piece)
        if stopper.stopped:
            break
    else:
        said += stopper.end()
    assert said == cut("".join(pieces), stops)
    assert stopper.stopped == any(stop in "".join(pieces) for stop in stops if stop)


@pytest.mark.parametrize(
    ("pieces", "passed"), [(["So. E", "ND of it"], ["So. ", "END of it"]), (["So. E", "ND!"], ["So. ", ""])]
)
def test_what_may_begin_a_stop_text_is_kept_back(pieces: list[str], passed: list[str]) -> None:
    stopper = Stopper(["END!"])
    assert [stopper.add(piece) for piece in pieces] == passed
