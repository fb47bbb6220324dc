"""Pipelines: what their jobs hand on to each other, and the workflow files of GitHub Actions."""
