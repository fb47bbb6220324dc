"""Whether users can work: a probe, and what is wrong where they cannot."""
