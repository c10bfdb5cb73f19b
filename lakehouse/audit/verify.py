"""Whether every chain is as it was written: `dp audit verify`.

Reads each file once, line by line, whatever their size. Heads are read before the files, so that a service
that goes on writing meanwhile is no fault.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct, field, structs

from contracts.settings import Settings
from lakehouse.audit import entry, files
from lakehouse.audit.heads import Head, chains_with_heads, read_head
from lakehouse.audit.line import Codes, codes, decoder, links
from lakehouse.audit.texts import texts_in
from lakehouse.audit.walk import CHANGED, INSERTED, Fault, Kind, Remains, Walk, numbers

ATTEMPTS = 3
"""A chain that somebody writes to meanwhile is looked at again before it is said to be at fault."""


class ChainReport(Struct, kw_only=True):
    """One chain, as far as it is right."""

    chain: str
    files: int = 0
    lines: int = 0
    first: int = 0
    """``seq`` of its first line: beyond 1 where the retention has removed what was before."""
    follows: str = ""
    """The file that came before its first."""
    seq: int = 0
    hash: str = ""
    """With ``seq``: of its last line. Kept elsewhere, a report proves later that nothing was rolled back."""
    beyond_head: int = 0
    """Lines at its end that nobody was told are kept: their process is writing, or was killed."""
    crashes: list[Remains] = field(default_factory=list)


class Report(Struct, kw_only=True):
    """What `dp audit verify` says."""

    right: bool
    chains: list[ChainReport]
    faults: list[Fault]
    """The first of each chain that has one, the oldest file first; and what is wrong with texts."""
    redacted: int = 0
    """Texts that were taken away, as an entry says."""

    @property
    def lines(self) -> int:
        return sum(chain.lines for chain in self.chains)


class _Seen(Struct, kw_only=True):
    """What is told in one chain of others, and what only all chains together can judge."""

    redacted: set[str] = field(default_factory=set)
    """Ids of texts that an entry says were taken away."""
    missing: dict[str, Fault] = field(default_factory=dict)
    """Id of a text that is not there any more → the fault that this is unless it was redacted."""
    changed: list[Fault] = field(default_factory=list)
    """Texts that are not those that were quoted."""
    retained: dict[str, int] = field(default_factory=dict)
    """Chain → the first ``seq`` that the retention has left."""
    heads: dict[str, int] = field(default_factory=dict)
    """Chain → how far another chain saw it come."""


def verify(settings: Settings, earlier: Report | None = None) -> Report:
    """Walks every chain. ``earlier``: a report that was kept elsewhere; what has been rolled back since then
    is found even where whoever did it has the platform's key."""
    by = codes(settings)
    for _ in range(ATTEMPTS):
        report, is_sure = _looked(settings, by, earlier)
        if is_sure:
            break
    return report


def _looked(settings: Settings, by: Codes, earlier: Report | None) -> tuple[Report, bool]:
    """One look at all chains. Not sure: a chain at fault by what others tell may have gone on meanwhile."""
    seen = _Seen()
    reports: list[ChainReport] = []
    faults: dict[str, Fault] = {}
    doubtful: list[Fault] = []
    known = {one.chain: one for one in earlier.chains} if earlier else {}
    for chain in sorted({*chains_with_heads(settings), *files.files_of(settings), *known}):
        report, fault, told = _verified(settings, chain, by, known.get(chain))
        reports.append(report)
        if fault is not None:
            faults[chain] = fault
        _add(seen, told)
    for report in reports:
        if report.chain not in faults:
            doubtful += filter(None, [_beginning(report, seen) or _end(report, seen)])
    doubtful += [fault for id, fault in seen.missing.items() if id not in seen.redacted]
    found = sorted([*faults.values(), *seen.changed, *doubtful], key=lambda fault: (fault.file, fault.line))
    whole = Report(
        right=not found,
        chains=[one for one in reports if one.files or one.seq],
        faults=found,
        redacted=len(seen.redacted & seen.missing.keys()),
    )
    return whole, not doubtful


def _verified(
    settings: Settings, chain: str, by: Codes, known: ChainReport | None
) -> tuple[ChainReport, Fault | None, _Seen]:
    for attempt in range(ATTEMPTS):
        head = read_head(settings, chain, by)
        found = _Chain(settings, chain, by, head, known)
        found.walk()
        if found.fault is None or attempt == ATTEMPTS - 1 or read_head(settings, chain, by) == head:
            break
    return found.report, found.fault, found.seen


class _Chain:
    """One look at one chain."""

    def __init__(
        self, settings: Settings, chain: str, by: Codes, head: Head | None, known: ChainReport | None
    ) -> None:
        self.report = ChainReport(chain=chain)
        self.fault: Fault | None = None
        self.seen = _Seen()
        self._settings = settings
        self._by = by
        self._head = head
        self._known = known
        self._days = files.days_of(settings, chain)
        self._walk = Walk(by, chain, None)

    def walk(self) -> None:
        walk, report = self._walk, self.report
        for day in self._days:
            report.files += 1
            if not self._follow(day):
                break
        report.lines, report.crashes = walk.lines, walk.crashes
        report.first, report.seq, report.hash = walk.begins, walk.seq, walk.hash
        if walk.fault is not None:
            self.fault = self._moved_or_removed(walk.fault)
        self.fault = self.fault or self._at_end()

    def _follow(self, day: str) -> bool:
        """One file; whether it is right."""
        walk, chain = self._walk, self.report.chain
        name = files.name_of(day, chain)
        walk.enter(name)
        texts = self._texts(day)
        known = self._known.seq if self._known else -1
        with open(files.lines_path(self._settings, day, chain), "rb") as file:
            for raw in file:
                line = walk.see(raw)
                if line is None:
                    if walk.fault is not None:
                        return False
                    continue
                if line.texts:
                    self._look_up(line.texts, texts)
                if line.action.startswith("audit."):
                    self._told(line.action)
                    if line.seq == walk.begins:
                        self.report.follows = walk.opened.get("follows", {}).get("file", "")
                if line.seq == known and self._known and walk.hash != self._known.hash:
                    self.fault = self._fault("rolled back", f"number {known} was another line once")
                    return False
        return True

    def _texts(self, day: str) -> dict[str, bool]:
        """Id → whether the text is still there, of the file beside a file of lines."""
        path = files.texts_path(self._settings, day, self.report.chain)
        found: dict[str, bool] = {}
        for number, _, text in texts_in(path):
            if text.is_right:
                found[text.id] = not text.redacted and found.get(text.id, True)
            else:
                found.setdefault(text.id, True)  # told once, here
                message = "this text is not the one that was quoted"
                place = f"{day}/{path.name}"
                self.seen.changed.append(Fault(file=place, line=number, kind="changed", message=message))
        return found

    def _look_up(self, ids: dict[str, str], texts: dict[str, bool]) -> None:
        for name, id in ids.items():
            if not texts.get(id) and id not in self.seen.missing:
                message = f"the text that this line has as its {name} is gone"
                self.seen.missing[id] = self._fault("removed", message)

    def _told(self, action: str) -> None:
        """What an entry about the log itself says of others."""
        seen = self.seen
        details = decoder.decode(self._walk.content).details
        match action:
            case entry.OPENED:
                _raise(seen.heads, details.get("heads", {}))
            case entry.RETAINED:
                _raise(seen.retained, details.get("chains", {}))
            case entry.REDACTED:
                seen.redacted.update(details.get("texts", ()))

    def _at_end(self) -> Fault | None:
        """What is wrong with how the chain ends."""
        walk, head = self._walk, self._head
        left = walk.remains
        if head is None and self._days:
            message = f"the chain {walk.chain} has no head: it is none of ours, or its head was removed"
            name = files.name_of(self._days[0], walk.chain)
            return Fault(file=name, line=1, kind="lost head", message=message)
        reached = max(head.seq if head else 0, self._known.seq if self._known else 0)
        if walk.seq < reached:
            if left is not None:
                return self._remains_fault(left, "truncated" if left.torn else "changed", CHANGED)
            return self._lacks(head.day if head and head.seq == reached else "", reached)
        if left is not None:
            if (head is not None and head.closed) or not left.torn:
                return self._remains_fault(left, "inserted", INSERTED)
            self.report.crashes.append(left)
        self.report.beyond_head = walk.seq - (head.seq if head else 0)
        return None

    def _remains_fault(self, left: Remains, kind: Kind, message: str) -> Fault:
        return Fault(file=left.file, line=left.line, kind=kind, message=message)

    def _lacks(self, day: str, seq: int) -> Fault:
        """The end of the chain is missing; ``day``: where its last line should be, if that is known."""
        missing = numbers(self._walk.seq + 1, seq)
        file, number = self._walk.place
        last = files.name_of(day, self._walk.chain) if day else file
        if last == file and file:
            message = f"the file ends without {missing}"
            return Fault(file=file, line=number + 1, kind="truncated", message=message)
        message = f"the file is gone, and {missing} with it"
        return Fault(file=last or self._walk.chain, line=1, kind="truncated", message=message)

    def _moved_or_removed(self, fault: Fault) -> Fault:
        """Looks further on for the line that should stand there."""
        if fault.kind != "removed":
            return fault
        wanted = self._walk.seq + 1
        for raw in self._rest(fault):
            if self._by.proven(raw) and links.decode(raw).seq == wanted:
                message = f"number {wanted} should stand here, and stands further on"
                return structs.replace(fault, kind="moved", message=message)
        return fault

    def _rest(self, fault: Fault) -> Iterator[bytes]:
        for day in self._days:
            if files.name_of(day, self.report.chain) >= fault.file:
                with open(files.lines_path(self._settings, day, self.report.chain), "rb") as file:
                    for raw in file:
                        yield raw.rstrip(b"\n")

    def _fault(self, kind: Kind, message: str) -> Fault:
        file, number = self._walk.place
        return Fault(file=file, line=number, kind=kind, message=message)


def _beginning(report: ChainReport, seen: _Seen) -> Fault | None:
    """Whether what is before the first line was removed by the retention."""
    if not report.files or report.first <= max(seen.retained.get(report.chain, 1), 1):
        return None
    message = f"the file is gone, {numbers(1, report.first - 1)} are missing, and no retention says so"
    return Fault(file=report.follows, line=1, kind="truncated", message=message)


def _end(report: ChainReport, seen: _Seen) -> Fault | None:
    """Whether the chain comes as far as another one saw it."""
    reached = seen.heads.get(report.chain, 0)
    if report.seq >= reached:
        return None
    return Fault(
        file=report.chain,
        line=report.seq + 1,
        kind="rolled back",
        message=f"another chain saw it at number {reached}; it ends at {report.seq}",
    )


def _add(seen: _Seen, told: _Seen) -> None:
    seen.redacted |= told.redacted
    seen.missing = told.missing | seen.missing
    seen.changed += told.changed
    _raise(seen.retained, told.retained)
    _raise(seen.heads, told.heads)


def _raise(known: dict[str, int], told: dict[str, int]) -> None:
    for chain, seq in told.items():
        known[chain] = max(seq, known.get(chain, 0))
