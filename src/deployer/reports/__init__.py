"""Results in, text out: terminal, markdown, JSON."""
