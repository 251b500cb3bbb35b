"""A first debate: three debaters, two rounds, one answer, and a page to look at."""

import disputatio as dp
from disputatio.models import Model

MOTION = "Should cities ban private cars from their centres?"


def main(model: Model | str = "local", page: str = "debate.html", **settings: object) -> dp.Result:
    """Debate the motion, print the outcome and write it to a page."""
    question = dp.Question(text=MOTION, answer_type="boolean")
    result = dp.solve(question, strategy="debate", model=model, seed=1, **settings)
    result.show()
    result.to_html(page)
    print(f"The whole debate as a page: {page}")
    return result


if __name__ == "__main__":
    main()
