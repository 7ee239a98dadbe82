"""A folder of every kind of media, made with known truth: one ingest, and each search leads to the
page, the second, the scene and the region where it is."""

from __future__ import annotations

import json
import sys
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from stack_journey import TESTS, Stack

sys.path.insert(0, str(TESTS / "extractors"))
import document_files
from extractor_files import encoded, photo
from media_files import film, recording, silence, speech

pytestmark = [pytest.mark.journey, pytest.mark.timeout(400)]

#: Milliseconds that a hit may be off, and where the truth is.
CLOSE = 500
CUT = 5000
#: The second reading begins after 1.2 seconds, as its loudness shows.
FILM_SPEAKS, READING_SPEAKS, AGAIN = 6100, 3100, 3000 + 9960 + 8000 + 1200
#: Left, top, right, bottom of the sign's second block, as shares of the picture.
SIGN = (700 / 1200, 600 / 800, 960 / 1200, 645 / 800)


@pytest.fixture(scope="module")
def searched(shared_stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """``find(query, *options)``: the hits in the bucket of the folder."""
    folder = tmp_path_factory.mktemp("everything") / "media"
    fill(folder)
    task = shared_stack.json("ingest", str(folder), "--bucket", "everything", status=1)
    progress = task["progress"]
    assert (progress["failed"], progress["total"]) == (1, progress["indexed"] + 1), task

    def find(*arguments: str) -> list[dict[str, Any]]:
        return shared_stack.json("search", *arguments, "--bucket", "everything")["hits"]

    return find


def fill(folder: Path) -> None:
    folder.mkdir()
    beckett = speech("beckett")
    cat, rocket = (
        np.asarray(photo(name).resize((320, 180))) for name in ("chelsea.png", "rocket.jpg")
    )
    sound = np.concatenate([silence(6), beckett])
    (folder / "trip.mp4").write_bytes(film([(cat, 5.0), (rocket, 11.0)], sound, rate=10))
    twice = np.concatenate([silence(3), beckett, silence(8), speech("two_cities")[: 16_000 * 12]])
    (folder / "reading.mp3").write_bytes(recording(twice, "mp3"))
    (folder / "broken.mp4").write_bytes(film([(cat, 1.0)], rate=10)[:300])
    (folder / "animals.pdf").write_bytes(document_files.pdf(4))
    (folder / "talk.pptx").write_bytes(document_files.slides())
    sign = {"Ferry tickets": (100, 80), "open from nine": (100, 130), "Mind the gap": (700, 600)}
    (folder / "sign.png").write_bytes(encoded(document_files.written(sign), "PNG"))
    (folder / "pet.jpg").write_bytes(encoded(photo("chelsea.png"), "JPEG"))
    (folder / "rocket.jpg").write_bytes(encoded(photo("rocket.jpg"), "JPEG"))
    (folder / "pump.svg").write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 200 100"><text y="50">Bilge pump'
        '</text><rect width="100" height="100" fill="red"/></svg>'
    )


def test_a_word_is_found_at_its_second(searched: Any) -> None:
    (first, *_) = searched("the age of wisdom", "--kind", "audio")
    assert first["object_name"] == "reading.mp3"
    assert abs(first["start_ms"] - AGAIN) <= CLOSE
    (first, *_) = searched("try again fail better", "--kind", "audio")
    assert abs(first["start_ms"] - READING_SPEAKS) <= CLOSE
    (first, *_) = searched("try again fail better", "--kind", "video")
    assert first["object_name"] == "trip.mp4"
    assert abs(first["start_ms"] - FILM_SPEAKS) <= CLOSE


def test_a_scene_is_found_at_the_frame_of_its_cut(searched: Any, tmp_path: Path) -> None:
    example = tmp_path / "example.jpg"
    example.write_bytes(encoded(photo("rocket.jpg").resize((400, 260)), "JPEG"))
    (first, *_) = searched("--like", str(example), "--kind", "video")
    assert first["object_name"] == "trip.mp4"
    assert abs(first["start_ms"] - CUT) <= CLOSE
    (first, *_) = searched("a cat", "--kind", "video")
    assert (first["start_ms"], abs(first["end_ms"] - CUT) <= CLOSE) == (0, True)


def test_a_page_is_found_with_its_number_and_region(searched: Any) -> None:
    (first, *_) = searched("marker-3 is placed here", "--kind", "document", "--mode", "text")
    assert (first["object_name"], first["page"]) == ("animals.pdf", 3)
    assert overlap(first["box"], (1 / 3, 2 / 3, 1 / 3 + 0.2, 2 / 3 + 6 / 297)) > 0
    (first, *_) = searched("what is told about volcanoes", "--filter", 'object_name = "talk.pptx"')
    assert first["page"] == 3


def test_words_in_a_picture_are_found_in_their_region(searched: Any) -> None:
    (first, *_) = searched("mind the gap", "--kind", "image")
    assert first["object_name"] == "sign.png"
    assert overlap(first["box"], SIGN) > 0.5


def test_a_drawing_is_found_by_its_words_and_shown_as_pixels(
    searched: Any, shared_stack: Stack
) -> None:
    (first, *_) = searched("bilge pump", "--kind", "image", "--mode", "text")
    assert (first["object_name"], first["mime"]) == ("pump.svg", "image/svg+xml")
    url = shared_stack.json("status", status=None)["url"]
    key = (shared_stack.home / "key").read_text().strip()
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}) as client:
        thumbnail = client.get(f"/v1/objects/{first['object_id']}/thumbnail", params={"size": 128})
        content = client.get(f"/v1/objects/{first['object_id']}/content")
    assert thumbnail.headers["content-type"] == "image/webp"
    assert content.headers["content-disposition"].startswith("attachment")


def overlap(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """The share of ``other`` that lies in ``one``."""
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    whole = (other[2] - other[0]) * (other[3] - other[1])
    return max(0.0, across) * max(0.0, down) / whole


def test_one_search_reaches_every_kind_and_folds_what_is_of_one_object(searched: Any) -> None:
    hits = searched("a cat", "--top", "20")
    assert {"pet.jpg", "trip.mp4"} <= {hit["object_name"] for hit in hits}
    narrow = searched("a cat", "--top", "20", "--kind", "image")
    assert {hit["object_name"] for hit in narrow} <= {
        *("pet.jpg", "rocket.jpg", "sign.png", "pump.svg")
    }
    grouped = searched("fail better", "--group", "--top", "20")
    names = [hit["object_name"] for hit in grouped]
    assert len(set(names)) == len(names)
    assert set(names[:2]) == {"reading.mp3", "trip.mp4"}


def test_hits_can_be_shown_and_played(searched: Any, shared_stack: Stack) -> None:
    shown = (
        searched("try again fail better", "--kind", "audio")[0],
        searched("a cat", "--kind", "video")[0],
        searched("marker-3 is placed here", "--kind", "document")[0],
    )
    for hit in shown:
        _, data = get(shared_stack, f"documents/{hit['document_id']}/preview?size=160")
        assert data[8:12] == b"WEBP"
    film_id = shown[1]["object_id"]
    _, poster = get(shared_stack, f"objects/{film_id}/thumbnail?size=128")
    assert poster[8:12] == b"WEBP"
    headers, part = get(shared_stack, f"objects/{film_id}/content", {"Range": "bytes=4-7"})
    assert (part, headers["Content-Type"]) == (b"ftyp", "video/mp4")
    assert headers["X-Content-Type-Options"] == "nosniff"


def get(
    stack: Stack, path: str, more: Mapping[str, str] | None = None
) -> tuple[Mapping[str, str], bytes]:
    place = json.loads((stack.home / "run" / "service.json").read_text())
    key = (stack.home / "key").read_text().strip()
    request = urllib.request.Request(
        f"{place['url']}/v1/{path}", headers={"Authorization": f"Bearer {key}", **(more or {})}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.headers, answer.read()
