"""Sound without a container: frames that follow one another, each with its length in its header.

A frame begins with eleven to sixteen bits of sync, which is weak evidence: it is believed where the
next frame stands at its end.
"""

from __future__ import annotations

from collections.abc import Callable

Frame = Callable[[bytes], int | None]

#: kbit/s by index, for MPEG-1 layers III and II, and for both in MPEG-2 and 2.5.
_KBITS_3 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_KBITS_2 = (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384)
_KBITS_LOW = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
#: Samples a second by index, for MPEG-1.
_RATES = (44_100, 48_000, 32_000)
#: AC-3: kbit/s by half the index.
_KBITS_AC3 = (
    32,
    40,
    48,
    56,
    64,
    80,
    96,
    112,
    128,
    160,
    192,
    224,
    256,
    320,
    384,
    448,
    512,
    576,
    640,
)


def followed(head: bytes, frame: Frame) -> bool:
    """Whether a frame begins here and another one at its end."""
    length = frame(head)
    return length is not None and frame(head[length:]) is not None


def mpeg_frame(head: bytes) -> int | None:
    """Bytes of the frame of MPEG layer II or III that begins here; None when none does."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    version, layer = head[1] >> 3 & 3, 4 - (head[1] >> 1 & 3)
    bits, rate = head[2] >> 4, head[2] >> 2 & 3
    if version == 1 or layer not in (2, 3) or bits in (0, 15) or rate == 3:
        return None
    first = version == 3
    kbits = (_KBITS_LOW if not first else _KBITS_3 if layer == 3 else _KBITS_2)[bits]
    hertz = _RATES[rate] // (1 if first else 2 if version == 2 else 4)
    return (144 if first or layer == 2 else 72) * kbits * 1000 // hertz + (head[2] >> 1 & 1)


def ac3_frame(head: bytes) -> int | None:
    """Bytes of the frame of AC-3 that begins here; None when none does."""
    if len(head) < 6 or not head.startswith(b"\x0bw") or head[5] >> 3 > 10:
        return None
    rate, size = head[4] >> 6, head[4] & 63
    if rate == 3 or size >= 2 * len(_KBITS_AC3):
        return None
    kbits = _KBITS_AC3[size // 2]
    words = (kbits * 2, kbits * 320 // 147 + size % 2, kbits * 3)[rate]
    return 2 * words


def eac3_frame(head: bytes) -> int | None:
    """Bytes of the frame of Enhanced AC-3 that begins here; None when none does."""
    if len(head) < 6 or not head.startswith(b"\x0bw") or not 11 <= head[5] >> 3 <= 16:
        return None
    return 2 * (int.from_bytes(head[2:4], "big") % 2048 + 1)
