"""The workbench in a notebook: ``%load_ext jupyter_ext``."""
