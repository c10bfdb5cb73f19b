"""Events of erased persons that were on their way when they were erased: bronze does not take them."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from contracts.settings import Settings
from lakehouse.datasets.personal import PERSONAL
from lakehouse.persons.person import Pseudonyms
from lakehouse.persons.receipt import epoch, receipts

SENT = "source_timestamp"

log = logging.getLogger(__name__)


class Tombstones:
    """The erased, known by their keyed hashes alone. Looks for new ones whenever it is asked."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._epoch = 0
        self._erased: dict[str, datetime] = {}
        self._pseudonyms: Pseudonyms | None = None

    def without_erased(self, rows: pa.Table) -> pa.Table:
        """The rows but those of an erased person that were sent before the erasure, by Kafka's own time."""
        self._look()
        if not self._erased or SENT not in rows.column_names or not rows.num_rows:
            return rows
        newest = max(self._erased.values())
        sent = rows[SENT]
        old = pc.indices_nonzero(pc.less_equal(sent, pa.scalar(newest, sent.type))).to_pylist()
        if not old:
            return rows
        going = [index for index in old if self._is_erased(rows, index, sent[index].as_py())]
        if not going:
            return rows
        log.warning("left out rows of erased persons", extra={"rows": len(going)})
        stay = sorted(set(range(rows.num_rows)) - set(going))
        return rows.take(pa.array(stay, pa.int64()))

    def _is_erased(self, rows: pa.Table, index: int, sent: datetime) -> bool:
        assert self._pseudonyms is not None
        for name in rows.column_names:
            kind = PERSONAL.get(name, "")
            if kind not in ("id", "record"):
                continue
            value = rows[name][index].as_py()
            if value is None:
                continue
            for text in [value] if kind == "id" else _texts_in(value):
                erased = self._erased.get(self._pseudonyms.of(text))
                if erased is not None and sent <= erased:
                    return True
        return False

    def _look(self) -> None:
        now = epoch(self._settings)
        if now == self._epoch:
            return
        self._epoch = now
        done = [receipt for receipt in receipts(self._settings) if not receipt.dry_run]
        self._erased = {receipt.person: receipt.erased_at for receipt in done}
        self._pseudonyms = Pseudonyms(self._settings)


def _texts_in(text: str) -> Iterator[str]:
    """Texts of a JSON record, and numbers beneath a name with `user` in it."""
    try:
        found: list[tuple[str, Any]] = [("", json.loads(text))]
    except ValueError:
        return
    while found:
        name, value = found.pop()
        match value:
            case dict():
                found += value.items()
            case list():
                found += [(name, one) for one in value]
            case str():
                yield value
            case int() if "user" in name.lower():
                yield str(value)
