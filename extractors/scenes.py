"""Where the scenes of a film begin, and one frame of each, in one pass over the frames.

Frames are compared with the one before as 32 x 18 pixels: their difference is the mean over all
pixels and colours, 0 to 255. Those that follow the last compared one within 0.06 seconds (every
second of 25 a second, three of four of 60) are passed over, and looked at only where the next one
differs by as much as a cut does: so a cut is found at its frame. A *cut* is a difference of at
least 6 that also stands out from the motion around it (4 and four times the median of the last
second). It counts when the picture has not come back after 0.3 seconds: a flash is no scene. A
*dissolve* has no such step; it is seen when the picture differs by 25 or more from how the scene
looked at its beginning and has come to rest: in half a second it changed by less than 3, and by
less than half of what it did at its fastest. A camera that moves slowly and steadily never rests
so, and stays one scene. A scene that lasts longer than allowed is divided, so that a fixed camera
still gives a frame now and then.

The frame that stands for a scene is the richest in detail of those at its first ten seconds, two a
second: a black or blurred one between two pictures never wins. Only that frame is kept, so memory
does not grow with the film.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

Small = npt.NDArray[np.uint8]
View = TypeVar("View")
Frame = TypeVar("Frame")

WIDTH, HEIGHT = 32, 18
LEAST_CUT = 6.0
ABOVE_MOTION = 4.0
DISSOLVED = 25.0
#: Change in ``SETTLED`` seconds, itself and as a share of the fastest.
STILL = 3.0
SLOWED = 0.5
#: Seconds in which frames are passed over.
PASSED = 0.06
#: Frames that are passed over in a row: a film may give all of them one time, and each is kept.
MOST_PASSED = 3
#: Seconds: until a cut counts, of stillness after a dissolve, between two looks at how far a scene
#: has gone from its beginning, and of frames looked at for motion.
CONFIRM = 0.3
SETTLED = 0.5
LOOK_EVERY = 0.1
AROUND = 1.0
SAMPLE_EVERY = 0.5
SAMPLED = 10.0
RICHER = 1.1


@dataclass(frozen=True)
class Scene(Generic[View]):
    """``key`` is the view of the frame at ``key_at``; times in seconds."""

    start: float
    end: float
    key_at: float
    key: View


@dataclass
class _Open(Generic[View]):
    """A scene that has begun. ``first`` is how it looked when it had settled, ``then`` how it
    looked at the last multiple of ``SETTLED`` seconds."""

    start: float
    first: Small
    key: View
    key_at: float
    detail: float
    next_sample: float
    then: Small
    next_rest: float
    next_look: float = 0.0
    fastest: float | None = None  # None until the scene has settled
    drifted_at: float | None = None

    def offer(self, at: float, small: Small, view: Callable[[], View]) -> None:
        if at < self.next_sample or at > self.start + SAMPLED:
            return
        self.next_sample = at + SAMPLE_EVERY
        found = detail(small)
        if found > RICHER * self.detail:
            self.key, self.key_at, self.detail = view(), at, found

    def dissolved(self, at: float, small: Small) -> bool:
        """Whether it has become another picture, at ``drifted_at``, and has come to rest."""
        if at >= self.next_look and self.fastest is not None:
            self.next_look = at + LOOK_EVERY
            if difference(small, self.first) < DISSOLVED:
                self.drifted_at = None
            elif self.drifted_at is None:
                self.drifted_at = at
        if at < self.next_rest:
            return False
        change = difference(small, self.then)
        self.then, self.next_rest = small, at + SETTLED
        if self.fastest is None:
            self.first, self.fastest = small, 0.0
            return False
        self.fastest = max(self.fastest, change)
        rests = change < STILL and change < SLOWED * self.fastest
        return rests and self.drifted_at is not None and at - self.drifted_at >= SETTLED


@dataclass
class Scenes(Generic[View]):
    """Takes frames in order and gives scenes when they have ended. At most ``most`` of them: the
    last then goes to the end."""

    longest: float
    most: int
    _now: _Open[View] | None = None
    _next: _Open[View] | None = None
    _before: Small | None = None  # the frame before a cut that does not count yet
    _last: Small | None = None
    _at: float = 0.0
    _count: int = 0
    _motion: deque[tuple[float, float]] = field(default_factory=deque[tuple[float, float]])

    def passes(self, at: float) -> bool:
        """Whether a frame at this time may be passed over until the next one has been seen."""
        return self._last is not None and self._at <= at < self._at + PASSED

    def stirs(self, small: Small) -> bool:
        """Whether the picture may have become another since the last one that was fed."""
        return self._last is None or difference(small, self._last) >= LEAST_CUT

    def feed(self, at: float, small: Small, view: Callable[[], View]) -> Iterator[Scene[View]]:
        """``small`` is the frame as HEIGHT x WIDTH x 3; ``view`` makes what is kept of it."""
        if self._now is None or self._last is None:
            self._now, self._last, self._at = _open(at, small, view), small, at
            return
        step = difference(small, self._last)
        last, self._last, self._at = self._last, small, at
        if self._next is None:
            if self._count + 1 < self.most:
                self._look_for_cut(at, small, view, step, last)
        elif difference(small, self._before) < step_needed(self._recent()) / 2:
            self._next = None  # a flash: the old picture is back
        self._motion.append((at, step))
        while self._motion[0][0] < at - AROUND:
            self._motion.popleft()
        open_scene = self._next or self._now
        open_scene.offer(at, small, view)
        if self._next is not None and at - self._next.start >= CONFIRM:
            yield self._close(self._next)
        elif self._next is None:
            yield from self._divide(at, small, view)

    def end(self) -> Iterator[Scene[View]]:
        """The last scene."""
        if self._next is not None:
            yield self._close(self._next)
        if self._now is not None:
            yield Scene(self._now.start, self._at, self._now.key_at, self._now.key)
            self._now = None

    def _look_for_cut(
        self, at: float, small: Small, view: Callable[[], View], step: float, last: Small
    ) -> None:
        if step < step_needed(self._recent()) or self._now is None:
            return
        if at - self._now.start < CONFIRM:
            self._now.detail, self._now.next_sample = 0.0, at  # too short to be a scene of its own
        else:
            self._next, self._before = _open(at, small, view), last

    def _divide(self, at: float, small: Small, view: Callable[[], View]) -> Iterator[Scene[View]]:
        """Ends the scene where it has dissolved into another, or is too long."""
        now = self._now
        if now is None or self._count + 1 >= self.most:
            return
        if now.dissolved(at, small) and now.drifted_at is not None:
            fresh = _open(at, small, view)
            fresh.start = now.drifted_at
            yield self._close(fresh)
        elif at - now.start >= self.longest:
            yield self._close(_open(at, small, view))

    def _close(self, fresh: _Open[View]) -> Scene[View]:
        now = self._now
        assert now is not None
        self._now, self._next = fresh, None
        self._count += 1
        return Scene(now.start, fresh.start, now.key_at, now.key)

    def _recent(self) -> list[float]:
        return [step for _, step in self._motion]


def cut(
    frames: Iterable[tuple[float, Frame]],
    small: Callable[[Frame], Small],
    view: Callable[[Frame], View],
    longest: float,
    most: int,
) -> Iterator[Scene[View]]:
    """The scenes of frames with their times; ``small`` is asked for those that are compared."""
    scenes = Scenes[View](longest, most)
    passed: list[tuple[float, Frame]] = []

    def feed(at: float, frame: Frame, seen: Small) -> Iterator[Scene[View]]:
        return scenes.feed(at, seen, lambda: view(frame))

    for at, frame in frames:
        if len(passed) < MOST_PASSED and scenes.passes(at):
            passed.append((at, frame))
            continue
        seen = small(frame)
        if passed and scenes.stirs(seen):
            for when, before in passed:
                yield from feed(when, before, small(before))
        passed.clear()
        yield from feed(at, frame, seen)
    for when, before in passed:
        yield from feed(when, before, small(before))
    yield from scenes.end()


def difference(one: Small, other: Small | None) -> float:
    """How much two small frames differ, 0 to 255."""
    if other is None:
        return 255.0
    apart = np.maximum(one, other) - np.minimum(one, other)
    return float(apart.sum(dtype=np.int64)) / apart.size


def step_needed(motion: list[float]) -> float:
    """The difference from which on a step is a cut, with this motion before it."""
    usual = sorted(motion)[len(motion) // 2] if motion else 0.0
    return max(LEAST_CUT, ABOVE_MOTION + 4 * usual)


def detail(small: Small) -> float:
    """How much there is to see: the mean step between neighbours."""
    grey = small.astype(np.int16).sum(axis=2)
    return float(np.abs(np.diff(grey, axis=0)).mean() + np.abs(np.diff(grey, axis=1)).mean())


def _open(at: float, small: Small, view: Callable[[], View]) -> _Open[View]:
    return _Open(
        start=at,
        first=small,
        key=view(),
        key_at=at,
        detail=detail(small),
        next_sample=at + SAMPLE_EVERY,
        then=small,
        next_rest=at + SETTLED,
    )
