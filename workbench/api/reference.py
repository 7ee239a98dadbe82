"""The reference: the OpenAPI document, and a page that shows it to people.

The page is plain HTML made here from the document. It loads nothing and runs no script, so it works
without a network and cannot be made to send a key anywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.responses import HTMLResponse

Json = Mapping[str, Any]

_STYLE = """
body { font: 14px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h2 { margin-top: 2.5rem; border-bottom: 1px solid #8886 } h3 { margin: 1.5rem 0 .25rem }
code { font: 13px ui-monospace, monospace } p { margin: .25rem 0 }
table { border-collapse: collapse } td { padding: .1rem 1rem .1rem 0; vertical-align: top }
:root { color-scheme: light dark }
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
_INTRODUCTION = (
    "<p>Every request but <code>GET /v1/health</code> needs <code>Authorization: Bearer KEY</code>;"
    " the key is in the file <code>key</code> of the home. <code>X-Namespace</code> chooses the"
    " namespace. Errors are <code>ErrorEnvelope</code>. The same as data:"
    ' <a href="/openapi.json">/openapi.json</a>.</p>'
)


def install(app: FastAPI) -> None:
    """Serve ``/openapi.json`` with the key that every route needs, and ``/docs``."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = get_openapi(title=app.title, version=app.version, routes=app.routes)
            key = {"type": "http", "scheme": "bearer"}
            schema.setdefault("components", {})["securitySchemes"] = {"key": key}
            schema["security"] = [{"key": []}]
            app.openapi_schema = schema
        return app.openapi_schema

    async def page() -> HTMLResponse:
        return HTMLResponse(render(app.openapi()), headers={"Content-Security-Policy": _POLICY})

    app.openapi = document
    app.add_api_route("/docs", page, include_in_schema=False, response_class=HTMLResponse)


def render(document: Json) -> str:
    """The page of an OpenAPI document."""
    info = document["info"]
    title = escape(f"{info['title']} {info['version']}")
    parts = [
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>',
        f"<style>{_STYLE}</style><h1>{title}</h1>{_INTRODUCTION}",
        *_operations(document["paths"]),
        "<h2>Models</h2>",
        *_models(document.get("components", {}).get("schemas", {})),
        "</html>",
    ]
    return "\n".join(parts)


def _operations(paths: Json) -> Iterator[str]:
    tag = ""
    for path, methods in paths.items():
        for method, operation in methods.items():
            own = next(iter(operation.get("tags", ())), "")
            if own != tag:
                tag = own
                yield f"<h2>{escape(tag)}</h2>"
            yield f"<h3><code>{method.upper()} {escape(path)}</code></h3>"
            yield f"<p>{escape(operation.get('description', ''))}</p>"
            yield _table(
                (item["name"], _type(item["schema"]), item.get("description", ""))
                for item in operation.get("parameters", ())
            )
            body = _content(operation.get("requestBody", {}))
            answers = {
                code: _content(response)
                for code, response in operation["responses"].items()
                if code.startswith("2")
            }
            told = f"takes {body}; " if body else ""
            told += ", ".join(f"answers {code} {what}" for code, what in answers.items())
            yield f"<p>{told}</p>"


def _models(schemas: Json) -> Iterator[str]:
    for name, schema in sorted(schemas.items()):
        yield f'<h3 id="{escape(name)}"><code>{escape(name)}</code></h3>'
        yield f"<p>{escape(schema.get('description', ''))}</p>"
        if "enum" in schema:
            yield f"<p>{_type(schema)}</p>"
        yield _table(
            (field, _type(kind), kind.get("description", ""))
            for field, kind in schema.get("properties", {}).items()
        )


def _table(rows: Iterator[tuple[str, str, str]]) -> str:
    lines = [
        f"<tr><td><code>{escape(name)}</code><td>{kind}<td>{escape(told)}</tr>"
        for name, kind, told in rows
    ]
    return f"<table>{''.join(lines)}</table>" if lines else ""


def _content(part: Json) -> str:
    kinds: Json = part.get("content", {})
    names = [
        _type(kind["schema"]) if kind.get("schema") else escape(mime)
        for mime, kind in kinds.items()
    ]
    return " or ".join(names)


def _type(schema: Json) -> str:
    """A schema in a few words, models linked."""
    if "$ref" in schema:
        name = escape(str(schema["$ref"]).rpartition("/")[2])
        return f'<a href="#{name}">{name}</a>'
    for several in ("anyOf", "allOf", "oneOf"):
        if several in schema:
            return " or ".join(_type(part) for part in schema[several])
    if "enum" in schema:
        return ", ".join(escape(str(value)) for value in schema["enum"])
    kind = escape(str(schema.get("type", "anything")))
    return f"{kind} of {_type(schema['items'])}" if "items" in schema else kind
