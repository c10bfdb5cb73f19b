"""Ids of persons in values: found, blotted out, and known by keyed hashes after an erasure."""
