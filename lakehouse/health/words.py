"""Numbers of a report as people read them; a dash for what is not known."""

from __future__ import annotations

from collections.abc import Iterator

from lakehouse.health.report import Report


def count(number: float | None) -> str:
    return "–" if number is None else f"{number:,.0f}"


def size(number: float | None) -> str:
    if number is None:
        return "–"
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(number) < 1024:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1024
    return f"{number:.1f} TiB"


def age(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 172_800 else f"{seconds / 86_400:.0f} d"


def share_left(report: Report) -> Iterator[str]:
    """What is left of the disk, and how long it lasts."""
    disk, kept = report.disk, report.storage
    if disk is not None:
        yield f"Disk: {size(disk.free)} of {size(disk.total)} free ({disk.free / max(disk.total, 1):.0%})."
    if kept.growth_bytes_per_day is not None:
        lasts = f"; full in {kept.days_until_full:,.1f} days" if kept.days_until_full is not None else ""
        yield f"Growth: {size(kept.growth_bytes_per_day)} a day{lasts}."
    yield from kept.notes
