"""Stands before the package of this name in the processes of a worker and its Ray.

Ray imports jsonschema, and that imports the package if it can, to check texts of the format
``iri``, which none of Ray's schemas has. The import makes a parser of a grammar: more than half of
the time that each of Ray's processes, eight at a start with two actors, needs to import Ray.
"""

raise ImportError("it is kept out of Ray's processes: its import would slow down each of them")
