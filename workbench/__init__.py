"""Mixpeek workbench: the product without Jupyter."""

__version__ = "0.1.0"
