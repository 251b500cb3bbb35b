"""What the engines that run inside this process share: prompts, checks, profiles, and the way from their threads.

An engine computes in threads of its own, for every event loop of the process, and ends with the process.
"""

import asyncio
import atexit
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Any, Generic, Protocol, TypeVar

from disputatio.errors import ConfigurationError, ModelError, UnsupportedError
from disputatio.model import Feature, Message, Profile, Reply, Request, Structure

T = TypeVar("T")
FEATURES: frozenset[Feature] = frozenset(("schema", "logprobs", "n", "seed", "stop"))
SAMPLING = {"temperature": 0.6, "top_p": 0.9}
"""How replies are sampled where neither the request nor the model's own configuration says; 1 is too wild for most."""
SMALL = 2e9
"""Parameters below which a model answers nonsense when it is held to JSON from its first token."""


class Channel(Generic[T]):
    """What other threads tell one coroutine, in order."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._items: asyncio.Queue[T | BaseException] = asyncio.Queue()
        self.closed = False
        """Whether nobody listens any more."""

    def put(self, item: T | BaseException) -> None:
        """Tell something; an error is raised where it is heard. From any thread."""
        with suppress(RuntimeError):  # the listener's event loop has ended
            self._loop.call_soon_threadsafe(self._items.put_nowait, item)

    async def get(self) -> T:
        """Hear the next item."""
        item = await self._items.get()
        if isinstance(item, BaseException):
            raise item
        return item


async def hear(channel: Channel[str | Reply], on_text: Callable[[str], None] | None) -> Reply:
    """Pass the pieces of a reply on as they come, and return the whole; close the channel however this ends."""
    try:
        while True:
            item = await channel.get()
            if isinstance(item, Reply):
                return item
            if on_text:
                on_text(item)
    finally:
        channel.closed = True


def check(name: str, profile: Profile, request: Request) -> None:
    """Refuse what an engine cannot do, by name.

    Raises:
        UnsupportedError: If the request needs a feature that the profile lacks, or its messages tell of tool calls.
    """
    lacking = request.needs - profile.features
    if "tools" not in profile.features and any("tool_calls" in message for message in request.messages):
        lacking |= {"tools"}
    for feature in sorted(lacking):
        raise UnsupportedError(f"{name} cannot do what is asked: {feature}", feature=feature)


def encode(
    name: str, profile: Profile, tokenizer: Any, messages: Sequence[Message], thinking: bool | None = None
) -> list[int]:
    """The token ids of a conversation in the model's chat template, ready for the reply.

    Args:
        name: The model's name, for messages.
        profile: What it is good at.
        tokenizer: Its tokenizer, of transformers.
        messages: The conversation.
        thinking: Whether the reply begins with thoughts; None leaves that to the template.

    Raises:
        ModelError: If there is no template, it refuses the messages, or they leave no room in the context window.
    """
    if not tokenizer.chat_template:
        raise ModelError(f"{name} has no chat template: it is no chat model")
    switch = {} if thinking is None else {"enable_thinking": thinking}
    text = _templated(name, tokenizer, [{"role": one["role"], "content": one["content"]} for one in messages], switch)
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    fits(name, profile, len(ids) + 1)
    return ids


def _templated(name: str, tokenizer: Any, messages: list[dict[str, str]], switch: Mapping[str, bool]) -> str:
    from jinja2 import TemplateError  # transformers brings it

    try:
        return str(tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True, **switch))
    except TemplateError as error:
        first, *rest = messages
        if first["role"] != "system" or not rest:
            raise ModelError(f"{name}: the chat template refuses the messages ({error})") from error
    # Some templates know no system role; what it says goes in front of the first message.
    merged = {**rest[0], "content": f"{first['content']}\n\n{rest[0]['content']}"}
    return _templated(name, tokenizer, [merged, *rest[1:]], switch)


def fits(name: str, profile: Profile, tokens: int) -> None:
    """Refuse more tokens than the context window holds."""
    if profile.context is not None and tokens > profile.context:
        raise ModelError(
            f"{name}: {tokens} tokens do not fit the context window of {profile.context}; shorten the question",
            fault="context_too_long",
        )


def profile_of(config: Any, context: int, template: object = None) -> Profile:
    """What to expect of a model, by the shape that its configuration gives and by its chat template."""
    text = config.get_text_config()
    parameters = 12 * text.num_hidden_layers * text.hidden_size**2  # of the blocks of a plain transformer
    structure: Structure = "two_step" if parameters < SMALL else "native"
    switch: frozenset[Feature] = frozenset(("thinking",)) if "enable_thinking" in str(template or "") else frozenset()
    return Profile(structure=structure, max_tokens=512, context=context, features=FEATURES | switch)


def place(provider: str, path: str) -> Path | str:
    """The file or folder that a model string names, or the name itself where it is one of a model hub.

    Raises:
        ConfigurationError: If nothing is named, or a path leads nowhere.
    """
    if not path:
        raise ConfigurationError(f"which model? for example '{provider}:FOLDER' or '{provider}:Qwen/Qwen3-4B'")
    found = Path(path).expanduser()
    if found.exists():
        return found.resolve()
    if path.count("/") != 1 or path.startswith((".", "~", "/")) or path.endswith(".gguf"):
        raise ConfigurationError(f"no model at {path!r}")
    return path


def line(error: object) -> str:
    """The first line of an error's message."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


class Closable(Protocol):
    """An engine that can be ended."""

    def close(self) -> None:
        """End it and free what it holds; calls under way fail."""
        ...


E = TypeVar("E", bound=Closable)
# State of the process, not of a run: a second engine for the same weights would cost their memory again. A forked
# child has none of its parent's threads, so it starts engines of its own.
_ENGINES: dict[tuple[int, str], Any] = {}
_LOCK = Lock()


def once(name: str, load: Callable[[], E]) -> E:
    """The engine of this name; it is loaded the first time, and closed when the process ends."""
    with _LOCK:
        key = (os.getpid(), name)
        if key not in _ENGINES:
            engine = _ENGINES[key] = load()
            atexit.register(engine.close)
        return _ENGINES[key]  # type: ignore[no-any-return]


def forget(engine: Closable) -> None:
    """Let the next `once` load this engine anew."""
    for key in [key for key, one in _ENGINES.items() if one is engine]:
        del _ENGINES[key]
    atexit.unregister(engine.close)
