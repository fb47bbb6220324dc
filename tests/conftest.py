"""Settings of all tests. That this file is here lets every test import the helpers that stand beside it."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# Machines that run tests are slow and busy at times: how long one example takes says nothing.
settings.register_profile(
    "deployer", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow], max_examples=100
)
settings.load_profile("deployer")
