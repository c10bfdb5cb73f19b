"""Benchmarks of a running platform; each prints a table and writes JSON."""
