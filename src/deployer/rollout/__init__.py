"""Carrying out a plan: when each act happens, what was journalled of it, how it ended."""
