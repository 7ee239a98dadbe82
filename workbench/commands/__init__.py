"""The verbs, once, for shell and magics. They see the client only."""
