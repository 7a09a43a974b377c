"""What the watch sees of the place a day runs at: the wall's clock and the journals' files.

A machine's own time is monotonic and no step of the wall touches it; what people and files are
dated by is the wall's, so a step of more than a second is told (F60), and the maker
halts itself. A journal's file that
vanishes or shrinks while it is written goes on taking bytes that nobody will ever read (F12).
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from quanheng.edge.clock import WallWatch
from quanheng.terms.units import MILLISECOND, SECOND, Nanos

EVERY = SECOND
"""How often the journals' files are looked for."""
Fault = tuple[str, str, str]
"""Code, scope and words of an alarm."""


class Place:
    """`look` once in a while; each fault is told once."""

    def __init__(self, run: Path, now: Callable[[], Nanos], wall: Callable[[], Nanos]) -> None:
        self._run, self._now = run, now
        self._wall = WallWatch(now, wall)
        self._next: Nanos = 0
        self._known: dict[Path, tuple[int, int]] = {}  # inode and size

    def look(self) -> Iterator[Fault]:
        """What is new."""
        now = self._now()
        moved = self._wall.moved()
        if moved:
            yield "clock_stepped", "*", f"系统时钟跳变 {moved // MILLISECOND} 毫秒"
        if now >= self._next:
            self._next = now + EVERY
            yield from self._journals()

    def _journals(self) -> Iterator[Fault]:
        for path, (inode, size) in list(self._known.items()):
            try:
                found = path.stat()
            except OSError as error:
                del self._known[path]
                yield "journal_gone", self._name(path), f"日志文件不可读：{error.strerror}"
                continue
            if found.st_ino != inode or found.st_size < size:
                yield "journal_gone", self._name(path), "日志文件被替换或截短"
            self._known[path] = found.st_ino, found.st_size
        for path in self._run.glob("journal/*/*.seg"):
            if path not in self._known:
                found = path.stat()
                self._known[path] = found.st_ino, found.st_size

    def _name(self, path: Path) -> str:
        return f"{path.parent.name}/{path.name}"
