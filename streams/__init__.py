"""Ingestion, the Faust app and its agents, and the writers of chains and views."""
