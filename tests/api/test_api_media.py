"""Films and recordings as the API shows and sends them."""

from __future__ import annotations

import io
import sys
from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
import pillow_heif
import pytest
from api_stand import BASE, Stand, error_of
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent.parent / "extractors"))
from extractor_files import encoded
from media_files import film, recording, tone

from workbench.api.app import create_app
from workbench.extraction.contract import Part
from workbench.extraction.preview import NoPreview, Wanted, make_preview
from workbench.extraction.registry import Candidate, Registry

pytestmark = pytest.mark.stores("sqlite")

BUILT_IN = ("audio:AudioExtractor", "video:VideoExtractor", "image:ImageExtractor")


@pytest.fixture
def media(stand: Stand) -> httpx.AsyncClient:
    """The API with the extractors of films and recordings."""
    names = [Candidate(n.partition(":")[0], f"extractors.{n}", "tests", True) for n in BUILT_IN]
    app = create_app(replace(stand.services, extractors=Registry(names)))
    client = httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url=BASE,
        headers={"Authorization": f"Bearer {stand.key}"},
    )
    stand.clients.append(client)
    return client


def red_film() -> bytes:
    red = np.zeros((90, 160, 3), np.uint8)
    red[:, :, 0] = 250
    return film([(red, 2.0)], tone(2), rate=10)


async def test_api_a_film_has_a_poster_and_is_sent_in_ranges(
    stand: Stand, media: httpx.AsyncClient
) -> None:
    data = red_film()
    object_id = stand.file(stand.bucket(), "b", "red.mp4", data, "video/mp4")
    poster = await media.get(f"/v1/objects/{object_id}/thumbnail", params={"size": 160})
    assert poster.headers["content-type"] == "image/webp"
    picture = Image.open(io.BytesIO(poster.content)).convert("RGB")
    assert picture.size == (160, 90)
    pixel = picture.getpixel((80, 45))
    assert isinstance(pixel, tuple)
    assert pixel[0] > 200
    assert pixel[1] < 60
    part = await media.get(f"/v1/objects/{object_id}/content", headers={"Range": "bytes=100-199"})
    assert part.status_code == 206
    assert part.content == data[100:200]
    assert part.headers["content-type"] == "video/mp4"
    assert part.headers["content-disposition"].startswith("inline")
    assert part.headers["x-content-type-options"] == "nosniff"


async def test_api_a_recording_has_a_waveform(stand: Stand, media: httpx.AsyncClient) -> None:
    data = recording(tone(2), "mp3")
    object_id = stand.file(stand.bucket(), "b", "a.mp3", data, "audio/mpeg")
    shown = await media.get(f"/v1/objects/{object_id}/thumbnail", params={"size": 160})
    assert Image.open(io.BytesIO(shown.content)).size == (160, 60)
    sent = await media.get(f"/v1/objects/{object_id}/content")
    assert sent.headers["content-type"] == "audio/mpeg"
    assert sent.headers["content-disposition"].startswith("inline")


@pytest.mark.parametrize(("kind", "mime"), [("HEIF", "image/heic"), ("AVIF", "image/avif")])
async def test_api_pictures_of_phones_have_thumbnails(
    stand: Stand, media: httpx.AsyncClient, kind: str, mime: str
) -> None:
    pillow_heif.register_heif_opener(thumbnails=False)
    data = encoded(Image.new("RGB", (400, 200), (10, 200, 30)), kind, quality=90)
    object_id = stand.file(stand.bucket(), "b", f"a.{kind}", data, mime)
    shown = await media.get(f"/v1/objects/{object_id}/thumbnail", params={"size": 160})
    assert (shown.status_code, shown.headers["content-type"]) == (200, "image/webp")
    picture = Image.open(io.BytesIO(shown.content)).convert("RGB")
    assert picture.size == (160, 80)
    assert picture.getpixel((80, 40)) == pytest.approx((10, 200, 30), abs=12)


async def test_api_a_broken_film_has_no_poster(stand: Stand, media: httpx.AsyncClient) -> None:
    object_id = stand.file(stand.bucket(), "b", "cut.mp4", red_film()[:200], "video/mp4")
    answer = await media.get(f"/v1/objects/{object_id}/thumbnail")
    assert (answer.status_code, error_of(answer)["code"]) == (404, "no_thumbnail")


def test_a_preview_that_takes_too_long_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent.parent))
    (tmp_path / "slow").write_text("sleep")
    wanted = Wanted("toys:Toy", "slow", "x/toy", Part(), 100)
    with (tmp_path / "slow").open("rb") as file, pytest.raises(NoPreview, match="seconds"):
        make_preview(wanted, file, seconds=3)
