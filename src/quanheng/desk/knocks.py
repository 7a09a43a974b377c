"""How often one address may try to come in (reliability.md 5: buckets by person and by address).

The store locks a person after five failures; somebody who tries one password on many names is
stopped here, before anything dear is worked out.
"""

import math
from collections import OrderedDict

TRIES = 20
"""Failures of one address within WITHIN seconds; the next waits until the oldest is past."""
WITHIN = 60.0
ADDRESSES = 10_000
"""Addresses that are remembered; the one that was quiet for longest goes first."""


class Knocks:
    """Failures by address. `now` is monotonic seconds."""

    def __init__(self, most: int = TRIES) -> None:
        self._most = most
        self._failed: OrderedDict[str, list[float]] = OrderedDict()

    def wait(self, where: str, now: float) -> int:
        """Seconds that an address has to wait, 0 when it may try."""
        recent = [at for at in self._failed.get(where, ()) if now - at < WITHIN]
        return math.ceil(WITHIN - (now - recent[0])) if len(recent) >= self._most else 0

    def failed(self, where: str, now: float) -> None:
        """Count a failure; an address has at most `most` of them in memory."""
        known = self._failed.pop(where, [])
        self._failed[where] = [*known, now][-self._most :]
        while len(self._failed) > ADDRESSES:
            self._failed.popitem(last=False)


PROGRAM_RATE = 20
"""Requests a second of one token: the tables a program reads are made where the pictures are."""


class Rates:
    """Requests of each token within its second; only tokens that are good are counted."""

    def __init__(self, most: int = PROGRAM_RATE) -> None:
        self._most = most
        self._seen: OrderedDict[str, tuple[int, int]] = OrderedDict()

    def allow(self, token: str, now: float) -> bool:
        """May a token ask once more in this second?"""
        second, count = self._seen.pop(token, (0, 0))
        count = count + 1 if second == int(now) else 1
        self._seen[token] = (int(now), count)
        while len(self._seen) > ADDRESSES:
            self._seen.popitem(last=False)
        return count <= self._most
