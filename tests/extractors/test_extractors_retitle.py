"""A picture's documents may be taken over from an equal file with another name."""

from __future__ import annotations

from extractors.image import ImageExtractor


def test_the_text_of_a_copied_picture_has_its_own_name():
    tags = ("goat", "harbour")
    text = ImageExtractor().retitle("old name · goat, harbour", tags, "holiday/white-wall.jpg")
    assert text == "white wall · goat, harbour"
