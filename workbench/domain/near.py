"""Names that somebody may have meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def near(name: str, known: Iterable[str], most: int = 2) -> list[str]:
    """The known names that are most like ``name``, best first. Case does not count, and of
    ``owner/model`` the second part alone is enough."""
    spelled: dict[str, str] = {}
    for each in known:
        spelled.setdefault(each.lower(), each)
        spelled.setdefault(each.rpartition("/")[2].lower(), each)
    found = difflib.get_close_matches(name.lower(), spelled, n=most)
    return list(dict.fromkeys(spelled[each] for each in found))
