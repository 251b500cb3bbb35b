"""Decision rules: the worked numbers of the literature, the laws that voting theory proves, and hostile input."""

import sys
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import combinations_with_replacement, islice, pairwise, permutations
from math import factorial, inf, nan, prod

import pytest
from hypothesis import given
from hypothesis import strategies as st

from disputatio.errors import ConfigurationError
from disputatio.graphs.decisions import (
    RULES,
    Tally,
    approval,
    borda,
    break_tie,
    condorcet,
    majority,
    plurality,
    ranked_choice,
    supermajority,
    weighted,
)

Profile = list[list[str] | None]
prefixes = st.integers(1, 4).flatmap(lambda length: st.permutations("ABCD").map(lambda order: order[:length]))
profiles = st.lists(st.none() | prefixes, max_size=9)


def tallies(profile: Sequence[Sequence[str] | None], candidates: Sequence[str] = "ABCD") -> dict[str, Tally]:
    """All rules on one profile: votes are first places, approvals the first two, weights from the ballot's length."""
    votes = [ballot[0] if ballot else None for ballot in profile]
    weights = [len(ballot) / 7 if ballot else nan for ballot in profile]
    arguments: dict[str, tuple[object, ...]] = {
        "votes": (votes,),
        "confidences": (votes, weights),
        "scores": (votes, weights),
        "approvals": ([ballot[:2] if ballot else None for ballot in profile],),
        "rankings": (profile, candidates),
        "attacks": ({str(author): vote for author, vote in enumerate(votes)}, ()),
    }
    assert RULES["judge"].decide is None
    return {name: rule.decide(*arguments[rule.needs]) for name, rule in RULES.items() if rule.decide}


def outcome(tally: Tally, names: dict[str, str] | None = None) -> tuple[object, ...]:
    """What must not depend on the order of the voters, with other names for the answers."""
    names = names or {answer: answer for answer in tally.scores}
    scores = {names[answer]: score for answer, score in tally.scores.items()}
    winner = tally.winner is not None and names[tally.winner]
    return winner, {names[answer] for answer in tally.tie}, scores, tally.votes, tally.invalid


def test_the_ballots_of_the_card() -> None:
    found = tallies(["ABC"] * 4 + ["BCA"] * 3 + ["CBA"] * 2, "ABC")
    expected: dict[str, tuple[str | None, tuple[int, ...]]] = {
        "plurality": ("A", (4, 3, 2)),
        "majority": (None, (4, 3, 2)),
        "borda": ("B", (8, 12, 7)),
        "condorcet": ("B", (0, 2, 1)),
        "ranked_choice": ("B", (4, 5, 2)),
        "approval": ("B", (4, 9, 5)),
    }
    for name, (winner, scores) in expected.items():
        assert (found[name].winner, found[name].scores) == (winner, dict(zip("ABC", scores, strict=True)))


def accuracy(p: str, wrong: int, voters: int) -> float:
    """The exact chance that plurality, ties drawn, finds R, which each voter does with chance p."""
    odds = {"R": Fraction(p)} | {f"w{n}": (1 - Fraction(p)) / wrong for n in range(wrong)}
    total = Fraction()
    for votes in combinations_with_replacement(odds, voters):
        orders = factorial(voters) // prod(factorial(votes.count(answer)) for answer in odds)
        tally = plurality(votes)
        found = Fraction(1, len(tally.tie)) if "R" in tally.tie else Fraction(tally.winner == "R")
        total += orders * prod(odds[vote] for vote in votes) * found
    return float(total)


@pytest.mark.parametrize(
    ("p", "wrong", "voters", "expected"),
    [
        *[("0.6", 1, n, law) for n, law in ((3, 0.648), (5, 0.68256), (9, 0.733), (21, 0.826), (40, 0.898))],
        *[("0.4", 1, n, law) for n, law in ((3, 0.352), (5, 0.317), (9, 0.267), (21, 0.174))],
        ("0.4", 3, 5, 0.509),
        ("0.4", 3, 10, 0.617),
    ],
)
def test_the_jury_theorem_holds_exactly(p: str, wrong: int, voters: int, expected: float) -> None:
    assert accuracy(p, wrong, voters) == pytest.approx(expected, abs=0.0006)


@given(st.data(), profiles)
def test_the_order_of_the_voters_changes_nothing(data: st.DataObject, profile: Profile) -> None:
    shuffled = data.draw(st.permutations(profile))
    for name, tally in tallies(shuffled).items():
        assert outcome(tally) == outcome(tallies(profile)[name])


@given(st.permutations(["A", "ß", "", "🜚 \n"]), profiles)
def test_what_the_answers_are_called_changes_nothing(others: list[str], profile: Profile) -> None:
    names = dict(zip("ABCD", others, strict=True))
    renamed = [[names[answer] for answer in ballot] if ballot else None for ballot in profile]
    for name, tally in tallies(renamed, others).items():
        assert outcome(tally) == outcome(tallies(profile)[name], names)


@given(profiles, st.integers(0, 3))
def test_abstentions_are_counted_and_never_matter_but_to_unanimity(profile: Profile, silent: int) -> None:
    for name, tally in tallies([*profile, *[None] * silent]).items():
        before = tallies(profile)[name]
        assert tally.abstained == before.abstained + silent
        assert tally.votes + tally.abstained == len(profile) + silent
        if name != "unanimity":
            assert outcome(tally) == outcome(before)
        elif silent:
            assert tally.winner is None


@given(profiles)
def test_one_more_ballot_for_the_winner_keeps_it(profile: Profile) -> None:
    for name, tally in tallies(profile).items():
        if tally.winner and name != "ranked_choice":  # an elimination rule does not promise it
            assert tallies([*profile, [tally.winner]])[name].winner == tally.winner


@given(profiles)
def test_stricter_rules_imply_laxer_ones(profile: Profile) -> None:
    found = tallies(profile)
    chain = ["unanimity", "supermajority", "majority", "plurality"]
    for strict, lax in [*pairwise(chain), ("majority", "condorcet"), ("majority", "ranked_choice")]:
        if found[strict].winner:
            assert found[lax].winner == found[strict].winner, (strict, lax)


@given(prefixes, st.integers(1, 5))
def test_what_all_want_wins_under_every_rule(ballot: list[str], voters: int) -> None:
    for name, tally in tallies([ballot] * voters).items():
        if name != "approval" or len(ballot) == 1:  # approving of two ties them
            assert (tally.winner, tally.tie) == (ballot[0], ())


@given(profiles)
def test_a_winner_is_never_tied_and_a_tie_has_no_winner(profile: Profile) -> None:
    for name, tally in tallies(profile).items():
        assert tally.rule == name
        assert not (tally.winner and tally.tie)
        assert len(tally.tie) != 1
        assert set(tally.tie) <= set(tally.scores)
        assert Tally.model_validate_json(tally.model_dump_json()) == tally


def last_ones_standing(ballots: list[list[str]], running: tuple[str, ...]) -> set[str]:
    """Instant run-off as a definition: strike one of the weakest, any one, until a single candidate is left."""
    if len(running) == 1:
        return set(running)
    tops = [next(filter(running.__contains__, ballot), None) for ballot in ballots]
    fewest = min(map(tops.count, running))
    weakest = [candidate for candidate in running if tops.count(candidate) == fewest]
    fields = [tuple(candidate for candidate in running if candidate != struck) for struck in weakest]
    return set().union(*(last_ones_standing(ballots, field) for field in fields))


@given(profiles)
def test_instant_run_off_against_its_definition(profile: Profile) -> None:
    tally = ranked_choice(profile, "ABCD")
    ballots = [ballot for ballot in profile if ballot]
    expected = last_ones_standing(ballots, tuple("ABCD")) if ballots else set()
    assert {tally.winner} - {None} | set(tally.tie) == expected


def test_an_elimination_tie_is_followed_both_ways() -> None:
    either = ["ABC"] * 4 + ["BCA"] * 3 + ["CBA"] * 3
    assert ranked_choice(either, "ABC").tie == ("B", "C"), "striking both would let A win, whom most put last"
    exhausted = ranked_choice(["A", "A", "A", "BC", "BC", "CB", "D", "D"], "ABCD")
    assert (exhausted.tie, exhausted.scores) == (("A", "B"), {"A": 3, "B": 3, "C": 1, "D": 2})


@pytest.mark.parametrize("voters", [12, 13, 300])
def test_worlds_of_elimination_ties_are_bounded(voters: int) -> None:
    candidates = [f"c{n:03}" for n in range(voters)]
    ballots = [candidates[n:] + candidates[:n] for n in range(voters)]
    tally = ranked_choice(ballots, candidates)
    assert tally.winner is None
    assert list(tally.tie) == candidates


@given(profiles)
def test_borda_counts_pairwise_wins_and_half_of_the_ties(profile: Profile) -> None:
    tally = borda(profile, "ABCD")
    expected = dict.fromkeys("ABCD", 0.0)
    for ballot in filter(None, profile):
        place = {candidate: ballot.index(candidate) if candidate in ballot else 9 for candidate in "ABCD"}
        for one, other in permutations("ABCD", 2):
            expected[one] += (place[one] < place[other]) + (place[one] == place[other]) / 2
    assert tally.scores == expected
    assert sum(tally.scores.values()) == 6 * tally.votes


def test_a_cycle_has_no_condorcet_winner_and_is_no_tie_for_the_win() -> None:
    assert condorcet(["AB", "BA"], "AB").winner is None
    tally = condorcet(["ABC", "BCA", "CAB"], "ABC")
    assert (tally.winner, tally.tie, tally.scores) == (None, (), {"A": 1, "B": 1, "C": 1})


@pytest.mark.parametrize("rule", [borda, condorcet, ranked_choice])
def test_rankings_with_repeats_or_strangers_abstain(rule: Callable[..., Tally]) -> None:
    tally = rule([["A", "A"], ["B", "X"], ["A", "B"], [], None], ["A", "B", "A"])
    assert (tally.winner, tally.votes, tally.abstained, tally.invalid) == ("A", 1, 4, 2)
    assert rule([["only"]], ["only"]).winner == "only"
    assert rule([["only"]], []).invalid == 1


@given(st.lists(st.none() | st.sampled_from("ABCD")), st.sampled_from([1e-300, 0.1, 0.5, 1.0, 1e308]))
def test_equal_weights_are_plurality(votes: list[str | None], weight: float) -> None:
    tally, plain = weighted(votes, [weight] * len(votes)), plurality(votes)
    assert (tally.winner, tally.tie) == (plain.winner, plain.tie)


@given(st.data(), st.lists(st.tuples(st.none() | st.sampled_from("AB"), st.none() | st.floats()), max_size=8))
def test_no_weight_can_upset_the_count(data: st.DataObject, pairs: list[tuple[str | None, float | None]]) -> None:
    tally = weighted([vote for vote, _ in pairs], [weight for _, weight in pairs])
    bad = [weight for vote, weight in pairs if vote and weight is not None and not 0 <= weight < inf]
    assert tally.invalid == len(bad)
    assert all(0 <= score < inf for score in tally.scores.values())
    shuffled = data.draw(st.permutations(pairs))
    assert outcome(weighted([vote for vote, _ in shuffled], [weight for _, weight in shuffled])) == outcome(tally)


def test_weights_are_summed_and_tie_if_equal_but_for_rounding() -> None:
    assert weighted(["x", "y", "y"], [0.90, 0.50, 0.45]).winner == "y"
    assert weighted(["x", "y", "y"], [0.90, 0.50, 0.30]).winner == "x"
    assert weighted(["x", "x", "y"], [0.1, 0.2, 0.3]).tie == ("x", "y")
    assert weighted(["x", "x", "x", "y"], [1 / 3, 1 / 3, 1 / 3, 1.0]).tie == ("x", "y")
    assert weighted(["x", "y"], [0.3, 0.300001]).winner == "y"
    assert weighted(["x", "y"], [1e-12, 2e-12]).winner == "y"


def test_missing_and_broken_weights() -> None:
    assert weighted(["x", "y"], [None, 0.4]).scores == {"x": 0.5, "y": 0.4}
    assert weighted(["x", "y"], [None, 0.4], missing=0).winner == "y"
    tally = weighted(["x", "y", "z", "w", None], [nan, inf, -1, 0.1, nan])
    assert (tally.winner, tally.invalid, tally.votes, tally.abstained) == ("w", 3, 4, 1)
    assert weighted(["x", "y"], [10**400, 1]).scores == {"x": sys.float_info.max, "y": 1}
    assert weighted(["x", "x"], [0, nan]).winner is None, "an answer without any weight cannot win"
    with pytest.raises(ConfigurationError, match="got 2 votes, 1 weights"):
        weighted(["x", "y"], [1])


def test_a_supermajority_is_at_least_its_share() -> None:
    assert supermajority(["x", "x", "y"]).winner == "x"
    assert supermajority(["x", "x", "x", "y", "y"]).winner is None
    for voters, wins in ((10, 9), (6, 5), (7, 5), (49, 25)):
        votes = ["x"] * wins + ["y"] * (voters - wins)
        assert supermajority(votes, share=wins / voters).winner == "x"
        assert supermajority(["z", *votes[1:]], share=wins / voters).winner is None
    assert supermajority(["x", None], share=1).winner == "x"
    for share in (0.5, 0, 1.01, nan):
        with pytest.raises(ConfigurationError, match=r"above 1/2 and at most 1"):
            supermajority(["x"], share=share)


def test_approval_counts_each_voter_once_per_answer() -> None:
    tally = approval([["y", "x", "y"], {"x"}, (), None])
    assert (tally.scores, tally.votes, tally.abstained) == ({"x": 2, "y": 1}, 2, 2)


def test_ties_are_drawn_evenly_and_stay_flagged() -> None:
    tally = plurality(["b", "a", "c", "b", "a"])
    assert (tally.winner, tally.tie) == (None, ("a", "b"))
    drawn = [break_tie(tally, seed) for seed in range(400)]
    assert {one.tie for one in drawn} == {("a", "b")}
    assert 150 < sum(one.winner == "a" for one in drawn) < 250
    assert break_tie(tally, 7) == break_tie(plurality(["a", "b", "c", "b", "a"]), 7)
    assert break_tie(drawn[0], 1) == drawn[0], "a drawn tie is not drawn again"
    for settled in (plurality(["a"]), plurality([]), majority(["a", "b"])):
        assert break_tie(settled, 1) is settled


def test_nothing_comes_of_nothing() -> None:
    silent: list[Profile] = [[], [None], [None] * 3, [[]]]
    for profile in silent:
        for tally in tallies(profile).values():
            assert (tally.winner, tally.tie, tally.votes, tally.abstained) == (None, (), 0, len(profile))


def test_many_voters() -> None:
    profile: list[tuple[str, ...]] = list(islice(permutations("ABCD"), 7)) * 10_000
    for tally in tallies(profile).values():
        assert tally.votes == 70_000
    assert plurality(["é"] * 500_001 + ["e\u0301"] * 500_000).winner == "é", "not normalised"


def test_scores_stand_in_order_of_first_appearance() -> None:
    assert list(plurality(["b", None, "a", "b"]).scores) == ["b", "a"]
    assert list(weighted(["b", None, "a", "b"], [1, 1, 9, 1]).scores) == ["b", "a"]
    assert list(borda([["a", "b"]], ["b", "a"]).scores) == ["b", "a"]
