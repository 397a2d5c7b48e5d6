"""How much is tried in the suite; `python -m tests.fuzz` tries more."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

some = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
few = settings(some, max_examples=100)
NUMBERS = st.randoms(use_true_random=False)
