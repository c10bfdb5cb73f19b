"""Validates source records and packs them for the stream workers."""
