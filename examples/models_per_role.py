"""Models per role: one model for the debaters, another for the judge, a third for one debater by name."""

from collections.abc import Mapping

import disputatio as dp
from disputatio.agents import Debater
from disputatio.graphs import debate
from disputatio.models import Model


def main(model: Model | str = "local", others: Mapping[str, Model | str] | None = None) -> dp.Result:
    """Debate with a model for each role.

    Args:
        model: The model of all that are not named in `others`.
        others: Models by role or by agent's name, for example
            {"judge": "openai:gpt-5-mini", "sceptic": "vllm:http://127.0.0.1:8000/v1"}.
    """
    panel = debate([Debater("optimist"), Debater("sceptic")], rounds=1, decision="judge")
    chosen = others or {"judge": model, "sceptic": model}
    result = dp.solve("Is working from home good for young people?", strategy=panel, model=model, models=chosen, seed=1)
    for line in result.spent:
        print(f"{line.author:10} {line.role:8} {line.model:8} {line.usage.calls} calls {line.usage.tokens:6} tokens")
    print(f"Answer: {result.answer.text}")
    return result


if __name__ == "__main__":
    main()
