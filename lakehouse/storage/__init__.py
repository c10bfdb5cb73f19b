"""Delta tables on disk: logs, commits, versions, and columns that come later."""
