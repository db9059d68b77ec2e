"""Choosing an index: the fastest configuration that meets the constraints, confirmed on queries held out."""
