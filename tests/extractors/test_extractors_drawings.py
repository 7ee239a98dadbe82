"""SVG: drawn as it looks, and nothing but the file itself is read for it."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from extractor_files import File, documents, encoded, failure
from PIL import Image

from extractors import drawings
from extractors.image import ImageExtractor
from extractors.refused import Refused
from workbench.domain.states import Category
from workbench.extraction.contract import Part, Query

RED, WHITE = (255, 0, 0), (255, 255, 255)


def svg(inside: str, more: str = 'viewBox="0 0 200 100"') -> bytes:
    space = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    return f"<svg {space} {more}>{inside}</svg>".encode()


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(drawings.draw(data).png)).convert("RGB"))


def test_shapes_are_drawn_where_they_are() -> None:
    seen = pixels(svg('<rect width="100" height="100" fill="red"/>'))
    assert seen.shape == (512, 1024, 3)
    assert tuple(seen[256, 200]) == RED
    assert tuple(seen[256, 800]) == WHITE


@pytest.mark.parametrize(
    "paint",
    [
        '<rect width="200" height="100" fill="url(#g)"/>',
        '<rect width="200" height="100" style="fill:url(#g)"/>',
        '<style>.a{fill:url("#g")}</style><rect class="a" width="200" height="100"/>',
        '<g id="s"><rect width="100" height="100" fill="red"/></g><use xlink:href="#s" x="100"/>',
    ],
)
def test_references_inside_the_drawing_hold(paint: str) -> None:
    defs = '<defs><linearGradient id="g"><stop stop-color="red"/></linearGradient></defs>'
    assert tuple(pixels(svg(defs + paint))[256, 900]) == RED


def test_a_picture_that_the_drawing_holds_is_shown() -> None:
    data = base64.b64encode(encoded(Image.new("RGB", (9, 9), RED), "PNG")).decode()
    held = f'<image xlink:href="data:image/png;base64,{data}" width="100" height="100"/>'
    assert tuple(pixels(svg(held))[256, 200]) == RED


@pytest.mark.parametrize(
    "inside",
    [
        '<image xlink:href="{target}" width="200" height="200"/>',
        '<image href="{target}" width="200" height="200"/>',
        '<image href="data:image/svg+xml;base64,{inner}" width="200" height="200"/>',
        '<rect width="200" height="100" fill="url({target})"/>',
        "<style>@import url({target});</style>",
        '<foreignObject width="9" height="9"><image href="{target}"/></foreignObject>',
        '<use href="{target}#a"/>',
    ],
)
@pytest.mark.parametrize("form", ["{path}", "file://{path}", "red.png"])
def test_files_beside_it_are_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inside: str, form: str
) -> None:
    path = tmp_path / "red.png"
    Image.new("RGB", (9, 9), RED).save(path)
    monkeypatch.chdir(tmp_path)
    target = form.format(path=path)
    inner = base64.b64encode(svg(f'<image href="{target}" width="9" height="9"/>')).decode()
    seen = pixels(svg(inside.format(target=target, inner=inner)))
    assert not (seen == RED).all(axis=2).any()


def test_what_the_renderer_gets_names_nothing_outside() -> None:
    copy = drawings._Copy()
    copy.read(
        svg(
            '<a xlink:href="http://x/"><rect onclick="a()" style="fill:u\\72l(http://x/)"/></a>'
            '<script>x</script><style>a{b:URL( http://x/ )}</style><rect fill="url(http://x/"/>'
            '<filter id="f"><feImage href="http://x/"/></filter><set href="http://x/"/>',
            'xml:base="http://x/"',
        )
    )
    assert "http://x/" not in copy.text()
    assert not any(word in copy.text().lower() for word in ("script", "onclick", "\\72", "feimage"))


@pytest.mark.parametrize(
    ("data", "category"),
    [
        (b'<!DOCTYPE s [<!ENTITY x "a">]>' + svg("<text>&x;</text>"), Category.LIMITS),
        (svg("<g>" * 200 + "</g>" * 200), Category.LIMITS),
        (svg("<b>" * 200 + "</b>" * 200), Category.LIMITS),
        (svg("<g/>" * 60_000), Category.LIMITS),
        (b"<svg" + b" " * (17 * 2**20) + b"/>", Category.LIMITS),
        (svg("<g>")[:-3], Category.FORMAT),
        (b"<html><svg/></html>", Category.FORMAT),
    ],
)
def test_what_is_no_good_drawing_is_a_failure(
    images: ImageExtractor, data: bytes, category: Category
) -> None:
    assert failure(images, File("a.svg", data, drawings.MIME)).category == category


def test_bombs_of_references_are_counted_before_they_go_off() -> None:
    uses = "".join(
        f'<g id="g{n}">{f"<use href={chr(34)}#g{n - 1}{chr(34)}/>" * 10}</g>' for n in range(1, 12)
    )
    with pytest.raises(Refused, match="more than 50,000"):
        drawings.draw(svg('<g id="g0"><rect width="1" height="1"/></g>' + uses))
    chain = "".join(f'<g id="c{n}"><use href="#c{n - 1}"/></g>' for n in range(1, 200))
    with pytest.raises(Refused, match="nested deeper"):
        drawings.draw(svg('<g id="c0"/>' + chain))
    loop = pixels(svg('<g id="a"><use href="#a"/><use href="#b"/></g><g id="b"/>'))
    assert loop.shape == (512, 1024, 3)


@pytest.mark.parametrize("size", ['width="9e8" height="9e8"', 'width="0" height="0"', ""])
def test_any_size_is_drawn_small(size: str) -> None:
    assert max(pixels(svg('<rect width="9" height="9"/>', size)).shape) == drawings.EDGE


def test_it_is_a_picture_among_others(images: ImageExtractor) -> None:
    data = svg(
        "<title>Harbour map</title><rect width='200' height='99' fill='red'/><text>Pier 3</text>",
        'width="40mm" height="20mm"',
    )
    (document,) = documents(images, File("old-plan.svg", data, drawings.MIME))
    assert document.text is not None
    assert document.text.startswith("old plan")
    assert document.text.endswith("\nHarbour map Pier 3")
    assert (document.payload["format"], document.payload["width"]) == ("SVG", 151)
    assert set(document.vectors) == {"visual", "semantic"}
    told = images.retitle(document.text, document.labels, "new-plan.svg")
    assert told == document.text.replace("old plan", "new plan")
    with pytest.raises(ValueError, match="save it as a PNG"):
        images.encode(Query("image", data=data), "visual")


def test_its_thumbnail_is_a_small_picture() -> None:
    data = svg('<rect width="200" height="100" fill="red"/><script>alert(1)</script>')
    made = ImageExtractor.preview(File("a.svg", data, drawings.MIME), Part(), 96)
    assert made is not None
    picture = Image.open(io.BytesIO(made))
    assert (picture.format, picture.size) == ("WEBP", (96, 48))
