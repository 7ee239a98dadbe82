"""How often an item is tried, and how long it waits: the policy, and the way it is typed."""

from __future__ import annotations

import pytest

from workbench.domain.errors import Code, WorkbenchError
from workbench.domain.retries import EXAMPLE, RetryPolicy, parse, policy
from workbench.domain.states import Category


def test_waits_double_up_to_the_largest_and_end_with_the_attempts():
    rules = RetryPolicy(attempts=6, backoff=1, largest=5)
    waits = [rules.wait(Category.NETWORK, done) for done in range(1, 8)]
    assert waits == [1, 2, 4, 5, 5, None, None]
    assert rules.wait(Category.FORMAT, 1) is None


def test_by_default_network_and_resource_are_tried_three_times():
    rules = policy(None)
    assert [rules.wait(Category.RESOURCE, done) for done in (1, 2, 3)] == [1, 2, None]
    assert [c for c in Category if rules.wait(c, 1)] == [Category.RESOURCE, Category.NETWORK]
    assert str(rules) == "3 attempts, 1 s to 30 s, network+resource"
    assert str(policy({"attempts": 1})) == "never"


def test_only_what_is_named_is_given():
    assert parse("attempts=5") == {"attempts": 5}
    assert set(parse(EXAMPLE)) == {"attempts", "backoff", "largest", "categories"}
    assert policy({"attempts": 2, **parse("backoff=0.5")}).backoff == 0.5


@pytest.mark.parametrize(
    "text", ["", "attempts", "attempts=0", "backoff=-1", "categories=x", "a=1"]
)
def test_what_cannot_be_is_refused_with_an_example(text: str):
    with pytest.raises(WorkbenchError) as caught:
        parse(text)
    assert caught.value.code is Code.INVALID_PARAMETER
    assert EXAMPLE in (caught.value.hint or "")
