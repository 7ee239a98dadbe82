"""Extraction: the extractor contract, the registry, the Ray pool and feature segments."""
