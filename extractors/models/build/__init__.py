"""Making the packaged picture model from its sources; see ``__main__``."""
