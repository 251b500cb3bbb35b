"""Batched generation with a transformers model: one step of all replies at a time, each sampled by its own settings.

Prompts are padded on the left and read together; a prompt that is asked for several replies is read once. A reply that
has ended leaves the batch. What a seed gives does not depend on what else is in the batch, but for the rounding of
the arithmetic.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from disputatio.budget import Usage
from disputatio.errors import ModelError
from disputatio.model import Reply, Request, TokenLogprob
from disputatio.models.chat import thought_and_said
from disputatio.models.engine import Channel
from disputatio.models.spelling import Speller, Stopper

CHUNK = 512
"""Prompt tokens read at once: between two chunks a cancelled call is noticed."""


@dataclass(frozen=True, kw_only=True)
class Decoder:
    """A model with all that sampling from it takes."""

    model: Any
    tokenizer: Any
    ends: frozenset[int]
    """Tokens that end a reply."""
    defaults: Mapping[str, float]
    """The model's own sampling settings: temperature, top_k, top_p, repetition_penalty."""
    accepts: frozenset[str]
    """Names of the arguments that the model takes."""

    def decode(self, ids: Sequence[int]) -> str:
        """The text of tokens, without the special ones."""
        return str(self.tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False))


@dataclass(kw_only=True)
class Job:
    """One request that waits or is answered, and where its reply goes."""

    request: Request
    ids: Sequence[int]
    room: int
    """Tokens that the reply may have."""
    channel: Channel[str | Reply]
    matchers: Sequence[Any] = ()
    """For each reply what holds it to the request's schema."""
    drafts: "list[Draft]" = field(default_factory=list)

    def deliver(self, error: BaseException | None = None) -> None:
        """Send the error, or the replies once all are finished."""
        if error or all(draft.finish for draft in self.drafts):
            self.channel.put(error or self._reply())

    def _reply(self) -> Reply:
        first, *others = self.drafts
        written = sum(draft.count for draft in self.drafts)
        thought, said = thought_and_said(first.text)
        return Reply(
            text=said,
            reasoning=thought,
            others=tuple(thought_and_said(draft.text)[1] for draft in others),
            finish_reason=first.finish,
            logprobs=tuple(first.logprobs),
            usage=Usage(calls=1, prompt_tokens=len(self.ids), completion_tokens=written),
        )


class Draft:
    """One reply as it is written."""

    def __init__(self, decoder: Decoder, job: Job, number: int) -> None:
        import torch

        self.job, self.count, self.text, self.finish = job, 0, "", ""
        self.logprobs: list[TokenLogprob] = []
        self.token = -1
        """The newest token."""
        self._decoder, self._streams = decoder, number == 0
        self._ids: list[int] = list(job.ids)
        self._spelt, self._stop = Speller(decoder.decode), Stopper(job.request.stop)
        self._matcher = job.matchers[number] if job.matchers else None
        self._warp, self._greedy = _warpers(decoder.defaults, job.request.temperature)
        self._random = torch.Generator(decoder.model.device)
        if job.request.seed is None:
            self._random.seed()
        else:
            self._random.manual_seed(job.request.seed + number)

    def add(self, logits: Any) -> None:
        """Choose the next token from its logits of shape (vocabulary,), and write it."""
        self.token = self._choose(logits)
        self.count += 1
        self._ids.append(self.token)
        if self.token in self._decoder.ends:
            self._end("stop")
            return
        if self.job.request.logprobs is not None and self._streams:
            self.logprobs.append(self._logprob(logits))
        self._write(self._stop.add(self._spelt.add(self.token)))
        if self._stop.stopped:
            self._drop_tokens_behind()
            self.finish = "stop"
        elif self._matcher is not None and self._completes():
            self._end("stop")
        elif self.count >= self.job.room:
            self._end("length")

    def _choose(self, logits: Any) -> int:
        import torch

        if self._matcher is not None:
            logits = logits.masked_fill(~_allowed(self._matcher, logits), -torch.inf)
        scores = self._warp(torch.tensor([self._ids], device=logits.device), logits[None])[0]
        if self._greedy:
            return int(scores.argmax())
        return int(torch.multinomial(scores.softmax(-1), 1, generator=self._random))

    def _completes(self) -> bool:
        """Whether the newest token ends what the schema asks for."""
        assert self._matcher is not None
        if not self._matcher.consume_token(self.token):
            raise ModelError(f"the grammar of the schema failed: {self._matcher.get_error()}")
        return bool(self._matcher.is_stopped())

    def _write(self, piece: str) -> None:
        self.text += piece
        if piece and self._streams:
            self.job.channel.put(piece)

    def _end(self, finish: str) -> None:
        self._write(self._stop.add(self._spelt.end()))
        self._write("" if self._stop.stopped else self._stop.end())
        self.finish = finish

    def _logprob(self, logits: Any) -> TokenLogprob:
        """Of the model's own distribution: before temperature, cut-offs and schema."""
        all_of_them = logits.log_softmax(-1)
        values, ids = all_of_them.topk(min(self.job.request.logprobs or 0, len(logits)))
        top = ((self._spell(token), value) for token, value in zip(ids.tolist(), values.tolist(), strict=True))
        return TokenLogprob(token=self._spell(self.token), logprob=float(all_of_them[self.token]), top=tuple(top))

    def _spell(self, token: int) -> str:
        return str(self._decoder.tokenizer.decode([token], clean_up_tokenization_spaces=False))

    def _drop_tokens_behind(self) -> None:
        """Take off the log-probabilities of the tokens that only the stop text was made of."""
        written = self._ids[len(self.job.ids) :]
        while self.logprobs and len(self._decoder.decode(written[: len(self.logprobs) - 1])) >= len(self.text):
            self.logprobs.pop()


def _warpers(defaults: Mapping[str, float], temperature: float | None) -> tuple[Any, bool]:
    """What turns logits into the scores that are sampled, and whether the best one is taken instead."""
    from transformers.generation import logits_process as made

    chosen = defaults.get("temperature", 1.0) if temperature is None else temperature
    steps = made.LogitsProcessorList()
    if (penalty := defaults.get("repetition_penalty", 1.0)) != 1:
        steps.append(made.RepetitionPenaltyLogitsProcessor(penalty))
    if chosen:
        steps.append(made.TemperatureLogitsWarper(float(chosen)))
        if (k := int(defaults.get("top_k", 0))) > 0:
            steps.append(made.TopKLogitsWarper(k))
        if (p := defaults.get("top_p", 1.0)) < 1:
            steps.append(made.TopPLogitsWarper(p))
    return steps, not chosen


def _allowed(matcher: Any, logits: Any) -> Any:
    """Which tokens the grammar allows next, as a tensor of bools that is as long as the logits."""
    import numpy as np
    import torch

    mask = np.unpackbits(np.frombuffer(matcher.compute_bitmask(), np.uint8), count=len(logits), bitorder="little")
    return torch.from_numpy(mask).bool().to(logits.device)


def generate(decoder: Decoder, jobs: Sequence[Job]) -> None:
    """Answer a batch of requests: at least one, of any lengths and settings."""
    import torch

    for job in jobs:
        job.drafts = [Draft(decoder, job, number) for number in range(job.request.n)]
    with torch.inference_mode():
        logits, cache, mask = _read(decoder, jobs)
        if cache is None:
            return
        rows = [row for row, job in enumerate(jobs) for _ in job.drafts]
        drafts = [draft for job in jobs for draft in job.drafts]
        while True:
            kept = []
            for number, draft in enumerate(drafts):
                if _continues(draft, logits[rows[number]]):
                    kept.append(number)
            if not kept:
                return
            rows, drafts = [rows[number] for number in kept], [drafts[number] for number in kept]
            if rows != list(range(len(mask))):
                chosen = torch.tensor(rows, device=mask.device)
                cache.batch_select_indices(chosen)
                mask, rows = mask[chosen], list(range(len(rows)))
            mask = torch.cat((mask, mask.new_ones(len(mask), 1)), 1)
            newest = torch.tensor([[draft.token] for draft in drafts], device=mask.device)
            logits, cache = _step(decoder, newest, mask, cache)


def _continues(draft: Draft, logits: Any) -> bool:
    """Write one token of a reply; whether more are to come."""
    if draft.job.channel.closed:
        return False
    try:
        draft.add(logits)
    except ModelError as error:
        draft.job.deliver(error)
        draft.job.channel.closed = True
        return False
    if draft.finish:
        draft.job.deliver()
    return not draft.finish


def _read(decoder: Decoder, jobs: Sequence[Job]) -> tuple[Any, Any, Any]:
    """Read the prompts; the logits behind each, the cache, and which of its places are no padding."""
    import torch

    width = max(len(job.ids) for job in jobs)
    device = decoder.model.device
    ids = torch.tensor([[0] * (width - len(job.ids)) + list(job.ids) for job in jobs], device=device)
    mask = torch.tensor([[0] * (width - len(job.ids)) + [1] * len(job.ids) for job in jobs], device=device)
    logits, cache = None, None
    for start in range(0, width, CHUNK):
        if all(job.channel.closed for job in jobs):
            return None, None, mask
        logits, cache = _step(decoder, ids[:, start : start + CHUNK], mask[:, : start + CHUNK], cache)
    return logits, cache, mask


def _step(decoder: Decoder, ids: Any, mask: Any, cache: Any) -> tuple[Any, Any]:
    """Read these tokens; the logits behind the last, of shape (batch, vocabulary), and the cache."""
    positions = (mask.cumsum(-1) - 1).clamp(min=0)[:, -ids.shape[1] :]
    extra = {"position_ids": positions, "logits_to_keep": 1}
    output = decoder.model(
        input_ids=ids,
        attention_mask=mask,
        past_key_values=cache,
        use_cache=True,
        **{name: value for name, value in extra.items() if name in decoder.accepts},
    )
    return output.logits[:, -1].float(), output.past_key_values
