"""Letters (.eml): who wrote to whom about what, the text, and the names of what is attached.

The plain text is taken where there is one, else the HTML. Attached letters are read too, a few
levels deep; other attachments are listed with type and size.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from email import policy
from email.errors import MessageError
from email.message import EmailMessage
from email.parser import BytesParser
from typing import Any, cast

from extractors.documents.leaves import Leaf, Limits, Writer, bad, one_line, too_much
from extractors.documents.web import html_text, write_html

HEADERS = ("From", "To", "Cc", "Date")
#: What the standard library raises over letters that are broken.
BROKEN = (MessageError, ValueError, LookupError, AttributeError, TypeError, AssertionError)
MOST_MIME_PARTS = 1000
#: The library takes memory by the square of a header's length; lists of receivers are shorter.
MOST_HEADER = 100_000
HEADER = re.compile(rb"[^\n]*(?:\n[ \t][^\n]*)*")
#: Letters as they are sent end their lines in CRLF, saved ones often in LF alone.
END_OF_HEADERS = re.compile(rb"\r?\n\r?\n")


def mail_leaves(data: bytes, limits: Limits) -> Iterator[Leaf]:
    """A leaf the letter, and one each letter in it. Raises Refused."""
    if data.count(b"\nContent-Type:") > MOST_MIME_PARTS:
        raise too_much(f"the letter has more than {MOST_MIME_PARTS:,} parts", "max_nesting")
    end = END_OF_HEADERS.search(data)
    headers = data[: end.start()] if end else data
    if any(len(head) > MOST_HEADER for head in HEADER.findall(headers)):
        raise bad(f"the letter has a header of more than {MOST_HEADER:,} bytes")
    try:
        letter = BytesParser(policy=policy.default).parsebytes(data)
        if any(len(value) > MOST_HEADER for part in letter.walk() for _, value in part.raw_items()):
            raise bad(f"the letter has a header of more than {MOST_HEADER:,} bytes")
        if not any(letter[name] for name in ("Subject", *HEADERS)):
            raise bad("the content is no letter: it has no subject, sender, receiver or date")
        yield from _letter(letter, limits, 1)
    except RecursionError:
        raise too_much("the letter is nested too deep", "max_nesting") from None
    except BROKEN as error:
        raise bad(f"the letter cannot be read: {type(error).__name__}: {error}") from error


def _letter(letter: EmailMessage, limits: Limits, depth: int) -> Iterator[Leaf]:
    if depth > limits.nesting:
        raise too_much(f"letters are attached more than {limits.nesting} deep", "max_nesting")
    limits.check_time()
    writer = Writer()
    writer.title(1, _header(letter, "Subject") or "(no subject)")
    lines = (f"{name}: {_header(letter, name)}" for name in HEADERS if letter[name])
    writer.paragraph("\n".join(lines))
    body = letter.get_body(("plain", "html"))
    if body is not None:
        _body(writer, cast("EmailMessage", body), limits)
    inner: list[EmailMessage] = []
    for attached in letter.iter_attachments():
        if attached.get_content_type() == "message/rfc822":
            inner.append(cast("EmailMessage", attached.get_content()))
        else:
            writer.paragraph(_attached(attached))
    leaf = writer.leaf()
    if leaf is not None:
        yield leaf
    for each in inner:
        yield from _letter(each, limits, depth + 1)


def _header(letter: EmailMessage, name: str) -> str:
    return one_line(str(letter.get(name, "")))


def _body(writer: Writer, body: EmailMessage, limits: Limits) -> None:
    if body.get_content_type() == "text/html":
        write_html(writer, html_text(_bytes(body)), limits)
    else:
        content: Any = body.get_content()
        for paragraph in str(content).replace("\r\n", "\n").split("\n\n"):
            writer.paragraph(paragraph)


def _bytes(part: Any) -> bytes:
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _attached(part: Any) -> str:
    name = one_line(part.get_filename() or "without a name")
    return f"Attached: {name} ({part.get_content_type()}, {len(_bytes(part)):,} bytes)"
