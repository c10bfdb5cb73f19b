"""How many examples a property is tried with: few in `dp test --fast`, many in `dp test --long`."""

from __future__ import annotations

import os

from hypothesis import settings

PROFILE = "HYPOTHESIS_PROFILE"
"""The variable in which `dp test` names its scope. Without it: as in `dp test`."""
USUAL = 100
"""hypothesis' own number."""
SHARE = {"fast": 0.2, "default": 1.0, "long": 10.0}
_share = SHARE[os.environ.get(PROFILE, "default")]


def examples(usual: int) -> int:
    """For ``max_examples`` of a property with a number of its own: ``usual`` is that of `dp test`."""
    return max(round(usual * _share), 1)


def load_profile() -> None:
    """A busy machine makes no test fail: there is no deadline for an example."""
    settings.register_profile("dp", deadline=None, max_examples=examples(USUAL))
    settings.load_profile("dp")
