"""What passes by itself is the network or a resource, and is tried again; the rest is not."""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from chunk_help import NAMESPACE, make_chunk
from toys import Toy, ToyParameters

from workbench.blobs.folder import FolderBlobs
from workbench.domain.states import Category
from workbench.extraction.chunks import ObjectFailure
from workbench.extraction.contract import Extracted, Source
from workbench.extraction.passing import unreadable
from workbench.extraction.worker import StopFlag, extract_chunk


def os_error(number: int) -> OSError:
    return OSError(number, os.strerror(number))


class Raising(Toy):
    error: Exception = RuntimeError("none")

    def extract(self, sources: Sequence[Source]) -> Iterator[Extracted]:
        raise self.error


def failure_of(error: Exception, folder: Path) -> ObjectFailure:
    """What an object fails for whose extractor raises the error."""
    blobs = FolderBlobs(folder / "blobs")
    make_chunk(blobs, folder / "files", {"a": "alpha"})
    toy = Raising(ToyParameters())
    toy.error = error
    outcome = extract_chunk(toy, blobs, NAMESPACE, "chk_1", StopFlag(), "here/1")
    (failure,) = outcome.failures
    return failure


@pytest.mark.parametrize(
    ("number", "category"),
    [
        (errno.ESTALE, Category.NETWORK),
        (errno.ETIMEDOUT, Category.NETWORK),
        (errno.EIO, Category.NETWORK),
        (errno.ENOTCONN, Category.NETWORK),
        (errno.EMFILE, Category.RESOURCE),
        (errno.ENOMEM, Category.RESOURCE),
        (errno.ENOENT, Category.SOURCE),
        (errno.EISDIR, Category.SOURCE),
        (errno.EACCES, Category.PERMISSION),
    ],
)
def test_an_unreadable_file_fails_for_what_it_is(number: int, category: Category) -> None:
    failed = unreadable(os_error(number))
    assert (failed.category, failed.stage) == (category, "fetch")
    assert failed.hint or category is Category.SOURCE


@pytest.mark.parametrize(
    ("number", "category"),
    [
        (errno.ENOSPC, Category.RESOURCE),
        (errno.EDQUOT, Category.RESOURCE),
        (errno.EMFILE, Category.RESOURCE),
        (errno.ESTALE, Category.NETWORK),
        (errno.ENOMEM, Category.LIMITS),
        (errno.ENOENT, Category.INTERNAL),
    ],
)
def test_what_passes_is_no_defect_of_an_extractor(
    number: int, category: Category, tmp_path: Path
) -> None:
    failure = failure_of(os_error(number), tmp_path)
    assert (failure.category, failure.stage) == (category, "extract")
    assert ("defect" in (failure.hint or "")) == (category is Category.INTERNAL)


def test_an_object_that_finds_no_free_descriptor_may_be_tried_again(tmp_path: Path) -> None:
    blobs = FolderBlobs(tmp_path / "blobs")
    manifest = make_chunk(blobs, tmp_path / "files", {"a": "alpha"})
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        with pytest.raises(OSError, match="Too many open files") as raised:
            open(manifest.items[0].location, "rb").close()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    failed = unreadable(raised.value)
    assert (failed.category, failed.retryable) == (Category.RESOURCE, True)
