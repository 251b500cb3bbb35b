"""Cues of HEART: one short sentence a round, by emotion, written for this project. They are data and replaceable."""

from collections.abc import Mapping, Sequence
from itertools import cycle, islice
from random import Random
from typing import Literal

from disputatio.errors import unknown

Schedule = Literal["alternating", "static", "random", "neutral"]
SCHEDULES: tuple[Schedule, ...] = ("alternating", "static", "random", "neutral")

CUES: Mapping[str, Sequence[str]] = {
    "sadness": (
        "It saddens me that we are not there yet.",
        "My heart is heavy: the way we took led nowhere.",
        "I had hoped so much that this would be it.",
        "It hurts to put this one aside and begin again.",
        "I feel low about how this went.",
    ),
    "happiness": (
        "I am glad that we get to try this once more.",
        "What a joy it is to look at this with fresh eyes!",
        "I am in good spirits: the next one can be lovely.",
        "It delights me how much you can still find here.",
        "I smile at the thought of what comes next.",
    ),
    "anger": (
        "This makes me angry: it should not have gone like that.",
        "I am furious at the slip that hides in there.",
        "Enough! I will not put up with carelessness.",
        "It annoys me how easily this was waved through.",
        "I am cross, and I want it looked at properly.",
    ),
    "surprise": (
        "I am astonished: there is more in this than I thought!",
        "What a surprise, I had not seen it from that side.",
        "I did not expect that at all, how curious!",
        "That took me by surprise, let us see what is behind it!",
        "Who would have thought it? I am amazed.",
    ),
    "fear": (
        "I am afraid of what follows if this is wrong.",
        "It frightens me how much depends on this.",
        "I am anxious that something was missed.",
        "I dread the moment when the mistake shows.",
        "I feel uneasy about every step of it.",
    ),
    "disgust": (
        "I find this way of arguing repellent.",
        "I cannot stand to look at such sloppy work.",
        "It puts me off how this was patched together.",
        "I recoil from a conclusion got like that.",
        "This leaves a bad taste in my mouth.",
    ),
}
"""Phrases by emotion: the six basic emotions of Ekman."""
NEUTRAL = (
    "This is another round of the same question.",
    "The question is now asked once more.",
    "The text of the question has not changed.",
    "The form of the reply is the same as before.",
    "There is a reply before this one.",
)
POSITIVE = ("happiness", "surprise")
ORDER = ("sadness", "happiness", "anger", "surprise", "fear", "happiness")
"""Negative and positive by turns; after the last it begins again."""


def cues(schedule: Schedule, rounds: int, seed: int, emotions: Sequence[str] = ORDER) -> list[tuple[str, str]]:
    """The emotion and the phrase of each round: the same for the same seed, none twice before all were used.

    Args:
        schedule: Emotions in their order ("alternating"), the first one only ("static"), drawn ("random"), or phrases
            without emotion ("neutral").
        rounds: How many.
        seed: What draws depend on.
        emotions: The order, out of `CUES`.

    Raises:
        ConfigurationError: If an emotion or the schedule is unknown.
    """
    if schedule not in SCHEDULES:
        raise unknown("schedule", schedule, SCHEDULES)
    for emotion in emotions:
        if emotion not in CUES:
            raise unknown("emotion", emotion, CUES)
    draw = Random(f"cues/{seed}")
    order = {
        "alternating": list(islice(cycle(emotions), rounds)),
        "static": [emotions[0]] * rounds,
        "random": [draw.choice(emotions) for _ in range(rounds)],
        "neutral": ["neutral"] * rounds,
    }[schedule]
    phrases = {name: draw.sample(listed, len(listed)) for name, listed in {**CUES, "neutral": NEUTRAL}.items()}
    return [(name, phrases[name][order[:place].count(name) % len(phrases[name])]) for place, name in enumerate(order)]
