"""Readers of documents, one module a family of formats: each turns bytes into ``Leaf``s. They are
imported when the first document of their family comes, since their libraries are slow to import."""
