"""What the names module says is what pathlib says."""

from __future__ import annotations

from pathlib import PurePosixPath

from hypothesis import example, given
from hypothesis import strategies as st

from workbench.domain.names import ending, stem

#: Names as listings give them: parts that are not empty and no dots alone, with slashes between.
PARTS = st.text(st.sampled_from("aB. é\n\\"), min_size=1, max_size=6).filter(
    lambda part: part not in (".", "..")
)
NAMES = st.lists(PARTS, min_size=1, max_size=3).map("/".join)


@given(NAMES)
@example("a/.hidden")
@example("a.b/c")
@example("a/trailing.")
@example("a/two.tar.gz")
@example("...")
def test_ending_and_stem_are_those_of_a_path(name: str) -> None:
    path = PurePosixPath(name)
    assert (stem(name), ending(name)) == (path.stem, path.suffix)
