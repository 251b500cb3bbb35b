"""vLLM inside this process: many requests at once, with prefix caching, for batches and large fan-outs.

vLLM's AsyncLLM lives in a thread with an event loop of its own, because it outlives the loops of its callers: a start
takes a minute or more, so there is one engine for a model and process. The computing itself is done by a process that
vLLM starts; a program that uses this must therefore keep its work under `if __name__ == "__main__":`.
"""

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import Future
from contextlib import aclosing, contextmanager, suppress
from itertools import count
from typing import Any, TypeVar

from disputatio.budget import Usage
from disputatio.errors import ConfigurationError, ModelError, require
from disputatio.model import Profile, Reply, Request, TokenLogprob
from disputatio.models.chat import thought_and_said
from disputatio.models.engine import SAMPLING, Channel, check, encode, forget, hear, line, once, place, profile_of

T = TypeVar("T")


def load(path: str, *, arguments: Mapping[str, Any] | None = None) -> "VLLMEngine":
    """Start vLLM for a model, once a process.

    Args:
        path: A folder with the model in the format of Hugging Face, or a name of its hub.
        arguments: More arguments for vLLM's `AsyncEngineArgs`, for example `{"max_model_len": 4096}`.

    Raises:
        MissingExtraError: If vLLM is not installed.
        ConfigurationError: If there is no such model, or vLLM cannot start with it.
    """
    found = place("vllm-engine", path)
    with _quiet():
        require("vllm", extra="vllm")
        return once(
            f"vllm-engine:{found} {arguments}", lambda: VLLMEngine(f"vllm-engine:{path}", found, arguments or {})
        )


@contextmanager
def _quiet() -> Iterator[None]:
    """Let vLLM log errors only, unless the user has set what it logs; it reads the variable when it is imported."""
    name = "VLLM_LOGGING_LEVEL"
    users = name in os.environ
    os.environ.setdefault(name, "ERROR")
    try:
        yield
    finally:
        if not users:
            del os.environ[name]


class VLLMEngine:
    """One running engine, as a `Model`. `load` makes one."""

    def __init__(self, name: str, model: object, arguments: Mapping[str, Any]) -> None:
        self.name = name
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._numbers = count(1)
        self._thread.start()
        try:
            self._engine: Any = self._within(_start(model, arguments)).result()
        except Exception as error:
            self._end_thread()
            raise ConfigurationError(f"vLLM cannot start with {str(model)!r}: {line(error)}") from error
        config = self._engine.model_config
        self._defaults: dict[str, Any] = {**SAMPLING, **config.get_diff_sampling_param()}
        self.profile: Profile = profile_of(
            config.hf_config, config.max_model_len, self._engine.get_tokenizer().chat_template
        )

    async def complete(self, request: Request, on_text: Callable[[str], None] | None = None) -> Reply:
        """Answer one request; see `Model.complete`. If it is cancelled, vLLM is told to abort it."""
        check(self.name, self.profile, request)
        ids = self._encode(request)
        channel: Channel[str | Reply] = Channel()
        answering = self._within(self._answer(request, ids, channel, stream=on_text is not None))
        try:
            return await hear(channel, on_text)
        finally:
            answering.cancel()

    async def count(self, request: Request) -> int:
        """The tokens of a prompt; raises as `complete` does if it does not fit."""
        return len(self._encode(request))

    def close(self) -> None:
        """End the engine and its process; calls under way fail."""
        forget(self)
        if self._thread.is_alive():
            with suppress(TimeoutError):
                self._within(self._stop()).result(timeout=30)
            self._end_thread()

    def _encode(self, request: Request) -> list[int]:
        return encode(self.name, self.profile, self._engine.get_tokenizer(), request.messages, request.thinking)

    def _within(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def _end_thread(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _stop(self) -> None:
        self._engine.shutdown()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _answer(self, request: Request, ids: list[int], channel: Channel[str | Reply], *, stream: bool) -> None:
        try:
            params = self._params(request, len(ids), stream=stream)
            outputs: dict[int, Any] = {}
            sent, cached = 0, 0
            generated = self._engine.generate({"prompt_token_ids": ids}, params, f"{self.name} {next(self._numbers)}")
            async with aclosing(generated) as results:
                async for result in results:
                    cached = max(cached, result.num_cached_tokens or 0)
                    outputs |= {output.index: output for output in result.outputs}
                    text = outputs[0].text if 0 in outputs else ""
                    if stream and len(text) > sent:
                        channel.put(text[sent:])
                        sent = len(text)
            written = sum(len(output.token_ids) for output in outputs.values())
            usage = Usage(calls=1, prompt_tokens=len(ids), completion_tokens=written, cached_tokens=cached)
            channel.put(_reply([outputs[index] for index in sorted(outputs)], usage))
        except asyncio.CancelledError:
            channel.put(ModelError(f"{self.name}: the model was closed"))
            raise
        except Exception as error:  # noqa: BLE001 - it is raised again where the reply is awaited
            cause = error if str(error) else error.__cause__ or error
            channel.put(ModelError(f"{self.name}: {line(cause)}"))
            if self._engine.errored:  # its process has died
                forget(self)

    def _params(self, request: Request, prompt_tokens: int, *, stream: bool) -> Any:
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind, StructuredOutputsParams

        settings = dict(self._defaults)
        room = (self.profile.context or prompt_tokens + request.max_tokens) - prompt_tokens
        settings["max_tokens"] = min(request.max_tokens, room)
        if request.temperature is not None:
            settings["temperature"] = request.temperature
        if request.schema is not None:
            settings["structured_outputs"] = StructuredOutputsParams(json=request.schema)
        return SamplingParams(
            **settings,
            n=request.n,
            seed=request.seed,
            stop=list(request.stop) or None,
            logprobs=request.logprobs,
            output_kind=RequestOutputKind.CUMULATIVE if stream else RequestOutputKind.FINAL_ONLY,
        )


async def _start(model: object, arguments: Mapping[str, Any]) -> Any:
    from vllm import AsyncEngineArgs
    from vllm.v1.engine.async_llm import AsyncLLM

    # White space is not left to the model: a weak one that may write any writes nothing else.
    structured = {"backend": "guidance", "disable_any_whitespace": True}
    settings = {"model": str(model), "disable_log_stats": True, "structured_outputs_config": structured, **arguments}
    return AsyncLLM.from_engine_args(AsyncEngineArgs(**settings))


def _reply(outputs: list[Any], usage: Usage) -> Reply:
    first, *others = outputs
    thought, said = thought_and_said(first.text)
    return Reply(
        text=said,
        reasoning=thought,
        others=tuple(thought_and_said(output.text)[1] for output in others),
        finish_reason=str(first.finish_reason),
        logprobs=tuple(map(_logprob, first.token_ids, first.logprobs or ())),
        usage=usage,
    )


def _logprob(token: int, known: Mapping[int, Any]) -> TokenLogprob:
    """One token with its alternatives; vLLM adds the token itself to them where it is none of the best."""
    best = sorted((one for one in known.values()), key=lambda one: one.rank)
    top = tuple((one.decoded_token or "", one.logprob) for one in best)
    return TokenLogprob(token=known[token].decoded_token or "", logprob=known[token].logprob, top=top)
