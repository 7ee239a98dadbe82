"""The ingest workflow: list, plan, extract, index, finish.

Three things go on at once: listing, in slices, until the source is through; planning, whenever
half of the window is free; and for each chunk its extraction (on the queue of its extractor)
followed by its indexing. The workflow knows ids and counters; what they stand for is in the store.

Pause and cancel arrive as the signal ``control``. Extraction under way is asked to stop: it keeps
what it has, and what it left is planned again (or canceled at the end). Indexing is left to end,
but one in trouble is not waited for: its chunk is held, and indexed after resume (or released after
cancel). When nothing runs any more the activity ``paused`` says so, and the workflow holds until
resume or cancel. Items that are to be
tried again after a while are planned when their time comes. After ``chunks_per_run`` chunks, or
when the server suggests it, the run ends between chunks and continues as new.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, RetryState, is_cancelled_exception
from temporalio.workflow import ActivityCancellationType, ActivityHandle

with workflow.unsafe.imports_passed_through():
    from workbench.tasks.messages import (
        Begun,
        ChunkRef,
        Extracted,
        ExtractRequest,
        FailTask,
        Finish,
        Indexed,
        IndexRequest,
        IngestInput,
        ListProgress,
        Planned,
        PlanRequest,
    )
    from workbench.tasks.workflows.failing import failure, giving_up

#: Infrastructure comes back: control activities try again for as long as it takes.
PATIENT = RetryPolicy(
    initial_interval=timedelta(milliseconds=200),
    maximum_interval=timedelta(seconds=5),
)
#: A chunk that cannot be extracted or indexed after so many tries fails its items.
BOUNDED = RetryPolicy(
    initial_interval=timedelta(milliseconds=500),
    maximum_interval=timedelta(seconds=10),
    maximum_attempts=20,
)
HEARTBEAT = timedelta(seconds=10)
#: Indexing that a pause or a cancel finds under way has so long to end.
INDEX_ENDS = timedelta(seconds=2)
#: Runs that began before indexing could be stopped replay without it.
STOPS_INDEXING = "stops-indexing"
#: Counting, or canceling, a million items takes longer than a minute on a slow disk.
LAST = timedelta(minutes=30)
LOG = "look into the log of the worker"


@workflow.defn(name="ingest")
class IngestWorkflow:
    @workflow.init
    def __init__(self, state: IngestInput) -> None:
        self._task = state.task
        self._window = state.window
        self._limit = state.chunks_per_run
        self._listed = state.listed
        self._number = state.last_number
        self._canceled = state.canceled
        self._paused = state.paused
        self._told = False
        self._listing = False
        self._exhausted = False
        self._chunks = 0
        self._ended = 0
        self._again = 0
        self._active: set[asyncio.Task[None]] = set()
        self._extracting: dict[str, ActivityHandle[Extracted]] = {}
        self._indexing: dict[str, ActivityHandle[Indexed]] = {}
        self._stopping: set[asyncio.Task[None]] = set()
        self._held: list[tuple[ChunkRef, Extracted]] = []
        self._error: FailTask | None = None

    @workflow.signal
    def control(self, action: str) -> None:
        self._told = True
        if action == "cancel":
            self._canceled = True
        elif action == "pause":
            self._paused = True
        elif action == "resume":
            self._paused = False
        if action in ("cancel", "pause"):
            for extraction in self._extracting.values():
                extraction.cancel()
            for indexing in self._indexing.values():
                self._stop_soon(indexing)

    @workflow.run
    async def run(self, state: IngestInput) -> str:
        begun: Begun = await self._control("begin", self._task, Begun)
        if begun.ended:
            return "ended"
        self._listed = self._listed or begun.listed
        self._canceled = self._canceled or begun.canceled
        if begun.paused and not self._told:  # else what it was told since is newer
            self._paused = True
        listing = asyncio.create_task(self._list())
        await self._drive(listing)
        await asyncio.gather(listing)
        if self._error is not None:
            await self._control("fail_task", self._error, None, LAST)
            return "failed"
        if not self._done():
            workflow.continue_as_new(self._state())
        await self._remove_missing()
        return await self._control("finish", Finish(self._task, self._canceled), str, LAST)

    def _state(self) -> IngestInput:
        """A plan after ``last_number`` gives the chunks that are held once more."""
        return IngestInput(
            task=self._task,
            window=self._window,
            listed=self._listed,
            last_number=min([self._number, *(chunk.number - 1 for chunk, _ in self._held)]),
            canceled=self._canceled,
            paused=self._paused,
            chunks_per_run=self._limit,
        )

    def _done(self) -> bool:
        return self._canceled or (self._exhausted and self._listed and not self._held)

    def _stop_here(self) -> bool:
        """Whether this run takes no more chunks."""
        return (
            self._canceled
            or self._error is not None
            or self._chunks >= self._limit
            or workflow.info().is_continue_as_new_suggested()
        )

    async def _hold(self) -> None:
        """While the task is paused: let what runs end, say so, and wait."""

        def over() -> bool:
            return not self._paused or self._canceled or self._error is not None

        await workflow.wait_condition(lambda: over() or not (self._active or self._listing))
        if not over():
            await self._control("paused", self._task, None)
            await workflow.wait_condition(over)

    # ---- listing and planning --------------------------------------------------------------------

    async def _list(self) -> None:
        while not self._listed and not self._stop_here():
            if self._paused:
                await workflow.wait_condition(lambda: not self._paused or self._stop_here())
                continue
            self._listing = True
            try:
                progress: ListProgress = await self._control(
                    "list_source", self._task, ListProgress, timedelta(minutes=5)
                )
            except ActivityError as error:
                self._error = self._failure(error)
                return
            finally:
                self._listing = False
            self._listed = progress.ended

    async def _remove_missing(self) -> None:
        removed = False
        while not removed and not self._canceled:
            if self._paused:
                await self._hold()
                continue
            removed = await self._control("remove_missing", self._task, bool, timedelta(minutes=5))

    async def _drive(self, listing: asyncio.Task[None]) -> None:
        while not self._stop_here():
            if self._paused:
                await self._hold()
                continue
            if self._held:
                held, self._held = self._held, []
                for chunk, extracted in held:
                    self._begin(self._index(chunk, extracted))
                continue
            if not self._has_room():
                await workflow.wait_condition(
                    lambda: self._has_room() or self._paused or self._canceled
                )
                continue
            if self._exhausted:
                if not self._active:
                    break
                await self._one_ends()
                continue
            room = self._window - len(self._active)
            request = PlanRequest(self._task, self._number, room, idle=not self._active)
            before = self._again
            try:
                planned: Planned = await self._control("plan", request, Planned)
            except ActivityError as error:
                self._error = self._failure(error)
                break
            self._exhausted = planned.exhausted and self._again == before
            for chunk in planned.chunks:
                self._start(chunk)
            if planned.wait_s and not planned.chunks:
                await self._wait(planned.wait_s)
        await workflow.wait_condition(lambda: not self._active)
        if self._canceled or self._error is not None:
            await asyncio.gather(*(self._release(chunk) for chunk, _ in self._held))

    def _has_room(self) -> bool:
        """Whether half of the window is free: chunks are planned several at once, since each plan
        is a round trip, while the other half keeps the workers busy."""
        return 2 * (self._window - len(self._active)) >= self._window

    async def _one_ends(self) -> None:
        before = len(self._active)
        await workflow.wait_condition(
            lambda: len(self._active) < before or not self._exhausted or not self._active
        )

    async def _wait(self, seconds: float) -> None:
        """Until an item is to be tried again, or a chunk ends: it may have left some."""
        before = self._ended
        with contextlib.suppress(TimeoutError):
            await workflow.wait_condition(
                lambda: self._ended != before or self._paused or self._stop_here(),
                timeout=timedelta(seconds=seconds),
            )

    def _start(self, chunk: ChunkRef) -> None:
        self._number = max(self._number, chunk.number)
        self._chunks += 1
        self._begin(self._chunk(chunk))

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._active.add(task)
        task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._active.discard(task)
        self._ended += 1

    # ---- one chunk -------------------------------------------------------------------------------

    async def _chunk(self, chunk: ChunkRef) -> None:
        handle: ActivityHandle[Extracted] = workflow.start_activity(
            "extract",
            ExtractRequest(self._task, chunk.chunk_id),
            result_type=Extracted,
            task_queue=chunk.queue,
            start_to_close_timeout=timedelta(seconds=chunk.timeout_s),
            heartbeat_timeout=HEARTBEAT,
            retry_policy=BOUNDED,
            cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        )
        self._extracting[chunk.chunk_id] = handle
        if self._canceled or self._paused:
            handle.cancel()
        try:
            extracted = await handle
        except ActivityError as error:
            # One that was asked to stop may also end because its worker died meanwhile.
            if is_cancelled_exception(error) or self._canceled or self._paused:
                extracted = Extracted(0, chunk.items, nothing=True)
            else:
                await self._give_up(chunk, error)
                return
        except asyncio.CancelledError:
            # Asked to stop in the moment in which it was to begin, it was never scheduled, and its
            # end is no ActivityError. Anything else that cancels this goes on upwards.
            if not handle.cancelled():
                raise
            extracted = Extracted(0, chunk.items, nothing=True)
        finally:
            del self._extracting[chunk.chunk_id]
        if extracted.nothing:
            await self._release(chunk)
            self._plan_again()
            return
        await self._index(chunk, extracted)

    async def _index(self, chunk: ChunkRef, extracted: Extracted) -> None:
        request = IndexRequest(self._task, chunk.chunk_id, extracted.queued_at, extracted.queued_s)
        handle = self._start_index(request)
        self._indexing[chunk.chunk_id] = handle
        if self._canceled or self._paused:
            self._stop_soon(handle)
        try:
            indexed = await handle
        except ActivityError as error:
            # One that was asked to stop between two tries, or fails in its last one.
            asked = error.retry_state is RetryState.CANCEL_REQUESTED
            if asked or is_cancelled_exception(error):
                self._held.append((chunk, extracted))
            else:
                await self._give_up(chunk, error)
        else:
            if indexed.waiting or extracted.left:
                self._plan_again()
        finally:
            self._indexing.pop(chunk.chunk_id, None)

    def _stop_soon(self, handle: ActivityHandle[Indexed]) -> None:
        if workflow.patched(STOPS_INDEXING):
            task = asyncio.create_task(self._stop(handle))
            self._stopping.add(task)
            task.add_done_callback(self._stopping.discard)

    async def _stop(self, handle: ActivityHandle[Indexed]) -> None:
        """Stop the indexing unless it ends, or is to go on, within a moment."""

        def over() -> bool:
            return handle.done() or not (self._canceled or self._paused)

        with contextlib.suppress(TimeoutError):
            await workflow.wait_condition(over, timeout=INDEX_ENDS)
        if not over():
            handle.cancel()

    async def _release(self, chunk: ChunkRef) -> None:
        await self._control("release", IndexRequest(self._task, chunk.chunk_id), None)

    def _plan_again(self) -> None:
        """Items wait for a chunk, whatever a plan says that began before."""
        self._exhausted = False
        self._again += 1

    def _start_index(self, request: IndexRequest) -> ActivityHandle[Indexed]:
        return workflow.start_activity(
            "index",
            request,
            result_type=Indexed,
            start_to_close_timeout=timedelta(minutes=10),
            heartbeat_timeout=HEARTBEAT,
            retry_policy=BOUNDED,
            cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        )

    async def _give_up(self, chunk: ChunkRef, error: ActivityError) -> None:
        await self._control("give_up", giving_up(self._task, chunk.chunk_id, error, LOG), None)

    def _failure(self, error: ActivityError) -> FailTask:
        return failure(self._task, error, LOG)

    async def _control(
        self,
        name: str,
        argument: Any,
        result: type | None,
        limit: timedelta = timedelta(minutes=1),
    ) -> Any:
        return await workflow.execute_activity(
            name,
            argument,
            result_type=result,
            start_to_close_timeout=limit,
            heartbeat_timeout=HEARTBEAT,
            retry_policy=PATIENT,
        )
