"""The HTTP API: one module per noun; each parses, calls and answers."""
