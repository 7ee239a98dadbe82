"""Built-in extractors, one module each. They see ``workbench.extraction.contract`` only."""
