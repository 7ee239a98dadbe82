"""Runs the hostile corpus through the extraction pool, as a program that can be traced.

    python hostile_run.py FOLDER    (with tests and tests/extractors on PYTHONPATH)

Writes the files to FOLDER/objects and what they point at to FOLDER/elsewhere, opens the pool with
a slot for each extractor, has every extractor take a good file, and then gives each hostile file,
as a chunk of its own, to the extractors that an ingest would give it to. FOLDER/report.json says
how each ended. Two files are opened to mark the begin and the end in a trace.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
import threading
from collections.abc import Coroutine, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import document_files as documents
import media_files as media
import psutil
from extractor_files import encoded
from hostile_files import RED, Bait, Hostile, corpus

from workbench.blobs.folder import FolderBlobs
from workbench.extraction.careful import run_chunk
from workbench.extraction.chunks import ChunkItem, Manifest, read_outcome, write_manifest
from workbench.extraction.contract import ExtractorSpec
from workbench.extraction.jobs import Recipe
from workbench.extraction.pool import ActorPool
from workbench.extraction.ray_actors import RayOptions
from workbench.extraction.registry import Registry

NAMESPACE = "ns_hostile"
#: Seconds of work for an object, and bytes beside the models.
LIMIT, MEMORY = 10, 1024**3
#: Files in work at once.
TOGETHER = 2


def good_files() -> dict[str, tuple[bytes, str]]:
    """What each extractor certainly can read; another extractor takes the text."""
    lines = documents.written({"Ferry tickets": (100, 80)}, (600, 300))
    return {
        "image": (encoded(lines, "PNG"), "image/png"),
        "ocr": (encoded(lines, "PNG"), "image/png"),
        "document": (documents.pdf(1), documents.PDF),
        "audio": (media.recording(media.speech("beckett")), "audio/wav"),
        "video": (media.film([(RED, 1.0)], rate=10), "video/mp4"),
        "text": (b"A goat on the harbour wall.", "text/plain"),
    }


@dataclass
class Run:
    pool: ActorPool
    blobs: FolderBlobs
    registry: Registry
    folder: Path
    count: int = 0

    def recipe(self, spec: ExtractorSpec) -> Recipe:
        names = spec.parameters.model_fields
        limits = {"max_seconds": LIMIT, "max_memory": MEMORY}
        values: dict[str, Any] = {name: limits[name] for name in limits if name in names}
        found = self.registry.get(spec.key)
        parameters = self.registry.parameters(spec.key, values).model_dump(mode="json")
        target = f"{found.__module__}:{found.__qualname__}"
        return Recipe(self.registry.digest(spec.key, values), target, parameters, spec.resources)

    async def one(self, spec: ExtractorSpec, name: str, path: Path, mime: str) -> dict[str, Any]:
        self.count += 1
        chunk = f"chk_{self.count}"
        item = ChunkItem(f"obj_{self.count}", name, mime, str(path), size_of(path), "f", None)
        recipe = self.recipe(spec)
        manifest = Manifest(
            chunk, NAMESPACE, "tsk_1", "b", "col_1", "b.x", spec.key, recipe.parameters,
            recipe.digest, [item],
        )  # fmt: skip
        write_manifest(self.blobs, manifest)
        begun = asyncio.get_running_loop().time()
        await run_chunk(self.pool, self.blobs, recipe, NAMESPACE, chunk)
        seconds = asyncio.get_running_loop().time() - begun
        outcome = read_outcome(self.blobs, NAMESPACE, chunk)
        assert outcome is not None
        return {
            "name": name,
            "mime": mime,
            "extractor": spec.name,
            "seconds": round(seconds, 3),
            "documents": outcome.documents,
            "objects": len(outcome.objects),
            "failures": [
                {"category": f.category, "message": f.message, "hint": f.hint}
                for f in outcome.failures
            ],
            "worker": outcome.worker,
        }


async def main(folder: Path) -> None:
    objects, elsewhere = folder / "objects", folder / "elsewhere"
    objects.mkdir(parents=True)
    elsewhere.mkdir()
    film = elsewhere / "secret.mp4"
    film.write_bytes(media.film([(RED, 1.0)], rate=10))
    with listening() as (address, visits):
        bait = Bait(str(film), address)
        (objects / film.name).write_bytes(film.read_bytes())
        files = corpus(bait)
        registry = Registry.discover()
        specs = registry.specs()
        pool = ActorPool(RayOptions(None, len(specs), str(folder / "ray")), str(folder / "blobs"))
        run = Run(pool, FolderBlobs(folder / "blobs"), registry, folder)
        before = await all_good(run, specs)
        engines = parts()
        mark(folder, "begin")
        ends = await hostile(run, files, objects)
        mark(folder, "end")
        after = await all_good(run, specs)
        report = {
            "files": [each.name for each in files],
            "ends": ends,
            "before": before,
            "after": after,
            "engines": [engines, parts()],
            "bait": address,
            "visits": len(visits),
        }
        await pool.close()
    (folder / "report.json").write_text(json.dumps(report))


async def all_good(run: Run, specs: Sequence[ExtractorSpec]) -> list[dict[str, Any]]:
    return await by_turns(good(run, spec) for spec in specs)  # the time limit holds for them, too


async def good(run: Run, spec: ExtractorSpec) -> dict[str, Any]:
    data, mime = good_files()[spec.name]
    path = run.folder / f"good-{spec.name}-{run.count}"
    path.write_bytes(data + b"\n" * run.count if spec.name == "text" else data)
    return await run.one(spec, path.name, path, mime)


async def hostile(run: Run, files: list[Hostile], objects: Path) -> list[dict[str, Any]]:
    work: list[Coroutine[Any, Any, dict[str, Any]]] = []
    for number, each in enumerate(files):
        path = objects / f"{number:03}"
        path.write_bytes(each.data)
        specs = run.registry.defaults_for(each.mime)
        work += [run.one(spec, each.name, path, each.mime) for spec in specs]
    return await by_turns(work)


async def by_turns(work: Iterable[Coroutine[Any, Any, dict[str, Any]]]) -> list[dict[str, Any]]:
    """``TOGETHER`` at once; in their order."""
    room = asyncio.Semaphore(TOGETHER)

    async def one(each: Coroutine[Any, Any, dict[str, Any]]) -> dict[str, Any]:
        async with room:
            return await each

    return await asyncio.gather(*map(one, work))


def size_of(path: Path) -> int:
    return path.stat().st_size


def parts() -> dict[str, int]:
    """Ray's own processes and this one."""
    children = psutil.Process().children(recursive=True)
    own = [p for p in children if p.name() in ("raylet", "gcs_server")]
    return {p.name(): p.pid for p in own} | {"this": os.getpid()}


def mark(folder: Path, name: str) -> None:
    (folder / f"mark-{name}").write_text("")


@contextmanager
def listening() -> Iterator[tuple[str, list[str]]]:
    """An address, and who came there."""
    visits: list[str] = []
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(0.2)
    over = threading.Event()

    def serve() -> None:
        while not over.is_set():
            try:
                connection, _ = server.accept()
            except TimeoutError:
                continue
            visits.append("came")
            connection.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/secret.mp4", visits
    finally:
        over.set()
        thread.join()
        server.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
