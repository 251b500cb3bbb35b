"""Key chains: a question hidden behind a chain of keys in a long text, among chains that lead to other questions.

After KeyChain (LoongRL, 2025): 4 chains for each 1,024 tokens, each of 4 keys whose last leads to a question, all pairs
put after random sentences of the text. The facts and questions here are our own, made up, instead of items of HotpotQA
and the like, and are answered in two hops. A token is taken for 4 characters.
"""

from random import Random
from typing import Any

LENGTH = 4096
"""Tokens of the text."""
CHARACTERS = 4
"""Of a token."""
KEYS = 4
_CITIES = (
    "Aachen",
    "Bergen",
    "Cork",
    "Delft",
    "Faro",
    "Ghent",
    "Izmir",
    "Jena",
    "Lund",
    "Oulu",
    "Porto",
    "Siena",
    "Vigo",
)


def key_chain(rng: Random, *, length: int = LENGTH) -> dict[str, Any]:
    """Make one record: follow the keys to the question, and answer it from the text.

    Args:
        rng: Makes all choices.
        length: Tokens of the text with its keys, at least 1,024.
    """
    chains = 4 * length // 1024
    halls = {number: rng.choice(_CITIES) for number in rng.sample(range(100, 1000), 4 * chains)}
    crates = {number: rng.choice(list(halls)) for number in rng.sample(range(10_000, 100_000), 64 * chains)}
    asked = rng.sample(list(crates), chains)
    keys = [f"{number:08x}" for number in rng.sample(range(2**32), chains * KEYS)]
    pairs, starts = [], []
    for place, crate in enumerate(asked):
        links = keys[place * KEYS : (place + 1) * KEYS]
        starts.append(links[0])
        pairs += [f'{{"{key}": "{value}"}}' for key, value in zip(links, [*links[1:], _question(crate)], strict=True)]
    sentences = _sentences(rng, crates, halls, asked, length * CHARACTERS - sum(len(pair) + 1 for pair in pairs))
    places = rng.choices(range(len(sentences)), k=len(pairs))
    rng.shuffle(pairs)
    after: dict[int, list[str]] = {}
    for place, pair in zip(places, pairs, strict=True):
        after.setdefault(place, []).append(pair)
    text = " ".join(" ".join([sentence, *after.get(place, [])]) for place, sentence in enumerate(sentences))
    return {
        "question": f"The document holds pairs of a key and a value. Look up the key {starts[0]}. Its value is the "
        "next key; go on until a value is a question, and answer that question from the document, with the name alone.",
        "context": text,
        "answer": halls[crates[asked[0]]],
        "target_type": "text",
        "fields": {
            "start": starts[0],
            "keys": keys[:KEYS],
            "asked": _question(asked[0]),
            "without_pairs": " ".join(sentences),
        },
    }


def _question(crate: int) -> str:
    return f"In which city is the hall where crate {crate} stands?"


def _sentences(
    rng: Random, crates: dict[int, int], halls: dict[int, str], asked: list[int], characters: int
) -> list[str]:
    """Facts in random order up to so many characters: all that any of the questions needs, and others."""
    needed = [f"Crate {crate} stands in hall {crates[crate]}." for crate in asked]
    needed += [f"Hall {hall} is in {city}." for hall, city in halls.items()]
    others = [f"Crate {crate} stands in hall {hall}." for crate, hall in crates.items() if crate not in asked]
    left = characters - sum(len(one) + 1 for one in needed)
    kept = others[: max(0, left) // (len(others[0]) + 1)]
    sentences = needed + kept
    rng.shuffle(sentences)
    return sentences
