# /// script
# dependencies = ["its_hub[lm]==1.2.0"]
# ///
"""its_hub: self-consistency, as its README shows it, with a projection that reads the line "Answer:"."""

from its_hub import OpenAICompatibleLanguageModel, SelfConsistency
from peer import KEY, MODEL, SYSTEM, URL, answer_in, serve


def projection(text: str) -> str:
    """What is voted on; its_hub counts every text, so those without an answer are kept apart from one another."""
    return answer_in(text) or text


def self_consistency(item: dict[str, str]) -> str:
    """Five samples, all at once; the text of the first among the most frequent."""
    model = OpenAICompatibleLanguageModel(endpoint=URL, api_key=KEY, model_name=MODEL, system_prompt=SYSTEM)
    chosen = SelfConsistency(consistency_space_projection_func=projection).infer(model, item["prompt"], budget=5)
    return chosen["content"] if isinstance(chosen, dict) else chosen


if __name__ == "__main__":
    serve({"self_consistency": self_consistency})
