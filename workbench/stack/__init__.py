"""Settings; starting and watching the parts of the stack."""
