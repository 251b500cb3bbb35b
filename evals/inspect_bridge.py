"""The bridge to Inspect AI: our strategies as its solvers, our gateway as its model provider, our tasks as its tasks.

    inspect eval inspect_evals/gsm8k --solver disputatio/reasoning -S strategy=debate -S answer_type=number
    inspect eval disputatio/items -T name=gsm8k --model disputatio/local

Inspect finds what is here by the package's entry point. Its logs open in `inspect view`.
"""

import json
from collections.abc import Callable
from typing import Any, cast
from zlib import crc32

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import (
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageTool,
    ChatMessageUser,
    GenerateConfig,
    ModelAPI,
    ModelOutput,
    ModelUsage,
    StopReason,
    get_model,
    modelapi,
)
from inspect_ai.scorer import NOANSWER, Score, Scorer, Target, accuracy, scorer, stderr
from inspect_ai.solver import Generate, Solver, TaskState, solver
from inspect_ai.tool import ToolCall as InspectToolCall
from inspect_ai.tool import ToolChoice, ToolFunction, ToolInfo

from disputatio.budget import Budget, Usage
from disputatio.evals import load
from disputatio.evals.items import Item
from disputatio.evals.scorers import score
from disputatio.graphs.run import find, prepare, run
from disputatio.ledger import Ledger, Spender
from disputatio.model import Message, Profile, Reply, Request, ToolCall, ToolSpec
from disputatio.models import load_model
from disputatio.models.gateway import call
from disputatio.question import AnswerType, Question
from disputatio.thought import Answer

ENDS: dict[str, StopReason] = {"length": "max_tokens", "tool_calls": "tool_calls", "content_filter": "content_filter"}


@solver
def reasoning(
    strategy: str = "disputation",
    answer_type: AnswerType | None = None,
    tokens: int | None = None,
    calls: int | None = None,
    seed: int = 0,
    **parameters: Any,
) -> Solver:
    """A strategy as a solver, on the model that Inspect evaluates.

    Args:
        strategy: A name of `disputatio.graphs.CATALOGUE`.
        answer_type: How answers are read and compared; None is text, or a choice where the sample has choices.
        tokens: What one sample may spend.
        calls: How often it may ask the model.
        seed: Of the samples' seeds.
        **parameters: Those of the strategy.
    """
    chosen = find(strategy, **parameters)

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        model = Evaluated()
        drawn = crc32(f"{seed}/{state.sample_id}/{state.epoch}".encode())
        context = prepare(model=model, budget=Budget(tokens=tokens, calls=calls), seed=drawn)
        result = await run(_question(state, answer_type), chosen, context)
        answer = result.answer
        state.store.set("disputatio", answer.model_dump(mode="json"))
        # Scorers of Inspect look for the answer at the end, behind this word.
        said = f"{answer.rationale}\n\nANSWER: {answer.text}" if answer.text else answer.rationale
        state.output = ModelOutput.from_content(model=str(state.model), content=said.strip())
        state.messages.append(ChatMessageAssistant(content=said.strip(), source="generate"))
        if answer.value and len(answer.value) == 1 and len(state.choices):
            for place in range(len(state.choices)):
                state.choices.mark_choice(place, place == ord(answer.value) - ord("A"))
        return state

    return cast("Solver", solve)


def _question(state: TaskState, answer_type: AnswerType | None) -> Question:
    """The question of a sample: that of our item, or one made of what another task has."""
    if "item" in state.metadata:
        return Item.model_validate(state.metadata["item"]).question
    choices = tuple(choice.value for choice in state.choices)
    if choices:
        return Question(text=state.input_text, choices=choices)
    return Question(text=state.input_text, answer_type=answer_type or "text")


class Evaluated:
    """The model that Inspect evaluates, as one of ours: Inspect limits it, tries again, and logs every call."""

    def __init__(self) -> None:
        self._model = get_model()
        self.name = f"inspect:{self._model.name}"
        self.profile = Profile(structure="prompted", features=frozenset(("seed", "stop")))

    async def complete(self, request: Request, on_text: Callable[[str], None] | None = None) -> Reply:
        """Answer one request; see `Model.complete`."""
        config = GenerateConfig(
            max_tokens=request.max_tokens,
            temperature=request.temperature,
            seed=request.seed,
            stop_seqs=list(request.stop) or None,
        )
        output = await self._model.generate([_for_inspect(one) for one in request.messages], config=config)
        if on_text:
            on_text(output.completion)
        spent = output.usage or ModelUsage()
        usage = Usage(calls=1, prompt_tokens=spent.input_tokens, completion_tokens=spent.output_tokens)
        is_cut = output.stop_reason in ("max_tokens", "model_length")
        return Reply(text=output.completion, usage=usage, finish_reason="length" if is_cut else "stop")


@modelapi(name="disputatio")
class Gateway(ModelAPI):
    """Any of our models, behind our gateway: retries, rate limits and usage are its own."""

    def __init__(
        self,
        model_name: str,
        base_url: str | None = None,
        api_key: str | None = None,
        config: GenerateConfig = GenerateConfig(),  # noqa: B008 - the signature that Inspect calls
        **model_args: Any,
    ) -> None:
        super().__init__(model_name, base_url, api_key, [], config)
        self._model = load_model(model_name)

    async def generate(
        self, input: list[ChatMessage], tools: list[ToolInfo], tool_choice: ToolChoice, config: GenerateConfig
    ) -> ModelOutput:
        """Answer one request of Inspect's."""
        model = self._model
        request = Request(
            messages=[_for_us(one) for one in input],
            max_tokens=config.max_tokens or model.profile.max_tokens,
            temperature=config.temperature,
            seed=config.seed,
            stop=tuple(config.stop_seqs or ()),
            tools=tuple(_tool(one) for one in tools),
            tool_choice=_choice(tool_choice),
        )
        reply = await call(model, request, ledger=Ledger(), spender=Spender("inspect", "inspect", 0, model.name))
        output = ModelOutput.from_content(model.name, reply.text, ENDS.get(reply.finish_reason, "stop"))
        output.choices[0].message.tool_calls = [_call(one) for one in reply.tool_calls] or None
        read, written = reply.usage.prompt_tokens, reply.usage.completion_tokens
        output.usage = ModelUsage(input_tokens=read, output_tokens=written, total_tokens=read + written)
        return output


@task
def items(name: str, data: str | None = None, limit: int | None = None, seed: int = 0) -> Task:
    """One of our tasks, or a task file of yours, with our scorers.

    Args:
        name: Of the task, or of its file.
        data: The folder of data sets; None is that of the environment.
        limit: Most items.
        seed: Of their sample.
    """
    ours = load(name, data=data, limit=limit, seed=seed)
    samples = [
        Sample(
            id=item.id,
            input=str(item.question),
            target=item.target if isinstance(item.target, str) else json.dumps(item.target),
            metadata={"item": item.model_dump(mode="json")},
        )
        for item in ours.items
    ]
    return Task(dataset=MemoryDataset(samples, name=ours.name), solver=reasoning("chain_of_thought"), scorer=scored())


@scorer(metrics=[accuracy(), stderr()])
def scored() -> Scorer:
    """Our scorer of each item; an answer that cannot be read is none, and never right."""

    async def look(state: TaskState, target: Target) -> Score:
        item = Item.model_validate(state.metadata["item"])
        answer = _answer(state, item.question)
        found = score(item, answer)
        value = NOANSWER if found.value is None else found.value
        # What could not be read is best seen as it was written.
        shown = answer.text or state.output.completion[-200:]
        return Score(value=value, answer=shown, explanation=found.reason)

    return look


def _answer(state: TaskState, question: Question) -> Answer:
    """What one of our strategies concluded, or what another solver wrote behind its last "ANSWER:"."""
    kept = state.store.get("disputatio")
    if kept:
        return Answer.model_validate(kept)
    said = state.output.completion
    text = said[said.upper().rfind("ANSWER:") + 7 :].strip() if "ANSWER:" in said.upper() else said.strip()
    return Answer(text=text, value=question.canonical(text))


def _for_inspect(message: Message) -> ChatMessage:
    kinds = {"system": ChatMessageSystem, "assistant": ChatMessageAssistant}
    return kinds.get(message["role"], ChatMessageUser)(content=message["content"])


def _for_us(message: ChatMessage) -> Message:
    if isinstance(message, ChatMessageTool):
        text = message.error.message if message.error else message.text
        return Message(role="tool", content=text, tool_call_id=message.tool_call_id or "")
    made = Message(role=message.role, content=message.text)
    if isinstance(message, ChatMessageAssistant) and message.tool_calls:
        made["tool_calls"] = [
            ToolCall(id=one.id, name=one.function, arguments=json.dumps(one.arguments)) for one in message.tool_calls
        ]
    return made


def _tool(tool: ToolInfo) -> ToolSpec:
    parameters = tool.parameters.model_dump(exclude_none=True)
    return ToolSpec(name=tool.name, description=tool.description, parameters=parameters)


def _choice(choice: ToolChoice) -> str:
    return str(choice.name) if isinstance(choice, ToolFunction) else {"any": "required"}.get(choice, str(choice))


def _call(made: ToolCall) -> InspectToolCall:
    try:
        arguments, error = json.loads(made.arguments or "{}"), None
    except ValueError as failure:
        arguments, error = {}, f"the arguments are no JSON: {failure}"
    return InspectToolCall(id=made.id, function=made.name, arguments=arguments, parse_error=error)
