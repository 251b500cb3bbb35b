"""Lessons: how a reply is read, and which of them hold what belongs to one task only."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from disputatio.memory import Lesson, lessons, own_strings

PUBLISHED = """\
The attempt worked because of the units.

# Memory item 1
## Title Check units
## Description Use it for sums of quantities.
## Content Write the unit behind each number.
It shows at once what cannot be added.

# Memory item 2
## Title
Read to the end
## Description
When pages go on.
## Content
Look for a next page."""


def test_the_published_schema_is_read_and_written() -> None:
    first, second = lessons(PUBLISHED, 3)
    assert first == Lesson(
        title="Check units",
        description="Use it for sums of quantities.",
        content="Write the unit behind each number. It shows at once what cannot be added.",
    )
    assert second == Lesson(title="Read to the end", description="When pages go on.", content="Look for a next page.")
    assert lessons(first.numbered(1), 3) == [first]
    assert lessons(PUBLISHED, 1) == [first]


@pytest.mark.parametrize(
    "said",
    [
        "**Title:** A\n**Description:** b\n**Content:** c",
        "- Title: A\n- Description: b\n- Content: c",
        "### Memory Item 1\n### Title: A\n### Description: b\n### Content: c",
        "## title A\n## description b\n## content c",
    ],
)
def test_marks_that_models_use_instead(said: str) -> None:
    assert lessons(f"{said}\n\n{said}", 9) == [Lesson(title="A", description="b", content="c")] * 2


@pytest.mark.parametrize(
    "said", ["", "none", "# Memory item 1", "## Title A\n## Content c", "## Title\n## Description b\n## Content c"]
)
def test_what_is_not_whole_is_no_lesson(said: str) -> None:
    assert lessons(said, 3) == []


@given(st.text(), st.integers(1, 5))
def test_any_text_can_be_read(text: str, most: int) -> None:
    assert len(lessons(text + "\n## Title " + text, most)) <= most


@given(*[st.text(st.characters(categories=["L", "N"]), min_size=1) for _ in range(3)])
def test_what_is_written_is_read_again(title: str, description: str, content: str) -> None:
    if not {title.lower(), description.lower(), content.lower()} & {"title", "description", "content"}:
        lesson = Lesson(title=title, description=description, content=content)
        assert lessons(lesson.numbered(1), 1) == [lesson]


def held(content: str, question: str, said: str = "") -> list[str]:
    return own_strings(Lesson(title="A way", description="Use it.", content=content), question, said)


@pytest.mark.parametrize(
    ("content", "question", "found"),
    [
        ("Search for order #4821 first.", "Where is order #4821?", "4821"),
        ("Ask what Alice ordered.", "What did Alice order?", "Alice"),
        ("The total is 1,250 in such cases.", "Is 1,250 enough?", "1,250"),
        ("Write to ana@example.org.", "Who is ana@example.org?", "ana@example.org"),
        ("Look under 'blue kettle' there.", 'Find "blue kettle" in the shop.', "blue kettle"),
        ("Answer how many apples are left in the basket now.", "So how many apples are left in the basket now?",
         "how many apples are left in the basket"),
    ],
)  # fmt: skip
def test_what_belongs_to_the_task_is_found(content: str, question: str, found: str) -> None:
    assert found in held(content, question)


def test_numbers_that_came_up_on_the_way_belong_to_the_task_too() -> None:
    assert held("It comes to 364 then.", "How many days?", "52 times 7 is 364.") == ["364"]


@pytest.mark.parametrize(
    ("content", "question"),
    [
        ("Check each step, then add 2 and 2.", "What is 2 + 2?"),
        ("Use SQL and count NULL.", "Which SQL query counts NULL?"),
        ("How much is asked matters.", "How much tea is there?"),
        ("The first number counts.", "The first train leaves when?"),
        ("Read the order of events.", "Where is order #4821?"),
    ],
)
def test_what_others_can_use_is_not(content: str, question: str) -> None:
    assert held(content, question) == []
