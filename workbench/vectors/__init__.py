"""Vectors: the port, the owner of the embedded engine with its adapter, and the server adapter."""
