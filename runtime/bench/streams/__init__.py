"""Benchmarks of the streaming half on a broker, ingestion and workers of their own, and of its peers."""
