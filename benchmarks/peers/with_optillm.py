# /// script
# dependencies = ["torch==2.13.0", "optillm==0.4.0"]
# ///
"""optillm: the functions behind the approaches `self_consistency`, `bon` and `moa` of its proxy, with its defaults.

Torch is pinned to keep a newer build with its CUDA packages from being fetched; nothing here uses it.
"""

from openai import OpenAI
from optillm.bon import best_of_n_sampling
from optillm.moa import mixture_of_agents
from optillm.self_consistency import advanced_self_consistency_approach
from peer import KEY, MODEL, SYSTEM, URL, Method, serve


def approach(function: object) -> Method:
    """A method from one of optillm's functions; it gives the text and its own count of tokens, which is not used."""
    client = OpenAI(base_url=URL, api_key=KEY, timeout=None)
    return lambda item: function(SYSTEM, item["prompt"], client, MODEL)[0]


if __name__ == "__main__":
    serve(
        {
            "self_consistency": approach(advanced_self_consistency_approach),  # 5 samples
            "best_of_n": approach(best_of_n_sampling),  # 3 replies by one call, 3 ratings
            "mixture": approach(mixture_of_agents),  # 3 replies by one call, a critique, the answer
        }
    )
