"""Models of the Hugging Face library transformers, run in this process on a GPU or the CPU, and open to inspection.

Requests that wait are generated together. The weights are loaded once a process.
"""

import asyncio
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass, field
from functools import cached_property
from inspect import signature
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from disputatio.budget import Usage
from disputatio.errors import ConfigurationError, ModelError, ModelUnavailableError, require
from disputatio.model import Message, Profile, Reply, Request
from disputatio.models.batching import Batcher
from disputatio.models.decoding import Decoder, Job, generate
from disputatio.models.engine import SAMPLING, Channel, check, encode, fits, forget, hear, line, once, place, profile_of
from disputatio.white_box import Inspection

if TYPE_CHECKING:
    from disputatio.white_box import Floats

EXTRA = "transformers"
ROWS = 16
"""Most replies that are written at once, unless a single request asks for more."""
COMPACT = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
"""How JSON is laid out; a weak model that may write any white space writes nothing else."""
SETTINGS = ("temperature", "top_k", "top_p", "repetition_penalty")


def load(path: str, *, device: str | None = None, dtype: str | None = None) -> "HuggingFace":
    """Load a model, once a process.

    Args:
        path: A folder as `save_pretrained` writes it, a GGUF file, or a name of the Hugging Face hub.
        device: A device of torch, for example "cuda:1"; None takes a GPU if there is one.
        dtype: A type of torch for the weights. None is bfloat16 where the hardware computes in it; else float16 on a
            GPU and float32 on the CPU. With bfloat16, what else is in a batch can change a reply by its rounding.

    Raises:
        MissingExtraError: If a package is not installed.
        ConfigurationError: If there is no such model, or it cannot be loaded.
    """
    torch = _torch()
    transformers = require("transformers", extra=EXTRA)
    llguidance = require("llguidance", extra=EXTRA)
    found = place("hf", path)

    def make() -> HuggingFace:
        on = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        model, tokenizer = _weights(transformers, found, getattr(torch, dtype or _dtype(torch, on)), on)
        return HuggingFace(name=f"hf:{path}", model=model, tokenizer=tokenizer, grammars=llguidance)

    return once(f"hf:{found} {device} {dtype}", make)


def _torch() -> Any:
    """Import torch so that its threads sleep while they wait for each other; see `disputatio.models.local`.

    One busy program beside it made two threads that spin ten times slower than one (docs/engines.md).
    """
    name = "OMP_WAIT_POLICY"
    users = name in os.environ
    os.environ.setdefault(name, "passive")
    try:
        return require("torch", extra=EXTRA)
    finally:
        if not users:
            del os.environ[name]


def _dtype(torch: Any, device: Any) -> str:
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported() else "float16"
    able = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return "bfloat16" if able.get("avx512_bf16") or able.get("amx_bf16") else "float32"


def _weights(transformers: Any, found: Path | str, dtype: Any, device: Any) -> tuple[Any, Any]:
    where: dict[str, Any] = {"pretrained_model_name_or_path": found}
    if isinstance(found, Path) and found.is_file():
        require("gguf", extra=EXTRA)
        require("accelerate", extra=EXTRA)
        where = {"pretrained_model_name_or_path": found.parent, "gguf_file": found.name}
    try:
        with _quiet(transformers):
            tokenizer = transformers.AutoTokenizer.from_pretrained(**where)
            model = transformers.AutoModelForCausalLM.from_pretrained(**where, dtype=dtype)
            return model.to(device).eval(), tokenizer
    except Exception as error:
        raise ConfigurationError(f"transformers cannot load {str(found)!r}: {line(error)}") from error


@contextmanager
def _quiet(transformers: Any) -> Iterator[None]:
    """Let no advice and no bar of progress be drawn into a program's output."""
    logging = transformers.utils.logging
    level = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        with redirect_stderr(StringIO()):
            yield
    finally:
        logging.set_verbosity(level)


@dataclass(kw_only=True, eq=False)
class HuggingFace:
    """A model and its tokenizer, as a `Model` and a `WhiteBox`. `load` makes one."""

    name: str
    model: Any = field(repr=False)
    tokenizer: Any = field(repr=False)
    grammars: Any = field(repr=False)
    """The package llguidance, which holds replies to a schema."""
    _computing: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def __post_init__(self) -> None:
        self._batches: Batcher[Job] = Batcher(self._answer, rows=ROWS)

    async def complete(self, request: Request, on_text: Callable[[str], None] | None = None) -> Reply:
        """Answer one request; see `Model.complete`. If it is cancelled, the generation ends within a token."""
        check(self.name, self.profile, request)
        ids = self._encode(request.messages, request.thinking)
        matchers = await asyncio.to_thread(self._matchers, request) if request.schema is not None else ()
        channel: Channel[str | Reply] = Channel()
        room = min(request.max_tokens, self._context - len(ids))
        self._batches.submit(Job(request=request, ids=ids, room=room, channel=channel, matchers=matchers))
        return await hear(channel, on_text)

    async def count(self, request: Request) -> int:
        """The tokens of a prompt; raises as `complete` does if it does not fit."""
        return len(self._encode(request.messages, request.thinking))

    async def inspect(
        self,
        prompt: str | Sequence[Message],
        continuation: str = "",
        *,
        logits: bool = False,
        hidden: bool = False,
        attention: bool = False,
    ) -> Inspection:
        """Read a prompt and a continuation; see `WhiteBox.inspect`."""
        if isinstance(prompt, str):
            ids: list[int] = self.tokenizer(prompt)["input_ids"]
        else:
            ids = self._encode(prompt)
        more: list[int] = self.tokenizer(continuation, add_special_tokens=False)["input_ids"] if continuation else []
        if not ids:
            raise ModelError(f"{self.name}: there is nothing to inspect, the prompt is empty")
        fits(self.name, self.profile, len(ids) + len(more))
        return await asyncio.to_thread(self._inspect, ids, more, logits, hidden, attention)

    def close(self) -> None:
        """End the calls under way, and let the weights go with this object."""
        forget(self)
        self._batches.close()

    @cached_property
    def profile(self) -> Profile:
        """What the model is good at, by its size."""
        return profile_of(self.model.config, self._context, self.tokenizer.chat_template)

    def _encode(self, messages: Sequence[Message], thinking: bool | None = None) -> list[int]:
        return encode(self.name, self.profile, self.tokenizer, messages, thinking)

    @cached_property
    def _context(self) -> int:
        return int(self.model.config.get_text_config().max_position_embeddings)

    @cached_property
    def _decoder(self) -> Decoder:
        own = self.model.generation_config.to_diff_dict()
        ends = own.get("eos_token_id") or []
        return Decoder(
            model=self.model,
            tokenizer=self.tokenizer,
            ends=frozenset({*(ends if isinstance(ends, list) else [ends]), self.tokenizer.eos_token_id} - {None}),
            defaults={**SAMPLING, **{name: own[name] for name in SETTINGS if own.get(name) is not None}},
            accepts=frozenset(signature(self.model.forward).parameters),
        )

    @cached_property
    def _vocabulary(self) -> Any:
        """The tokens as llguidance wants them; this takes up to a second."""
        from llguidance.hf import from_tokenizer

        return from_tokenizer(self.tokenizer, eos_token=sorted(self._decoder.ends))

    def _matchers(self, request: Request) -> list[Any]:
        matcher = self.grammars.LLMatcher
        try:
            grammar = matcher.grammar_from_json_schema(request.schema, COMPACT)
            made = [matcher(self._vocabulary, grammar) for _ in range(request.n)]
        except ValueError as error:
            raise ModelError(f"{self.name}: the schema cannot be used ({line(error)})") from error
        if made[0].is_error():
            raise ModelError(f"{self.name}: the schema cannot be used ({line(made[0].get_error())})")
        return made

    def _answer(self, jobs: Sequence[Job]) -> None:
        import torch

        try:
            with self._computing:
                generate(self._decoder, jobs)
        except torch.OutOfMemoryError as error:
            raise ModelUnavailableError(f"{self.name}: too little memory for {len(jobs)} requests at once") from error
        except RuntimeError as error:
            raise ModelError(f"{self.name}: {line(error)}") from error

    def _inspect(self, ids: list[int], more: list[int], logits: bool, hidden: bool, attention: bool) -> Inspection:
        import torch

        read = torch.tensor([ids + more], device=self.model.device)
        with self._computing, torch.inference_mode(), self._attention(eager=attention):
            output = self.model(read, use_cache=False, output_hidden_states=hidden, output_attentions=attention)
        scores = output.logits[0].float()
        said = scores[len(ids) - 1 : -1].log_softmax(-1).gather(-1, read[0, len(ids) :, None])[:, 0]
        return Inspection(
            ids=(*ids, *more),
            tokens=tuple(self.tokenizer.decode([one], clean_up_tokenization_spaces=False) for one in ids + more),
            prompt_tokens=len(ids),
            logprobs=said.cpu().numpy(),
            logits=scores.cpu().numpy() if logits else None,
            hidden=_stacked(output.hidden_states) if hidden else None,
            attention=_stacked(output.attentions) if attention else None,
            usage=Usage(calls=1, prompt_tokens=len(ids) + len(more)),
        )

    @contextmanager
    def _attention(self, *, eager: bool) -> Iterator[None]:
        """Compute attention in the one way that shows its weights, while they are wanted: it is slower."""
        usual = self.model.config._attn_implementation
        if eager:
            self.model.set_attn_implementation("eager")
        try:
            yield
        finally:
            if eager:
                self.model.set_attn_implementation(usual)


def _stacked(layers: "Sequence[Any]") -> "Floats":
    import torch

    stacked: Floats = torch.stack([layer[0].float().cpu() for layer in layers]).numpy()
    return stacked
