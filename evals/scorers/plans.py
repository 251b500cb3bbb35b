"""Scorer of plans for the blocks world: any plan is right that can be carried out and reaches the goal."""

import re
from collections.abc import Iterator

from disputatio.errors import ConfigurationError
from disputatio.evals.items import Item
from disputatio.evals.scorers.score import Score, abstained, scored
from disputatio.evals.scorers.sets import LONGEST, json_list
from disputatio.thought import Answer

TABLE = "the table"
_BLOCK = r"(?:the )?(\w+)(?: block)?"
_ACTIONS = {
    "pick up": re.compile(rf"pick[ -]?up {_BLOCK}"),
    "put down": re.compile(rf"put[ -]?down {_BLOCK}"),
    "stack": re.compile(rf"stack {_BLOCK} on(?:to)?(?: top of)? {_BLOCK}"),
    "unstack": re.compile(rf"unstack {_BLOCK} from(?: on)?(?: top of)? {_BLOCK}"),
}
_FACTS = {
    "on": re.compile(rf"{_BLOCK} is on top of {_BLOCK}"),
    "on the table": re.compile(rf"{_BLOCK} is on the table"),
    "clear": re.compile(rf"{_BLOCK} is clear"),
    "held": re.compile(rf"(?:the hand is|you are) holding {_BLOCK}"),
    "empty": re.compile(r"(?:the|your) hand is empty"),
}
Words = tuple[str, ...]
"""An action or a fact: its kind, then the blocks."""


def plan(item: Item, answer: Answer, *, init: str, goal: str) -> Score:
    """A plan in the blocks world of four actions: pick up, put down, stack, unstack.

    A block is picked up from the table, or unstacked from another, if nothing lies on it and the hand is empty; it is
    put down or stacked if it is in the hand, and stacked only on a block on which nothing lies. It does not matter how
    long the plan is. The answer is a JSON list of actions, or they are separated by lines, semicolons or commas.

    Args:
        item: Its target, one right plan, is not looked at.
        answer: The plan, in words such as "pick up the red block".
        init: What holds at first: "the red block is clear, the hand is empty and the red block is on the table".
        goal: What holds at the end, in the same words.
    """
    try:
        blocks, ends = Blocks(_facts(init)), _facts(goal)
    except ValueError as error:
        raise ConfigurationError(f"item {item.id!r}: {error}") from None
    steps = list(_steps((answer.text or answer.value or "")[:LONGEST]))
    actions = [(step, _matched(step, _ACTIONS)) for step in steps]
    if not any(action for _, action in actions):
        return abstained("no action in the answer")
    for number, (step, action) in enumerate(actions, 1):
        wrong = blocks.do(action) if action else "it is no action"
        if wrong:
            return scored(0, f"step {number}, {step!r}: {wrong}")
    missing = [fact for fact in ends if not blocks.holds(fact)]
    return scored(not missing, f"the goal lacks: {' '.join(missing[0])}" if missing else "the goal is reached")


class Blocks:
    """What lies on what, and what is in the hand."""

    def __init__(self, facts: list[Words]) -> None:
        """Take the first state.

        Raises:
            ValueError: If the facts contradict one another, or a block is nowhere.
        """
        self.below = {block: TABLE for kind, block in (one for one in facts if one[0] == "on the table")}
        self.below |= {fact[1]: fact[2] for fact in facts if fact[0] == "on"}
        self.held = next((fact[1] for fact in facts if fact[0] == "held"), None)
        named = {block for _, *rest in facts for block in rest}
        if named != {*self.below, *([self.held] if self.held else [])} or not all(map(self.holds, facts)):
            raise ValueError(f"the first state is none: {', '.join(' '.join(fact) for fact in facts)}")

    def is_clear(self, block: str) -> bool:
        """Whether a block lies somewhere with nothing on it."""
        return block in self.below and block not in self.below.values()

    def holds(self, fact: Words) -> bool:
        """Whether a fact is true."""
        match fact:
            case ("on", block, below):
                return self.below.get(block) == below
            case ("on the table", block):
                return self.below.get(block) == TABLE
            case ("clear", block):
                return self.is_clear(block)
            case ("held", block):
                return self.held == block
            case _:
                return self.held is None

    def do(self, action: Words) -> str:
        """Carry an action out; or say why that cannot be, and leave all as it is."""
        kind, block, *rest = action
        below = rest[0] if rest else TABLE
        if kind in ("pick up", "unstack"):
            if self.held is not None:
                return f"the hand holds {self.held}"
            if self.below.get(block) != below:
                return f"{block} is not on {below}"
            if not self.is_clear(block):
                return f"{block} is not clear"
            del self.below[block]
            self.held = block
            return ""
        if self.held != block:
            return f"{block} is not in the hand"
        if rest and not self.is_clear(below):
            return f"{below} is not clear"
        self.below[block], self.held = below, None
        return ""


def _facts(text: str) -> list[Words]:
    """The facts that a text lists.

    Raises:
        ValueError: If one is unknown.
    """
    listed = [one.strip(" .") for one in re.split(r",|\band\b", text.casefold()) if one.strip(" .")]
    found = [(one, _matched(one, _FACTS)) for one in listed]
    unknown = [one for one, fact in found if fact is None]
    if unknown or not listed:
        raise ValueError(f"{unknown[0]!r} is no fact of the blocks world" if unknown else "no fact is given")
    return [fact for _, fact in found if fact]


def _steps(text: str) -> Iterator[str]:
    listed = json_list(text)
    parts = map(str, listed) if listed is not None else re.split(r"[\n;,]|\bthen\b", text)
    for part in parts:
        step = re.sub(r"^\s*(?:[-*\u2022]|\(?\d+[.):])\s*", "", part.casefold())
        step = re.sub(r"^\s*and\b|\[plan end\]", "", step).strip(" .*_`\"'")
        if step:
            yield " ".join(step.split())


def _matched(text: str, kinds: dict[str, re.Pattern[str]]) -> Words | None:
    for kind, pattern in kinds.items():
        if found := pattern.fullmatch(text):
            return kind, *found.groups()
    return None
