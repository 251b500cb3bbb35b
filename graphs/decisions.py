"""Decisions: how the votes of several agents become one answer. Plain functions, no model.

What is voted on are canonical answers (see `Question.canonical`): equal strings are equal answers. None is an
abstention and never a vote. Every rule gives a `Tally` that depends neither on the order of the voters nor on how
the answers are called; a tie has no winner until `break_tie` draws one. `RULES` finds a rule by its name.
"""

import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import combinations
from random import Random
from typing import Literal

import networkx as nx
from pydantic import BaseModel, ConfigDict

from disputatio.errors import ConfigurationError
from disputatio.graphs.argumentation import Label, grounded_labelling

Votes = Sequence[str | None]
"""One answer per voter."""
Ranking = Sequence[str]
"""Candidates from best to worst; those left out are all worse than the last one. Empty: an abstention."""
Scores = Mapping[str, Fraction | int]

_LARGEST = Fraction(sys.float_info.max)
_MOST_WORLDS = 10_000


class Tally(BaseModel):
    """What a vote came to."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rule: str
    winner: str | None
    """None if nobody voted validly, no answer met the rule's bar, or several are tied."""
    scores: dict[str, float]
    """What each answer got, in the order of the candidates, or else of first appearance."""
    votes: int
    """Valid votes or ballots."""
    abstained: int
    """Voters without a valid vote or ballot."""
    invalid: int = 0
    """Ballots that broke the rule's form (they abstain), or weights that are negative or not finite (they are 0)."""
    tie: tuple[str, ...] = ()
    """The answers tied for the win, sorted; kept after the tie was broken. Empty if no bar was met."""
    labels: dict[str, Label] = {}
    """For `grounded`: what became of each author's position."""


def break_tie(tally: Tally, seed: int) -> Tally:
    """Draw the winner among tied answers, each with the same chance; any other tally is returned as it is."""
    if tally.winner is not None or not tally.tie:
        return tally
    return tally.model_copy(update={"winner": Random(seed).choice(tally.tie)})


def plurality(votes: Votes) -> Tally:
    """The answer with the most votes wins."""
    return _counted("plurality", votes, lambda count, valid: True)


def majority(votes: Votes) -> Tally:
    """The answer with more than half of the valid votes wins (May, Econometrica 20, 1952); else there is no winner."""
    return _counted("majority", votes, lambda count, valid: 2 * count > valid)


def supermajority(votes: Votes, *, share: Fraction | float = Fraction(2, 3)) -> Tally:
    """The answer with at least this share of the valid votes wins: two of three do meet two thirds.

    The share is above 1/2 and at most 1; a float stands for the fraction that was meant: 9 of 10 do meet 0.9.

    Raises:
        ConfigurationError: If the share is out of range.
    """
    if not 0.5 < share <= 1:
        raise ConfigurationError(f"a supermajority is a share above 1/2 and at most 1, not {share!r}")
    bar = Fraction(share).limit_denominator(1_000_000)
    return _counted("supermajority", votes, lambda count, valid: count >= bar * valid)


def unanimity(votes: Votes) -> Tally:
    """The answer that every voter gives wins.

    One abstention blocks it, as in MALLM: three agents of whom only one could be read have not agreed on anything.
    A supermajority with `share=1` looks at valid votes only.
    """
    return _counted("unanimity", votes, lambda count, valid: count == len(votes))


def weighted(votes: Votes, weights: Sequence[float | None], *, missing: float = 0.5, rule: str = "weighted") -> Tally:
    """The answer with the largest SUM of weights wins, however few gave it (Wang et al. 2022, arXiv 2203.11171).

    Weights are stated confidences or a verifier's scores. One that is negative, infinite or not a number counts 0
    and is reported as invalid; an answer without any weight cannot win. Sums are exact, and those within one part
    in a billion of the largest are tied, since weights like 1/3 are rounded before they get here.

    Args:
        votes: One answer per voter.
        weights: One per voter, from 0, in any unit; None where it is not known. Those of abstentions are not read.
        missing: The weight in place of None. The default is the middle of a scale from 0 to 1.
        rule: The name in the tally.

    Raises:
        ConfigurationError: If there are not as many weights as votes.
    """
    if len(votes) != len(weights):
        raise ConfigurationError(f"{rule}: each vote needs one weight, got {len(votes)} votes, {len(weights)} weights")
    pairs = zip(votes, weights, strict=True)
    read = [(vote, _weight(missing if given is None else given)) for vote, given in pairs if vote is not None]
    totals = dict.fromkeys((vote for vote, _ in read), Fraction())
    for vote, weight in read:
        totals[vote] += weight or 0
    leaders = _best(totals, slack=Fraction(1, 10**9)) if any(totals.values()) else []
    invalid = sum(weight is None for _, weight in read)
    return _tally(rule, totals, leaders, cast=len(votes), valid=len(read), invalid=invalid)


def approval(ballots: Sequence[Collection[str] | None]) -> Tally:
    """The answer that most ballots accept wins (Brams and Fishburn, American Political Science Review 72, 1978).

    Args:
        ballots: All answers that a voter accepts, in any order, repetitions counting once; none is an abstention.
    """
    counts = Counter(answer for ballot in ballots for answer in sorted(set(ballot or ())))
    valid = sum(bool(ballot) for ballot in ballots)
    return _tally("approval", counts, _best(counts), cast=len(ballots), valid=valid)


def borda(ballots: Sequence[Ranking | None], candidates: Sequence[str]) -> Tally:
    """The candidate with the best average place wins (Borda 1781; Black, The Theory of Committees and Elections, 1958).

    Of m candidates, the one in place i, from 0, earns m - 1 - i points. The candidates that a ballot leaves out share
    its remaining points equally (the average score of Narodytska and Walsh 2014, arXiv 1405.7714): each ballot gives
    out the same number of points, so that ranking one candidate only is no way to weigh more.

    Args:
        ballots: Invalid with a candidate twice or one that is unknown.
        candidates: What can be ranked; repetitions count once.
    """
    valid, invalid = _readable(ballots, candidates)
    doubled = dict.fromkeys(candidates, 0)  # twice the points, since an equal share may be half a point
    last = len(doubled) - 1
    for ballot in valid:
        earned = {candidate: 2 * (last - place) for place, candidate in enumerate(ballot)}
        for candidate in doubled:
            doubled[candidate] += earned.get(candidate, last - len(ballot))
    totals = {candidate: Fraction(points, 2) for candidate, points in doubled.items()}
    return _tally("borda", totals, _best(totals), cast=len(ballots), valid=len(valid), invalid=invalid)


def condorcet(ballots: Sequence[Ranking | None], candidates: Sequence[str]) -> Tally:
    """The candidate that beats each other one in a duel wins (Condorcet 1785; Black 1958); there may be none.

    A ballot prefers what it ranks to what it leaves out, and says nothing about two that it leaves out. Scores are
    duels won. Arguments as in `borda`.
    """
    valid, invalid = _readable(ballots, candidates)
    won = dict.fromkeys(candidates, 0)
    places = [{candidate: place for place, candidate in enumerate(ballot)} for ballot in valid]
    last = len(won)
    for one, other in combinations(won, 2):
        duels = [(place.get(one, last), place.get(other, last)) for place in places]
        lead = sum((mine < theirs) - (theirs < mine) for mine, theirs in duels)
        won[one] += lead > 0
        won[other] += lead < 0
    leaders = [candidate for candidate, duels_won in won.items() if duels_won == len(won) - 1]
    return _tally("condorcet", won, leaders, cast=len(ballots), valid=len(valid), invalid=invalid)


def ranked_choice(ballots: Sequence[Ranking | None], candidates: Sequence[str]) -> Tally:
    """Instant run-off: the weakest is struck out until one is first on more than half of the ballots that count.

    A ballot counts for the best of its candidates that is still in, and no longer if there is none (it is exhausted).
    Also called alternative vote and, for one seat, single transferable vote (Tideman, Journal of Economic
    Perspectives 9, 1995). Several that are weakest together are each struck out in a world of its own, and who wins
    in one of the worlds is tied (parallel universes: Conitzer, Rognlie and Xia, IJCAI 2009): the luck of the
    order decides nothing. Worlds multiply, so where more than twelve or so are equal for round after round, all that
    are in are tied. Scores are the most ballots that a candidate was first on in any round. Arguments as in `borda`.
    """
    valid, invalid = _readable(ballots, candidates)
    scores = dict.fromkeys(candidates, 0)
    winners: set[str] = set()
    fields = {frozenset(scores)} if valid else set()
    while fields:
        undecided = []
        for counts in [_firsts(valid, field) for field in fields]:
            scores.update((candidate, max(count, scores[candidate])) for candidate, count in counts.items())
            leader, most = counts.most_common(1)[0]
            if 2 * most > counts.total():
                winners.add(leader)
            else:
                fewest = min(counts.values())
                weakest = [candidate for candidate, count in counts.items() if count == fewest]
                undecided.append((frozenset(counts), weakest))
        if sum(len(weakest) for _, weakest in undecided) > _MOST_WORLDS:
            winners.update(*(field for field, _ in undecided))
            break
        fields = {field - {struck} for field, weakest in undecided for struck in weakest}
    return _tally("ranked_choice", scores, winners, cast=len(ballots), valid=len(valid), invalid=invalid)


def grounded(votes: Mapping[str, str | None], attacks: Iterable[tuple[str, str]]) -> Tally:
    """The answer with the most positions that stand wins (grounded semantics, Dung 1995).

    Each author's final position is an argument; attacks are pairs of authors: who attacks, who is attacked. Those on
    or by an author without a position are ignored, since there is nothing to strike or to strike with; so are those
    between authors of one answer: they fault the way to it, and counting them would let two authors who agree take
    their own answer down. Scores are positions labelled "in"; an answer without one cannot win.
    """
    positions = {author: answer for author, answer in votes.items() if answer is not None}
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(positions)
    known = [(one, other) for one, other in attacks if one in positions and other in positions]
    graph.add_edges_from((one, other) for one, other in known if positions[one] != positions[other])
    labels = grounded_labelling(graph)
    accepted = Counter(positions[author] for author, label in labels.items() if label == "in")
    scores = {answer: accepted[answer] for answer in positions.values()}
    tally = _tally("grounded", scores, _best(accepted), cast=len(votes), valid=len(positions))
    return tally.model_copy(update={"labels": labels})


@dataclass(frozen=True)
class Rule:
    """What a debate must collect for a decision rule, and the function that decides."""

    needs: Literal["votes", "confidences", "scores", "approvals", "rankings", "attacks", "judge"]
    """Arguments of `decide`, in this order: votes; votes and confidences; votes and scores; sets of answers;
    rankings and candidates; votes by author and attacks; none for the judge, who reads the debate itself."""
    decide: Callable[..., Tally] | None
    """None for the judge: there an agent decides."""


RULES: Mapping[str, Rule] = {
    "plurality": Rule("votes", plurality),
    "majority": Rule("votes", majority),
    "supermajority": Rule("votes", supermajority),
    "unanimity": Rule("votes", unanimity),
    "confidence_weighted": Rule("confidences", partial(weighted, rule="confidence_weighted")),
    "verifier_weighted": Rule("scores", partial(weighted, rule="verifier_weighted")),
    "approval": Rule("approvals", approval),
    "borda": Rule("rankings", borda),
    "condorcet": Rule("rankings", condorcet),
    "ranked_choice": Rule("rankings", ranked_choice),
    "grounded": Rule("attacks", grounded),
    "judge": Rule("judge", None),
}


def _tally(rule: str, scores: Scores, leaders: Collection[str], *, cast: int, valid: int, invalid: int = 0) -> Tally:
    chosen = sorted(leaders) if valid else []
    return Tally(
        rule=rule,
        winner=chosen[0] if len(chosen) == 1 else None,
        scores={answer: float(min(score, _LARGEST)) for answer, score in scores.items()},
        votes=valid,
        abstained=cast - valid,
        invalid=invalid,
        tie=tuple(chosen) if len(chosen) > 1 else (),
    )


def _best(scores: Scores, slack: Fraction = Fraction(0)) -> list[str]:
    """The answers with the highest score, or within this share of it."""
    bar = max(scores.values(), default=0) * (1 - slack)
    return [answer for answer, score in scores.items() if score >= bar]


def _counted(rule: str, votes: Votes, enough: Callable[[int, int], bool]) -> Tally:
    """The most frequent answer, if its count is enough among that many valid votes."""
    counts = Counter(vote for vote in votes if vote is not None)
    leaders = [answer for answer in _best(counts) if enough(counts[answer], counts.total())]
    return _tally(rule, counts, leaders, cast=len(votes), valid=counts.total())


def _weight(given: float) -> Fraction | None:
    try:
        weight = Fraction(given)
    except (ValueError, OverflowError):  # not a number; infinite
        return None
    return weight if weight >= 0 else None


def _readable(ballots: Sequence[Ranking | None], candidates: Sequence[str]) -> tuple[list[Ranking], int]:
    """The valid rankings, and how many are invalid."""
    known = set(candidates)
    given = [ballot for ballot in ballots if ballot]
    valid = [ballot for ballot in given if known.issuperset(ballot) and len(set(ballot)) == len(ballot)]
    return valid, len(given) - len(valid)


def _firsts(ballots: Iterable[Ranking], field: Collection[str]) -> Counter[str]:
    """How many ballots put each candidate of the field first; those that nobody does are left out."""
    tops = (next((candidate for candidate in ballot if candidate in field), None) for ballot in ballots)
    return Counter(top for top in tops if top is not None)
