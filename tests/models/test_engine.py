import importlib.util
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from disputatio.errors import ConfigurationError, MissingExtraError, ModelError, UnsupportedError
from disputatio.model import Feature, Message, Profile, Request, ToolCall, ToolSpec
from disputatio.models import load_model
from disputatio.models.engine import FEATURES, check, encode, fits, forget, once, place, profile_of

USER = Message(role="user", content="Why?")
PROFILE = Profile(features=FEATURES, context=10)


def missing(module: str) -> bool:
    return importlib.util.find_spec(module) is None


@pytest.mark.skipif(not missing("torch"), reason="torch is installed")
def test_transformers_missing_gives_the_command(tmp_path: Path) -> None:
    with pytest.raises(MissingExtraError, match=r"run: pip install 'disputatio\[transformers\]'"):
        load_model(f"hf:{tmp_path}")


@pytest.mark.skipif(not missing("vllm"), reason="vLLM is installed")
def test_vllm_missing_gives_the_command(tmp_path: Path) -> None:
    with pytest.raises(MissingExtraError, match=r"run: pip install 'disputatio\[vllm\]'"):
        load_model(f"vllm-engine:{tmp_path}")


@pytest.mark.parametrize("path", ["./none", "/none/at/all", "~/none", "none.gguf", "none"])
def test_a_path_that_leads_nowhere_is_refused(path: str) -> None:
    with pytest.raises(ConfigurationError, match="no model at"):
        place("hf", path)


def test_a_path_a_name_of_the_hub_and_nothing(tmp_path: Path) -> None:
    assert place("hf", str(tmp_path)) == tmp_path.resolve()
    assert place("hf", "Qwen/Qwen3-4B") == "Qwen/Qwen3-4B"
    with pytest.raises(ConfigurationError, match="for example 'vllm-engine:FOLDER'"):
        place("vllm-engine", "")


TOOL = ToolSpec(name="add", description="", parameters={})
ASSISTANT = Message(role="assistant", content="", tool_calls=(ToolCall(id="1", name="add", arguments="{}"),))


@pytest.mark.parametrize(
    ("settings", "without", "named"),
    [
        ({"tools": (TOOL,)}, set(), "tools"),
        ({"messages": [USER, ASSISTANT]}, set(), "tools"),
        ({"logprobs": 0, "schema": {}}, {"schema", "logprobs"}, "logprobs"),
    ],
)
def test_what_an_engine_cannot_do_is_refused_by_name(
    settings: dict[str, Any], without: set[Feature], named: str
) -> None:
    request = Request(**{"messages": [USER], "max_tokens": 1, **settings})
    with pytest.raises(UnsupportedError, match=f"m cannot do what is asked: {named}$"):
        check("m", Profile(features=FEATURES - without), request)


class Words:
    """A tokenizer whose tokens are words, and whose template puts the roles before the messages."""

    def __init__(self, *, knows_system: bool = True, template: str | None = "a template") -> None:
        self.chat_template, self._knows_system = template, knows_system
        self.words: list[str] = []

    def apply_chat_template(
        self, messages: Sequence[Message], *, tokenize: bool, add_generation_prompt: bool, enable_thinking: bool = True
    ) -> str:
        assert (tokenize, add_generation_prompt) == (False, True)
        jinja2 = pytest.importorskip("jinja2")
        if not self._knows_system and any(one["role"] == "system" for one in messages):
            raise jinja2.TemplateError("System role not supported")
        closed = [] if enable_thinking else ["<think></think>"]
        return " ".join([*(f"{one['role']}: {one['content']}" for one in messages), *closed])

    def __call__(self, text: str, *, add_special_tokens: bool) -> dict[str, list[int]]:
        assert not add_special_tokens  # the template has written them
        self.words = text.split()
        return {"input_ids": list(range(len(self.words)))}


def test_a_prompt_fits_if_one_token_of_a_reply_does() -> None:
    pytest.importorskip("jinja2")
    for length, fine in ((8, True), (9, False)):
        user = Message(role="user", content=" ".join(["w"] * length))
        if fine:
            assert encode("m", PROFILE, Words(), [user]) == list(range(9))
        else:
            with pytest.raises(ModelError, match="11 tokens do not fit the context window of 10") as error:
                encode("m", PROFILE, Words(), [user])
            assert error.value.fault == "context_too_long"
    fits("m", Profile(context=None), 10**9)


def test_a_template_without_a_system_role_gets_the_rules_in_the_first_message() -> None:
    pytest.importorskip("jinja2")
    words = Words(knows_system=False)
    encode("m", PROFILE, words, [Message(role="system", content="Be brief."), USER])
    assert words.words == ["user:", "Be", "brief.", "Why?"]
    with pytest.raises(ModelError, match="the chat template refuses the messages"):
        encode("m", PROFILE, words, [Message(role="system", content="Be brief.")])
    with pytest.raises(ModelError, match="has no chat template"):
        encode("m", PROFILE, Words(template=None), [USER])


def test_a_template_with_a_switch_closes_the_thoughts_before_they_begin() -> None:
    pytest.importorskip("jinja2")
    words = Words()
    encode("m", PROFILE, words, [USER], False)
    assert words.words == ["user:", "Why?", "<think></think>"]
    assert "thinking" in profile_of(Config(30, 576), 10, "{% if enable_thinking %}").features
    assert "thinking" not in profile_of(Config(30, 576), 10, "a template").features


class Config:
    def __init__(self, layers: int, width: int) -> None:
        self.num_hidden_layers, self.hidden_size = layers, width

    def get_text_config(self) -> "Config":
        return self


def test_small_models_answer_first_and_are_read_then() -> None:
    assert profile_of(Config(30, 576), 8192).structure == "two_step"  # 0.1 billion parameters
    assert profile_of(Config(36, 4096), 8192).structure == "native"  # 7 billion
    assert profile_of(Config(36, 4096), 8192).context == 8192


class Engine:
    def __init__(self) -> None:
        self.closed = False

    def close(self) -> None:
        self.closed = True
        forget(self)


def test_an_engine_is_loaded_once_and_again_after_it_was_closed() -> None:
    first = once("test", Engine)
    assert once("test", Engine) is first
    first.close()
    second = once("test", Engine)
    assert second is not first
    second.close()


def test_an_engine_is_closed_when_the_process_ends() -> None:
    code = (
        "from disputatio.models.engine import once\n"
        "class Engine:\n    def close(self): print('closed')\n"
        "once('one', Engine); once('one', Engine); once('two', Engine)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "closed\nclosed\n"
