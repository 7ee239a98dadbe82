"""Chunks made by tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workbench.blobs.port import BlobStore
from workbench.extraction.chunks import ChunkItem, Manifest, write_manifest

NAMESPACE = "ns_test"


def make_chunk(
    blobs: BlobStore,
    folder: Path,
    files: Mapping[str, str],
    chunk_id: str = "chk_1",
    known: Mapping[str, str] | None = None,
    **changes: Any,
) -> Manifest:
    folder.mkdir(parents=True, exist_ok=True)
    items: list[ChunkItem] = []
    for name, text in files.items():
        path = folder / name
        path.write_text(text)
        items.append(
            ChunkItem(
                object_id=f"obj_{name}",
                name=name,
                mime="text/x-toy",
                location=str(path),
                size=len(text),
                fingerprint="f",
                modified_at=1_700_000_000_000,
                known_sha256=(known or {}).get(name),
            )
        )
    values: dict[str, Any] = {
        "chunk_id": chunk_id,
        "namespace_id": NAMESPACE,
        "task_id": "tsk_1",
        "bucket": "b",
        "collection_id": "col_1",
        "collection": "b.toy",
        "extractor": "toy@1",
        "parameters": {},
        "digest": "d1",
        "items": items,
    }
    manifest = Manifest(**(values | changes))
    write_manifest(blobs, manifest)
    return manifest
