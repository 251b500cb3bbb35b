"""What agents share: so far the memory of one run, its transcript, and the views that agents have of it."""

from disputatio.memory.transcript import View, by, everything, of_kind, render, without

__all__ = ["View", "by", "everything", "of_kind", "render", "without"]
