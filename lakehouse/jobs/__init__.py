"""The batch jobs: what they compute for a day from the stream's views, and the history of their runs."""

from __future__ import annotations
