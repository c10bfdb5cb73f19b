"""What a view's rows depend on besides landing: the code's version and the settings, as a short text.

State that was made by other logic is of no use to a worker, and a rebuilt view must not meet a worker that
still has the old one.
"""

from __future__ import annotations

from contracts.settings import Settings
from contracts.sources import CLICKSTREAM, Source

VERSION = 1
"""To be raised with every change of code after which the same landing rows give other rows of a view."""


def logic_of(source: Source, settings: Settings) -> str:
    """The logic by which a source's view is made; equal texts give equal rows."""
    streams = settings.streams
    text = f"v{VERSION} window={streams.window_seconds} grace={streams.grace_seconds}"
    return f"{text} gap={streams.session_gap_seconds}" if source is CLICKSTREAM else text
