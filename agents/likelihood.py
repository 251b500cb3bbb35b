"""Likelihood: not what a model says, but how likely it would say yes, by the log-probabilities of its first token."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp

from langgraph.runtime import Runtime

from disputatio.agents.agent import RULES
from disputatio.agents.speech import Turn, model_for, overflowed
from disputatio.context import Context, Started
from disputatio.errors import BudgetExceededError, ModelError
from disputatio.ledger import Spender
from disputatio.model import Message, Model, Reply, Request
from disputatio.models.gateway import call
from disputatio.question import Question
from disputatio.state import State, Update
from disputatio.thought import Link, Thought

ASK = "Reply with one word, yes or no."
TOP = 20
"""How many alternatives to the first token are asked for: as many as OpenAI's protocol allows."""


@dataclass(frozen=True, kw_only=True)
class Likelihood:
    """An agent whose score is P(yes) / (P(yes) + P(no)), the probabilities being those of its first token.

    It is a LangGraph node like any agent, and one turn is one call of one token. The method is P(True) of Kadavath et
    al. 2022, arXiv:2207.05221, section 3. Where neither word is among the likely ones, it abstains: it has no score.
    """

    words: str
    """What it is asked, after the question; answered by yes or no."""
    about: Sequence[Thought] = ()
    """What its verdict is linked to."""
    name: str = "likelihood"
    role: str = "verifier"
    model: str | Model | None = None

    async def __call__(self, state: State, runtime: Runtime[Context]) -> Update:
        """Ask the model for one token.

        Returns:
            One verdict with its score, linked to what it is about; nothing if the budget did not allow it.

        Raises:
            UnsupportedError: If the backend gives no log-probabilities.
            ModelError: If the model fails.
        """
        context, now, question = runtime.context, state.get("round", 0), Question.of(state["question"])
        turn = Turn(author=self.name, role=self.role, round=now, question=question, context=context, model=self.model)
        model = model_for(turn)
        if context.on_event:
            context.on_event(Started(self.name, self.role, now, model.name))
        user = f"{question}\n\n{self.words}\n\n{ASK}"
        messages = [Message(role="system", content=RULES), Message(role="user", content=user)]
        request = Request(messages=messages, max_tokens=1, temperature=0.0, logprobs=TOP)
        ledger, spender = context.ledger_of(self.name, self.role), Spender(self.name, self.role, now, model.name)
        try:
            reply = await call(
                model,
                request,
                ledger=ledger,
                spender=spender,
                on_retry=context.on_event,
                journal=context.journal,
                scope=context.scope,
            )
        except BudgetExceededError:
            return {}
        except ModelError as error:
            return {"thoughts": [overflowed(error, context, author=self.name, role=self.role, round_=now)], "links": []}
        said = self._verdict(reply, model.name, now, context)
        links = [Link(source=said.id, target=one.id, kind="verifies") for one in self.about]
        context.say(said, links=links)
        return {"thoughts": [said], "links": links}

    def _verdict(self, reply: Reply, model: str, now: int, context: Context) -> Thought:
        yes, no = chances(reply)
        score = yes / (yes + no) if yes + no else None
        text = (
            f"Yes with probability {score:.3f}." if score is not None else reply.text.strip() or "(neither yes nor no)"
        )
        return Thought(
            id=context.identify(self.name, now, text, *(one.id for one in self.about)),
            author=self.name,
            role=self.role,
            kind="verdict",
            text=text,
            score=score,
            round=now,
            scope=context.scope,
            data={"yes": yes, "no": no},
            usage=reply.usage,
            model=model,
        )


def chances(reply: Reply) -> tuple[float, float]:
    """The probabilities that the first token of a reply begins yes and no; both 0 where it does not tell."""
    if not reply.logprobs:
        return 0.0, 0.0
    first = reply.logprobs[0]
    tokens = dict([(first.token, first.logprob), *first.top])
    words = [(token.strip(" \n\t\"'*.▁").casefold(), exp(logprob)) for token, logprob in tokens.items()]
    return sum(share for word, share in words if word == "yes"), sum(share for word, share in words if word == "no")
