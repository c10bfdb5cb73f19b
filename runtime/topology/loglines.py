"""Whatever a service prints becomes lines of the declared form (``contracts.logs``)."""

from __future__ import annotations

import re

import msgspec

from contracts import logs

MAX_LINE_BYTES = 1024**2
MAX_JOINED_LINES = 300

_LEVELS = {
    "TRACE": "debug",
    "DEBUG": "debug",
    "INFO": "info",
    "WARN": "warning",
    "WARNING": "warning",
    "ERROR": "error",
    "SEVERE": "error",
    "CRITICAL": "critical",
    "FATAL": "critical",
}
_LEVEL = "|".join(_LEVELS)
_FORMS = tuple(
    re.compile(form, re.DOTALL)
    for form in (
        # what we make slf4j-simple, log4j and Quarkus write
        rf"\[(?P<level>{_LEVEL})\] (?P<logger>\S+) - (?P<message>.*)",
        # Spark's own: 24/11/25 01:12:47 WARN Master: …
        rf"\d\d/\d\d/\d\d \d\d:\d\d:\d\d (?P<level>{_LEVEL}) (?P<logger>[^\s:]+): (?P<message>.*)",
        # 2026-11-25 01:12:47,123 INFO [logger] (thread) message
        rf"\[?\d{{4}}-\d\d-\d\d[ T][\d:.,Z]+\]? *\[?(?P<level>{_LEVEL})\]?:? +(?P<message>.*)",
    )
)
_SOMEWHERE = re.compile(rf"\b({_LEVEL})\b")
_FAULT = re.compile(
    r"Traceback \(most|Exception in thread|Error[: ]|error: |dp: |Fatal |[\w.$]*(Exception|Error)\b"
)
_CONTINUES = re.compile(r"\s|Caused by: |\.\.\. \d+ more|Suppressed: ")
_EXCEPTION = re.compile(r"[A-Za-z_][\w.$]*(Error|Exception|Interrupt|Exit|Warning)\b|[\w.]+\.[\w.]+: ")
_CHAINED = ("During handling of the above", "The above exception was", "Traceback (most recent")


class Head(msgspec.Struct):
    """What every line of the declared form has."""

    ts: str
    level: str
    service: str
    message: str


_head = msgspec.json.Decoder(Head)


class LineForm:
    """Turns one service's output, line by line, into the declared form; stack traces stay in one piece.

    Lines that belong together can only be seen by what follows, so the last one is held back until ``flush``
    or the next line.
    """

    def __init__(self, service: str) -> None:
        self.service = service
        self.last_error = ""
        """The first line of the newest error."""
        self.last_line = ""
        self._held: list[str] = []

    def feed(self, text: str) -> list[str]:
        """Finished lines, without their newlines; empty while one is held back."""
        text = text.rstrip()
        if text.startswith("{") and (head := _declared(text)) is not None:
            finished = self.flush()
            self._remember(head.level, head.message)
            return [*finished, text]
        if self._held and len(self._held) < MAX_JOINED_LINES and self._continues(text):
            self._held.append(text)
            return []
        finished = self.flush()
        if text:
            self._held = [text]
        return finished

    def flush(self) -> list[str]:
        """What was held back."""
        if not self._held:
            return []
        lines, self._held = self._held, []
        while lines and not lines[-1]:
            lines.pop()
        level, logger, message = _parsed(lines[0])
        extras = {"logger": logger} if logger else {}
        if len(lines) > 1:
            if lines[0].startswith("Traceback"):
                # Python says what happened at the end.
                message = lines[-1].strip()
            extras["exception"] = "\n".join(lines)
        self._remember(level, message)
        return [logs.line(self.service, level, message, **extras)]

    @property
    def holds(self) -> bool:
        return bool(self._held)

    def _continues(self, text: str) -> bool:
        if not text or _CONTINUES.match(text) or text.startswith(_CHAINED[:2]):
            return self._held[-1] != "" or bool(text)
        python = self._held[0].startswith("Traceback")
        if python and text.startswith(_CHAINED[2]):
            return True
        if python:
            # The exception itself, once: indented lines stand before it.
            return self._held[-1].startswith((" ", "\t")) and bool(_EXCEPTION.match(text))
        return len(self._held) == 1 and bool(re.match(r"(?:[a-z_]\w*\.)+[A-Z][\w$]*(?::|$)", text))

    def _remember(self, level: str, message: str) -> None:
        first = message.strip().splitlines()[0] if message.strip() else ""
        self.last_line = first or self.last_line
        if level in ("error", "critical") and first:
            self.last_error = first


def _declared(text: str) -> Head | None:
    try:
        return _head.decode(text)
    except msgspec.DecodeError:
        return None


def _parsed(text: str) -> tuple[str, str, str]:
    """Level, logger (may be empty) and message of a line in a foreign form."""
    for form in _FORMS:
        if match := form.match(text):
            groups = match.groupdict()
            return _LEVELS[groups["level"]], groups.get("logger") or "", groups["message"]
    if match := _SOMEWHERE.search(text, 0, 60):
        return _LEVELS[match[1]], "", text
    return ("error" if _FAULT.match(text) else "info"), "", text
