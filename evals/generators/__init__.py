"""Generators: items whose keys are known by construction, made from a seed."""
