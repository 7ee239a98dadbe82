"""The pool on a real Ray: actors, sharing, death, stopping."""

from __future__ import annotations

import asyncio
import os
import secrets
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from chunk_help import NAMESPACE, make_chunk
from hypothesis import given
from hypothesis import strategies as st
from toys import DiesLoading, NeedsGpu, Toy, Unloadable

from workbench.blobs.folder import FolderBlobs
from workbench.domain.states import Category
from workbench.extraction import pool as pool_module
from workbench.extraction.careful import run_chunk
from workbench.extraction.chunks import read_outcome, segment_key
from workbench.extraction.contract import Resources
from workbench.extraction.jobs import (
    Job,
    LoadFailed,
    NoSuchResource,
    Recipe,
    StoppedBeforeResult,
    WorkerDied,
)
from workbench.extraction.pool import ActorPool
from workbench.extraction.ray_actors import RayOptions
from workbench.extraction.resources import Cluster, Room, missing
from workbench.extraction.segments import decode_segment
from workbench.extraction.sharing import Demand, targets
from workbench.stack.parts import KEPT_OUT

in_module = pytest.mark.asyncio(loop_scope="module")


def recipe(kind: type[Toy] = Toy, digest: str = "d1", **parameters: object) -> Recipe:
    return Recipe(digest, f"{kind.__module__}:{kind.__name__}", parameters, kind.spec.resources)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Short, since Ray's sockets lie below it."""
    with tempfile.TemporaryDirectory(prefix="mxp", ignore_cleanup_errors=True) as made:
        yield Path(made)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pool(folder: Path) -> AsyncIterator[ActorPool]:
    token = folder / "token"
    token.write_text(secrets.token_hex(32))
    token.chmod(0o600)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", f"{KEPT_OUT}{os.pathsep}{Path(__file__).parents[1]}")
        patch.setenv("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
        patch.setenv("RAY_AUTH_MODE", os.environ.get("RAY_AUTH_MODE", "token"))
        patch.setenv("RAY_AUTH_TOKEN_PATH", str(token))
        pool = ActorPool(RayOptions(None, 2, str(folder / "ray")), str(folder / "blobs"))
        yield pool
        await pool.close()


@pytest.fixture(scope="module")
def blobs(folder: Path) -> FolderBlobs:
    return FolderBlobs(folder / "blobs")


@in_module
async def test_chunks_run_side_by_side_in_processes_that_stay(pool, blobs, folder):
    for i in range(4):
        make_chunk(blobs, folder / f"p{i}", {"a": "sleep 1"}, f"chk_p{i}")
    jobs = [Job(recipe(), NAMESPACE, f"chk_p{i}") for i in range(4)]
    first = await asyncio.gather(*(pool.run(job) for job in jobs))
    assert all(summary.documents == 1 for summary in first)
    workers = {summary.worker for summary in first}
    assert len(workers) == 2
    begun = time.monotonic()
    again = await asyncio.gather(*(pool.run(job) for job in jobs))
    assert time.monotonic() - begun < 3.5, "two at a time, models loaded before"
    assert {summary.worker for summary in again} == workers


@in_module
async def test_two_recipes_share_the_slots(pool, blobs, folder):
    for i in range(6):
        make_chunk(blobs, folder / f"s{i}", {"a": "sleep 0.2"}, f"chk_s{i}")
    one, two = recipe(digest="d1"), recipe(digest="d2", prefix="x")
    ended: list[str] = []

    async def run(made: Recipe, i: int) -> None:
        await pool.run(Job(made, NAMESPACE, f"chk_s{i}"))
        ended.append(made.digest)

    await asyncio.gather(*(run(one, i) for i in range(3)), *(run(two, i) for i in range(3, 6)))
    assert "d2" in ended[:4], "the second recipe did not wait for all of the first"


@in_module
async def test_a_killed_worker_is_told_and_replaced(pool, blobs, folder):
    make_chunk(blobs, folder / "k", {"a": "die"}, "chk_k")
    with pytest.raises(WorkerDied):
        await pool.run(Job(recipe(), NAMESPACE, "chk_k"))
    make_chunk(blobs, folder / "k2", {"a": "alive"}, "chk_k2")
    assert (await pool.run(Job(recipe(), NAMESPACE, "chk_k2"))).documents == 1


@in_module
async def test_the_object_that_kills_its_worker_fails_alone(pool, blobs, folder):
    files = {"a": "alpha", "b": "die", "c": "gamma", "d": "fail format cut"}
    make_chunk(blobs, folder / "c", files, "chk_c")
    summary = await run_chunk(pool, blobs, recipe(), NAMESPACE, "chk_c")
    assert (summary.documents, summary.failed, summary.left) == (2, 2, 0)
    outcome = read_outcome(blobs, NAMESPACE, "chk_c")
    assert outcome is not None
    reasons = {f.object_id: f for f in outcome.failures}
    assert "died on this object" in reasons["obj_b"].message
    assert reasons["obj_d"].category is Category.FORMAT
    segment = decode_segment(blobs.get(segment_key(NAMESPACE, "chk_c")))
    assert list(segment.rows["text"]) == ["alpha", "gamma"]
    assert sorted(blobs.keys(f"{NAMESPACE}/chunks/chk_c")) == [
        f"{NAMESPACE}/chunks/chk_c/manifest.json",
        f"{NAMESPACE}/chunks/chk_c/outcome.json",
    ]
    assert await run_chunk(pool, blobs, recipe(), NAMESPACE, "chk_c") == summary


@in_module
async def test_stop_is_heard_between_objects(pool, blobs, folder):
    make_chunk(blobs, folder / "t", {f"{i:03}": "sleep 0.05" for i in range(200)}, "chk_t")
    work = asyncio.create_task(pool.run(Job(recipe(), NAMESPACE, "chk_t")))
    await asyncio.sleep(1.0)
    begun = time.monotonic()
    await pool.stop("chk_t")
    summary = await work
    assert time.monotonic() - begun < 5, "it would have taken ten"
    assert summary.documents + summary.left == 200
    assert summary.documents > 0


@in_module
async def test_what_ignores_stop_is_killed(pool, blobs, folder):
    make_chunk(blobs, folder / "i", {"a": "sleep 60"}, "chk_i")
    work = asyncio.create_task(pool.run(Job(recipe(), NAMESPACE, "chk_i")))
    await asyncio.sleep(1.0)
    begun = time.monotonic()
    await pool.stop("chk_i", grace=0.5)
    with pytest.raises(StoppedBeforeResult):
        await work
    assert time.monotonic() - begun < 10


@in_module
async def test_an_extractor_that_cannot_load_says_so(pool, blobs, folder):
    make_chunk(blobs, folder / "u", {"a": "x"}, "chk_u")
    with pytest.raises(LoadFailed, match=r"model\.onnx is not there"):
        await pool.run(Job(recipe(Unloadable, "du"), NAMESPACE, "chk_u"))


@in_module
async def test_a_gpu_that_is_not_there_is_named(pool, blobs, folder):
    import ray

    if ray.cluster_resources().get("GPU"):
        pytest.skip("this machine has a GPU")
    with pytest.raises(NoSuchResource, match="GPU"):
        await pool.run(Job(recipe(NeedsGpu, "dg"), NAMESPACE, "chk_u"))


@in_module
async def test_an_actor_that_dies_while_it_loads_is_made_anew(pool, blobs, folder):
    make_chunk(blobs, folder / "dl", {"a": "alpha"}, "chk_dl")
    lives = folder / "lives"
    lives.write_text("2")
    dying = recipe(DiesLoading, "dd", lives=str(lives))
    assert (await pool.run(Job(dying, NAMESPACE, "chk_dl"))).documents == 1
    assert lives.read_text() == "0"


@in_module
async def test_one_that_dies_every_time_is_given_up(pool, blobs, folder):
    make_chunk(blobs, folder / "dm", {"a": "alpha"}, "chk_dm")
    lives = folder / "many"
    lives.write_text("9")
    dying = recipe(DiesLoading, "dn", lives=str(lives))
    with pytest.raises(LoadFailed):
        await pool.run(Job(dying, NAMESPACE, "chk_dm"))
    assert lives.read_text() == "6"


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (Resources(), ""),
        (Resources(cpu=4), "needs 4 CPUs, Ray has 2"),
        (Resources(gpu=1), ""),
        (Resources(gpu=2), "needs a GPU, Ray has 1"),
        (Resources(memory=16 * 2**30), "needs 16.0 GiB of memory, Ray has 8.0"),
        (Resources(gpu=1, accelerator_type="H100"), ""),
        (Resources(gpu=1, accelerator_type="T4"), "needs an accelerator of type T4, Ray has H100"),
    ],
)
def test_what_the_cluster_lacks_is_named(asked: Resources, said: str) -> None:
    have = Cluster(Room(2, 1, 8 * 2**30), frozenset({"H100"}))
    assert missing(Recipe("d", "m:C", {}, asked), have) == said


async def test_a_worker_that_ray_ends_for_want_of_memory_has_died() -> None:
    """Ray tells of it by an error of another kind than of one that was killed."""
    from ray.exceptions import OutOfMemoryError

    class Handle:
        run = load = property(lambda self: self)

        async def remote(self, *_: object) -> None:
            raise OutOfMemoryError("the node had no memory left")

    pool = ActorPool(RayOptions(None, 2, None), "blobs")
    wanted = Recipe("d", "m:C", {}, Resources())
    for work in ("work", "load"):
        ticket = pool_module._Ticket(Job(wanted, NAMESPACE, "chk"), asyncio.Future())  # pyright: ignore[reportPrivateUsage]
        actor = pool_module._Actor(wanted, Handle())  # pyright: ignore[reportPrivateUsage]
        pool._actors.append(actor)  # pyright: ignore[reportPrivateUsage]
        if work == "work":
            await pool._work(actor, ticket)  # pyright: ignore[reportPrivateUsage]
            with pytest.raises(WorkerDied, match="no memory left"):
                await ticket.result
        else:
            await pool._load(actor)  # pyright: ignore[reportPrivateUsage]
            assert pool._died_loading == {"d": 1}  # pyright: ignore[reportPrivateUsage]
        assert pool._actors == []  # pyright: ignore[reportPrivateUsage]


def test_an_idle_actor_that_holds_the_gpu_makes_room_for_who_needs_it(monkeypatch) -> None:
    """However many CPUs are free."""
    pool = ActorPool(RayOptions(None, 8, None), "blobs")
    pool._cluster = Cluster(Room(8, 1))  # pyright: ignore[reportPrivateUsage]
    ended: list[object] = []
    monkeypatch.setattr("workbench.extraction.pool.end", ended.append)
    old, cpu = (
        pool_module._Actor(Recipe(d, "m:C", {}, r), d, ready=True)  # pyright: ignore[reportPrivateUsage]
        for d, r in (("old", Resources(gpu=1)), ("cpu", Resources()))
    )
    pool._actors += [cpu, old]  # pyright: ignore[reportPrivateUsage]
    assert pool._make_room(Room(1, 1), {"new": 1})  # pyright: ignore[reportPrivateUsage]
    assert ended == ["old"]
    assert not pool._make_room(Room(1, 2), {"new": 1})  # pyright: ignore[reportPrivateUsage]


@given(
    st.dictionaries(
        st.sampled_from("abcdef"),
        st.tuples(
            st.integers(0, 9), st.sampled_from([0.5, 1.0, 2.0]), st.sampled_from([0.0, 0.5, 1.0])
        ),
    ),
    st.integers(1, 8),
    st.integers(0, 2),
)
def test_shares_fit_the_room_and_leave_none_that_could_be_used(demands, slots, gpus):
    demand = {key: Demand(jobs, Room(cpu, gpu)) for key, (jobs, cpu, gpu) in demands.items()}
    shares = targets(demand, Room(slots, gpus))
    cpu = slots - sum(shares[key] * demand[key].each.cpu for key in demand)
    gpu = gpus - sum(shares[key] * demand[key].each.gpu for key in demand)
    assert cpu >= -1e-9
    assert gpu >= -1e-9
    for key, wanted in demand.items():
        assert shares[key] <= wanted.jobs
        if shares[key] < wanted.jobs:
            assert wanted.each.cpu > cpu - 1e-9 or wanted.each.gpu > gpu - 1e-9
    waiting = [k for k in demand if demand[k].jobs]
    if all(demand[k].each == Room(1.0) for k in waiting) and len(waiting) <= slots:
        assert all(shares[k] >= 1 for k in waiting)
