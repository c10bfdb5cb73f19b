"""The audit log: who did what, when, to which table, in chains of lines that cannot be changed unseen.

`entry` (what is said) → `line` (its form and its code) → `writing` (a chain's file, after `heads` and `walk`
have found where it ends) → `log` (what a process uses). `verify` walks all chains; `reading` finds entries;
`texts` holds what they quote apart, so that `redaction` can take it away; `retention` removes old days.
"""

from lakehouse.audit.entry import Entry
from lakehouse.audit.log import UNRECORDED, AuditLog, Recorder

__all__ = ["UNRECORDED", "AuditLog", "Entry", "Recorder"]
