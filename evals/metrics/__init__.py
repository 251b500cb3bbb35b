"""Metrics: what many scores say, as pure functions of numbers."""
