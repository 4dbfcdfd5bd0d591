"""Hypothesis profiles: the same few thousand examples in every `make test`; in `make soak` many more, always new."""

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "dev", max_examples=300, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("nightly", max_examples=20_000, deadline=None, suppress_health_check=list(HealthCheck))
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))
