"""Copies of tables with their logs and checksums, on another disk where there is one."""
