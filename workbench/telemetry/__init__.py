"""Telemetry: events of every stage and search, kept in DuckDB, read as Arrow."""
