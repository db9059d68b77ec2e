"""Improve a knowledge base's pipeline by what its readers said: propose, test on other questions, apply or leave it."""

from .improvement import Improvement, improve

__all__ = ["Improvement", "improve"]
