"""What the display says of a thought: its marks, its words and its answer, in plain text."""

from disputatio.context import Retried, Said
from disputatio.thought import Thought
from disputatio.writing import excerpt, percent, plain


def retrying(event: Retried) -> str:
    """That a call failed and is made again."""
    fault = event.fault.replace("_", " ")
    return f"{excerpt(event.author, 60)}: {fault}, asking again in {event.seconds:.0f} s"


def is_refuting(said: Said) -> bool:
    """Whether it is a verdict against what it is about."""
    return said.thought.kind == "verdict" and any(link.kind == "attacks" for link in said.links)


def marks_of(said: Said) -> list[str]:
    """What there is to know of a thought besides its words."""
    thought = said.thought
    confirms = any(link.kind == "verifies" for link in said.links)
    ruling = "REFUTED" if is_refuting(said) else "supported" if confirms else "undecided"
    marks = [thought.scope, thought.role if thought.role != thought.author else "", thought.kind]
    marks.append(ruling if thought.kind == "verdict" else "")
    marks.append(f"{percent(thought.confidence)} sure" if thought.confidence is not None else "")
    marks.append("cut off" if thought.cut else "")
    return [plain(mark) for mark in marks if mark]


def words_of(thought: Thought) -> str:
    """The words of a thought."""
    return plain(thought.text).strip() or "(nothing)"


def answer_of(thought: Thought) -> str:
    """The answer that a thought gives, unless its words end with it."""
    answer = excerpt(thought.answer or "", 200)
    return "" if f"answer: {answer}".casefold() in " ".join(thought.text.casefold().split()) else answer
