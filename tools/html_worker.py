"""HTML on standard input to text on standard output: a program of its own, run by `disputatio.tools.web`.

Every parser of HTML has pages on which it takes hours or all memory there is. So it runs in a process that can be
ended, with limits, and imports nothing but the parser.
"""

import sys

NO_TEXT = ["script", "style", "noscript", "template", "svg", "nav", "header", "footer", "aside", "form", "iframe"]
"""What is no part of what a page says."""
MEMORY = 2**30
"""Bytes."""
SECONDS = 5
"""Of processor time."""
LONGEST = 2_000_000
"""Characters."""


def main() -> None:
    """Read, and write the title and the text of the main part, if the page names one."""
    try:
        import resource  # noqa: PLC0415 - not on Windows, where the time limit of the caller must do

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    except (ImportError, OSError, ValueError):
        pass
    from selectolax.lexbor import LexborHTMLParser  # noqa: PLC0415 - under the limits

    tree = LexborHTMLParser(sys.stdin.buffer.read().decode("utf-8", "replace"))
    title = tree.css_first("title")
    heading = " ".join(title.text().split()) if title else ""
    tree.strip_tags(NO_TEXT)
    main = tree.css_first("main") or tree.css_first("article") or tree.body
    lines = (" ".join(line.split()) for line in main.text(separator="\n").splitlines()) if main else ()
    text = "\n".join([*([heading] if heading else []), *(line for line in lines if line)])
    sys.stdout.buffer.write(text[:LONGEST].encode("utf-8", "replace"))


if __name__ == "__main__":
    main()
