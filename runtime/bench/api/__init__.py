"""`dp bench api`: the API beside ROAPI and a plain DuckDB over HTTP, on the same tables."""
