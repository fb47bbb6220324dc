"""Helm, as rendering and deploying share it: the command, charts with their dependencies, and values in layers."""
