"""The command: one verb a file; the only place that wires the rooms together."""
