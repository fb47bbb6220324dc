"""Replicate: a hub taken out of the fleet as plain files that anyone can deploy, and the proof that it is the same."""
