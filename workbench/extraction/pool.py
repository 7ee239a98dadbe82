"""The pool: Ray actors shared fairly between the extractors that have work.

Every actor belongs to one recipe and keeps its models. Jobs queue by recipe. After every change
``_reconcile`` compares what is with what should be, which ``sharing`` says: recipes above their
share lose idle actors only; recipes below it get new ones as room appears. An idle actor of a
recipe without work stays until its room is needed.

Promises: a job's call either returns a ``Summary`` or raises: ``WorkerDied`` (the process died,
nothing is known), ``RayNotStarted``, ``LoadFailed`` (the extractor cannot be opened) or
``NoSuchResource``. The pool never retries a job; an actor that dies while it opens its models is
made anew, ``LOADS`` times in a row at most. ``stop`` ends a job within the grace period: what
was answered is kept, or the actor is killed and everything is left.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workbench.extraction import ray_processes
from workbench.extraction.jobs import (
    Job,
    LoadFailed,
    NoSuchResource,
    Recipe,
    StoppedBeforeResult,
    WorkerDied,
)
from workbench.extraction.ray_actors import (
    RayOptions,
    cause,
    cluster,
    connect,
    create,
    disconnect,
    end,
)
from workbench.extraction.resources import Cluster, Room, missing, takes
from workbench.extraction.sharing import Demand, targets
from workbench.extraction.worker import Summary

log = logging.getLogger(__name__)

STOP_GRACE = 3.0
#: Actors of one recipe that may die in a row while they open their models. What kills one (the
#: kernel for want of memory, somebody by hand) may spare the next; a model that is too large will
#: not.
LOADS = 3


@dataclass(eq=False)
class _Ticket:
    job: Job
    result: asyncio.Future[Summary]
    stopping: bool = False


@dataclass(eq=False)
class _Actor:
    recipe: Recipe
    handle: Any
    ready: bool = False
    ticket: _Ticket | None = None

    @property
    def takes(self) -> Room:
        return takes(self.recipe)


class ActorPool:
    def __init__(self, options: RayOptions, blobs: str) -> None:
        self._options = options
        self._blobs = blobs
        self._entering: set[_Ticket] = set()
        self._queues: dict[str, deque[_Ticket]] = {}
        self._actors: list[_Actor] = []
        self._background: set[asyncio.Task[None]] = set()
        self._starting: asyncio.Task[Cluster] | None = None
        self._started = False
        self._cluster = Cluster(Room())
        self._died_loading: dict[str, int] = {}
        self._up = asyncio.Event()

    @property
    def started(self) -> bool:
        return self._started

    async def start(self) -> None:
        """Connect to Ray, or start it. Called by the first job; later calls return at once.
        Raises RayNotStarted."""
        if self.started:
            return
        if self._starting is None:
            self._starting = asyncio.create_task(asyncio.to_thread(connect, self._options))
        try:
            self._cluster = await asyncio.shield(self._starting)
            self._started = True
        except Exception:
            self._starting = None
            raise
        self._up.set()

    async def run(self, job: Job) -> Summary:
        """The job's summary when it is done. Cancelling the call does not stop the job: use
        ``stop``."""
        ticket = _Ticket(job, asyncio.get_running_loop().create_future())
        self._entering.add(ticket)  # so that ``stop`` finds it while Ray starts
        entry = asyncio.create_task(self._enter(job))
        try:
            await asyncio.wait([entry, ticket.result], return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._entering.discard(ticket)
            entry.cancel()
        if not ticket.result.done():
            entry.result()  # raises what kept the job out
            self._queues.setdefault(job.recipe.digest, deque()).append(ticket)
            self._reconcile()
        return await asyncio.shield(ticket.result)

    async def _enter(self, job: Job) -> None:
        await self.start()
        await self._check(job.recipe)

    async def stop(self, chunk_id: str, grace: float = STOP_GRACE) -> None:
        """End every job of the chunk; returns when they have ended."""
        for ticket in [t for t in self._entering if t.job.chunk_id == chunk_id]:
            _fail(ticket, StoppedBeforeResult())
        for queue in self._queues.values():
            for ticket in [t for t in queue if t.job.chunk_id == chunk_id]:
                queue.remove(ticket)
                _fail(ticket, StoppedBeforeResult())
        working = [a for a in self._actors if a.ticket and a.ticket.job.chunk_id == chunk_id]
        await asyncio.gather(*(self._stop_actor(actor, chunk_id, grace) for actor in working))

    async def _stop_actor(self, actor: _Actor, chunk_id: str, grace: float) -> None:
        ticket = actor.ticket
        if ticket is None:
            return
        ticket.stopping = True
        actor.handle.stop.remote(chunk_id)
        await asyncio.wait([ticket.result], timeout=grace)
        if not ticket.result.done():
            log.warning("killing a worker that does not stop: chunk %s", chunk_id)
            self._remove(actor)
            _fail(ticket, StoppedBeforeResult())
            self._reconcile()

    async def lost(self) -> None:
        """Returns when the local Ray that this pool started has died. Never for a cluster
        elsewhere, which outlives its nodes."""
        await self._up.wait()
        if self._options.address is not None:
            await asyncio.Event().wait()
        await ray_processes.one_ended()

    async def close(self) -> None:
        for task in list(self._background):
            task.cancel()
        for actor in list(self._actors):
            self._remove(actor)
        await asyncio.to_thread(disconnect)
        self._started = False

    async def _check(self, recipe: Recipe) -> None:
        """Raises NoSuchResource for what the whole cluster, when nothing else ran, has not."""
        if missing(recipe, self._cluster):
            self._cluster = await asyncio.to_thread(cluster)
        if lacking := missing(recipe, self._cluster):
            raise NoSuchResource(lacking)

    # ---- reconciling -----------------------------------------------------------------------------

    def _reconcile(self) -> None:
        shares = targets(self._demand(), self._cluster.room)
        self._assign(shares)
        for digest, share in shares.items():
            while self._count(digest) < share and self._queues.get(digest):
                recipe = self._queues[digest][0].job.recipe
                if not self._make_room(takes(recipe), shares):
                    break
                self._start_actor(recipe)

    def _demand(self) -> dict[str, Demand]:
        demand: dict[str, Demand] = {}
        for actor in self._actors:
            if actor.ticket:
                digest = actor.recipe.digest
                before = demand.get(digest)
                jobs = before.jobs + 1 if before else 1
                demand[digest] = Demand(jobs, actor.takes)
        for digest, queue in self._queues.items():
            if queue:
                before = demand.get(digest)
                jobs = len(queue) + (before.jobs if before else 0)
                demand[digest] = Demand(jobs, takes(queue[0].job.recipe))
        return demand

    def _assign(self, shares: Mapping[str, int]) -> None:
        """Give queued jobs to idle actors, unless the recipe is above its share: such an actor
        stays idle and makes room."""
        for actor in self._actors:
            digest = actor.recipe.digest
            queue = self._queues.get(digest)
            if not queue or not actor.ready or actor.ticket:
                continue
            if self._busy(digest) < max(1, shares.get(digest, 0)):
                actor.ticket = queue.popleft()
                self._spawn(self._work(actor, actor.ticket))

    def _make_room(self, wanted: Room, shares: Mapping[str, int]) -> bool:
        """Whether such an actor fits, after ending idle ones that are above their share and hold
        what it lacks."""
        while lacking := self._free().lacks(wanted):
            spare = next(
                (
                    a
                    for a in self._actors
                    if a.ready
                    and a.ticket is None
                    and a.takes.has_any(lacking)
                    and self._count(a.recipe.digest) > shares.get(a.recipe.digest, 0)
                ),
                None,
            )
            if spare is None:
                return False
            self._remove(spare)
        return True

    def _free(self) -> Room:
        free = self._cluster.room
        for actor in self._actors:
            free -= actor.takes
        return free

    def _count(self, digest: str) -> int:
        return sum(a.recipe.digest == digest for a in self._actors)

    def _busy(self, digest: str) -> int:
        return sum(a.recipe.digest == digest and a.ticket is not None for a in self._actors)

    def _start_actor(self, recipe: Recipe) -> None:
        actor = _Actor(recipe, create(recipe, self._blobs))
        self._actors.append(actor)
        self._spawn(self._load(actor))

    async def _load(self, actor: _Actor) -> None:
        from ray.exceptions import RayError, RayTaskError

        try:
            await actor.handle.load.remote()
        except RayTaskError as error:
            self._refuse(actor, error)
        except RayError as error:  # it died, or Ray ended it for want of memory
            digest = actor.recipe.digest
            self._died_loading[digest] = self._died_loading.get(digest, 0) + 1
            if self._died_loading[digest] < LOADS:
                self._remove(actor)  # and another one is made for whoever waits
            else:
                self._refuse(actor, error)
        else:
            actor.ready = True
            self._died_loading.pop(actor.recipe.digest, None)
        self._reconcile()

    def _refuse(self, actor: _Actor, error: Exception) -> None:
        """The recipe cannot be opened: whoever waits for it is told, and may come again."""
        self._remove(actor)
        self._died_loading.pop(actor.recipe.digest, None)
        queue = self._queues.get(actor.recipe.digest, deque())
        while queue:
            _fail(queue.popleft(), LoadFailed(cause(error)))

    async def _work(self, actor: _Actor, ticket: _Ticket) -> None:
        from ray.exceptions import RayError, RayTaskError

        job = ticket.job
        begun = time.monotonic()
        try:
            summary = await actor.handle.run.remote(
                job.namespace_id, job.chunk_id, job.only, job.part
            )
        except RayTaskError as error:
            _fail(ticket, error)
        except RayError as error:  # it died, or Ray ended it for want of memory
            self._remove(actor)
            died = WorkerDied(cause(error), time.monotonic() - begun)
            _fail(ticket, StoppedBeforeResult() if ticket.stopping else died)
        else:
            if not ticket.result.done():
                ticket.result.set_result(summary)
        finally:
            actor.ticket = None
        self._reconcile()

    def _spawn(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._background.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("the pool failed", exc_info=task.exception())

    def _remove(self, actor: _Actor) -> None:
        if actor in self._actors:
            self._actors.remove(actor)
        end(actor.handle)


def _fail(ticket: _Ticket, error: BaseException) -> None:
    if not ticket.result.done():
        ticket.result.set_exception(error)
        ticket.result.exception()  # marked as seen: the waiter may have gone
