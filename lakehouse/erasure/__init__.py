"""Removes one person from everything that the platform keeps."""
