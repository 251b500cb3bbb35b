"""The transformers engine on the embedded model's weights, in float32, so that batches change nothing."""

import asyncio
import json
import math
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import disputatio as dp
from disputatio.errors import ConfigurationError, ModelError, StoreError
from disputatio.model import Message, Request
from disputatio.models import WhiteBox
from disputatio.models.huggingface import HuggingFace, load
from disputatio.models.weights import smollm2

np = pytest.importorskip("numpy")
torch = pytest.importorskip("torch", reason="torch is not installed; make test-engines installs it")
pytest.importorskip("transformers", reason="transformers is not installed; make test-engines installs it")
pytest.importorskip("llguidance", reason="llguidance is not installed; make test-engines installs it")

QUESTIONS = ["Why is the sky blue?", "Name three fruits.", "Hi", "Tell me about a town by the sea. " * 20]


@pytest.fixture(scope="module")
def model() -> HuggingFace:
    try:
        return load(str(smollm2()), dtype="float32")
    except StoreError as error:
        pytest.skip(f"no weights: {error}")


def asking(text: str, **settings: Any) -> Request:
    messages = [Message(role="system", content="Be brief."), Message(role="user", content=text)]
    return Request(**{"messages": messages, "max_tokens": 16, "temperature": 0.0, **settings})


async def test_a_reply_is_what_the_library_itself_generates(model: HuggingFace) -> None:
    for question in QUESTIONS[:2]:
        request = asking(question, max_tokens=24)
        text = model.tokenizer.apply_chat_template(request.messages, tokenize=False, add_generation_prompt=True)
        ids = model.tokenizer(text, return_tensors="pt", add_special_tokens=False)
        made = model.model.generate(**ids, max_new_tokens=24, do_sample=False)[0, ids["input_ids"].shape[1] :]
        reply = await model.complete(request)
        assert reply.text == model.tokenizer.decode(made, skip_special_tokens=True)
        assert reply.usage == dp.Usage(calls=1, prompt_tokens=ids["input_ids"].shape[1], completion_tokens=len(made))
        assert reply.finish_reason == ("length" if len(made) == 24 else "stop")
        assert await model.count(request) == reply.usage.prompt_tokens


async def test_what_is_asked_together_is_answered_as_alone(model: HuggingFace) -> None:
    requests = [asking(text, temperature=heat, seed=3) for text in QUESTIONS for heat in (0.0, 0.8)]
    together = await asyncio.gather(*(model.complete(request) for request in requests))
    assert list(together) == [await model.complete(request) for request in requests]


async def test_pieces_come_as_they_are_written_and_make_the_reply(model: HuggingFace) -> None:
    heard: list[tuple[float, str]] = []
    reply = await model.complete(asking(QUESTIONS[0]), lambda piece: heard.append((time.monotonic(), piece)))
    assert "".join(piece for _, piece in heard) == reply.text
    assert len(heard) > 8
    assert heard[-1][0] > heard[0][0]


async def test_a_seed_repeats_and_replies_differ(model: HuggingFace) -> None:
    request = asking(QUESTIONS[0], temperature=1.0, seed=7, n=3)
    first, again = await model.complete(request), await model.complete(request)
    assert first == again
    assert len({first.text, *first.others}) == 3
    assert first.usage.completion_tokens <= 48
    one = await model.complete(asking(QUESTIONS[0], temperature=1.0, seed=7))
    assert one.text == first.text
    assert one.usage.prompt_tokens == first.usage.prompt_tokens  # read once for all three
    other = await model.complete(asking(QUESTIONS[0], temperature=1.0, seed=70))
    assert other.text != one.text


async def test_a_reply_ends_before_its_stop_text(model: HuggingFace) -> None:
    whole = (await model.complete(asking(QUESTIONS[0], max_tokens=30))).text
    stop = whole[40:46]
    heard: list[str] = []
    reply = await model.complete(asking(QUESTIONS[0], max_tokens=30, stop=(stop,), logprobs=0), heard.append)
    assert reply.text == "".join(heard) == whole[: whole.index(stop)]
    assert reply.finish_reason == "stop"
    assert "".join(one.token for one in reply.logprobs).startswith(reply.text)


async def test_logprobs_are_those_of_the_model_whatever_the_sampling(model: HuggingFace) -> None:
    reply = await model.complete(asking(QUESTIONS[0], temperature=1.5, seed=1, logprobs=4))
    assert "".join(one.token for one in reply.logprobs) == reply.text
    seen = await model.inspect(asking(QUESTIONS[0]).messages, reply.text)
    assert [one.logprob for one in reply.logprobs] == pytest.approx(seen.logprobs.tolist(), abs=2e-3)
    for one in reply.logprobs:
        values = [value for _, value in one.top]
        assert len(values) == 4
        assert values == sorted(values, reverse=True)
        assert values[0] >= one.logprob
        assert sum(map(math.exp, values)) <= 1.0001


SCHEMA = {
    "type": "object",
    "properties": {
        "answer": {"enum": ["yes", "no"]},
        "confidence": {"type": "integer", "minimum": 0, "maximum": 100},
        "reason": {"type": "string", "maxLength": 12},
    },
    "required": ["answer", "confidence", "reason"],
    "additionalProperties": False,
}


@pytest.mark.parametrize("temperature", [0.0, 2.0])
async def test_a_schema_is_kept_also_by_a_model_that_talks_nonsense(model: HuggingFace, temperature: float) -> None:
    request = asking("Is tea better?", schema=SCHEMA, max_tokens=120, temperature=temperature, seed=2, n=2)
    if temperature == 0:
        request = asking("Is tea better?", schema=SCHEMA, max_tokens=120)
    reply = await model.complete(request)
    assert reply.finish_reason == "stop"
    for text in (reply.text, *reply.others):
        said = json.loads(text)
        assert set(said) == set(SCHEMA["properties"])  # type: ignore[call-overload]
        assert said["answer"] in ("yes", "no")
        assert 0 <= said["confidence"] <= 100
        assert len(said["reason"]) <= 12


async def test_a_schema_that_cannot_be_used_is_a_model_error(model: HuggingFace) -> None:
    with pytest.raises(ModelError, match="the schema cannot be used") as error:
        await model.complete(asking("?", schema={"type": "nonsense"}))
    assert "\n" not in str(error.value)


async def test_a_prompt_beyond_the_window_is_refused_at_once(model: HuggingFace) -> None:
    began = time.monotonic()
    with pytest.raises(ModelError, match="do not fit the context window of 8192") as error:
        await model.complete(asking("word " * 9000))
    assert error.value.fault == "context_too_long"
    assert time.monotonic() - began < 2


@pytest.mark.parametrize("text", ["Tell a very long story.", "word " * 6000], ids=["writing", "reading"])
async def test_a_cancelled_call_stops_computing(model: HuggingFace, text: str) -> None:
    task = asyncio.create_task(model.complete(asking(text, max_tokens=2000, temperature=1.0)))
    await asyncio.sleep(0.5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    began = time.monotonic()
    await model.complete(asking("Hi", max_tokens=1))
    assert time.monotonic() - began < 25  # the rest takes minutes


def test_one_model_for_all_event_loops(model: HuggingFace) -> None:
    assert load(str(smollm2()), dtype="float32") is model
    texts = {asyncio.run(model.complete(asking("Hi"))).text for _ in range(2)}
    assert len(texts) == 1


async def test_the_inside_has_the_shapes_and_laws_that_are_promised(model: HuggingFace) -> None:
    box: WhiteBox = model
    seen = await box.inspect("The capital of France is", " Paris.", logits=True, hidden=True, attention=True)
    config, tokens = model.model.config, len(seen.ids)
    assert seen.tokens == ("The", " capital", " of", " France", " is", " Paris", ".")
    assert (tokens, seen.prompt_tokens) == (7, 5)
    assert seen.usage == dp.Usage(calls=1, prompt_tokens=7)
    assert seen.hidden is not None
    assert seen.hidden.shape == (config.num_hidden_layers + 1, tokens, config.hidden_size) == (31, 7, 576)
    assert seen.attention is not None
    assert seen.attention.shape == (30, config.num_attention_heads, tokens, tokens)
    assert np.allclose(seen.attention.sum(-1), 1, atol=1e-5)
    assert not np.triu(seen.attention, 1).any()  # nobody sees the future
    assert seen.logits is not None
    assert seen.logits.shape == (tokens, config.vocab_size)
    assert all(array.dtype == np.float32 for array in (seen.hidden, seen.attention, seen.logits, seen.logprobs))
    scores = seen.logits[4] - np.log(np.exp(seen.logits[4]).sum())
    assert scores[seen.ids[5]] == pytest.approx(seen.logprobs[0], abs=1e-4)
    assert seen.tokens[5] == model.tokenizer.decode([int(scores.argmax())])  # it knows
    last = torch.from_numpy(seen.hidden[-1])
    with torch.inference_mode():
        assert np.allclose(model.model.lm_head(last).numpy(), seen.logits, atol=1e-3)


async def test_the_inside_is_the_same_whatever_is_asked_for(model: HuggingFace) -> None:
    lean = await model.inspect("Two and two is", " four")
    full = await model.inspect("Two and two is", " four", logits=True, hidden=True, attention=True)
    assert lean.logits is lean.hidden is lean.attention is None
    assert np.allclose(lean.logprobs, full.logprobs, atol=1e-3)
    assert model.model.config._attn_implementation == "sdpa"
    alone = await model.inspect("Two and two is")
    assert alone.logprobs.shape == (0,)
    with pytest.raises(ModelError, match="nothing to inspect"):
        await model.inspect("")


async def test_inspection_waits_for_what_is_being_written(model: HuggingFace) -> None:
    seen, reply = await asyncio.gather(
        model.inspect("Two and two is", attention=True), model.complete(asking(QUESTIONS[0]))
    )
    assert seen.attention is not None
    assert reply == await model.complete(asking(QUESTIONS[0]))


def test_a_debate(model: HuggingFace) -> None:
    question = dp.Question(text="Is 7 a prime number?", answer_type="boolean")
    result = dp.solve(question, strategy="debate", rounds=1, model=model, budget=dp.Budget(tokens=2500), seed=1)
    assert result.thoughts
    assert {thought.model for thought in result.thoughts} == {model.name}
    assert 0 < result.usage.tokens <= 2500
    assert not result.usage.estimated


def test_what_is_no_model_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "cut.gguf").write_bytes(b"GGUF")
    for path in (tmp_path, tmp_path / "cut.gguf"):
        with pytest.raises(ConfigurationError, match="transformers cannot load") as error:
            load(str(path))
        assert "\n" not in str(error.value)


def test_a_process_that_ends_in_the_middle_of_a_reply_ends_in_order(model: HuggingFace) -> None:
    code = (
        "import asyncio, sys\n"
        "from disputatio.models import load_model\n"
        "from disputatio.model import Message, Request\n"
        "model = load_model(f'hf:{sys.argv[1]}')\n"
        "ask = Request(messages=[Message(role='user', content='Tell a story')], max_tokens=2000, temperature=1.0)\n"
        "async def main():\n"
        "    asyncio.create_task(model.complete(ask))\n"
        "    await asyncio.sleep(1)\n"
        "asyncio.run(main())\n"
        "sys.exit(3)"
    )
    command = [sys.executable, "-c", code, str(smollm2())]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (3, "", "")
