"""Reads what strace wrote of the extraction pool, between two marks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CALLS = "open,openat,openat2,creat,connect,execve,sendto"
OPENED = re.compile(r'\b(?:open|openat|openat2|creat)\((?:[^",]+, )?"((?:[^"\\]|\\.)*)"')
REACHED = re.compile(r"\b(?:connect|sendto)\(.*sin6?_port=htons\((\d+)\)")
ADDRESS = re.compile(r'inet_addr\("([^"]+)"\)|inet_pton\(AF_INET6, "([^"]+)"')
RAN = re.compile(r'\bexecve\("((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True)
class Traced:
    """``opened``: paths as they were given, of calls that opened something; ``tried``: of calls
    that did not. ``reached``: (address, port) of connections. ``ran``: programs."""

    opened: frozenset[str]
    tried: frozenset[str]
    reached: frozenset[tuple[str, int]]
    ran: frozenset[str]


def read_trace(trace: Path, begin: Path, end: Path) -> Traced:
    opened: set[str] = set()
    tried: set[str] = set()
    reached: set[tuple[str, int]] = set()
    ran: set[str] = set()
    for line in _between(trace, str(begin), str(end)):
        if found := OPENED.search(line):
            gone = " = -1 " in line
            (tried if gone else opened).add(found[1])
        elif found := REACHED.search(line):
            named = ADDRESS.search(line)
            address = (named[1] or named[2]).removeprefix("::ffff:") if named else "unknown"
            reached.add((address, int(found[1])))
        elif found := RAN.search(line):
            ran.add(found[1])
    return Traced(*map(frozenset, (opened, tried, reached, ran)))


def _between(trace: Path, begin: str, end: str) -> Iterator[str]:
    inside = False
    with trace.open(errors="replace") as lines:
        for line in lines:
            if f'"{end}"' in line:
                return
            if inside:
                yield line
            elif f'"{begin}"' in line:
                inside = True
    raise AssertionError("the marks are not in the trace")
