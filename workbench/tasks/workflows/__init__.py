"""Workflows. Files here import the standard library, temporalio and ``tasks.messages`` only."""
