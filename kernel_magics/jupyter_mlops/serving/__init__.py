"""Answers predictions, remembers them, knows when to doubt."""
