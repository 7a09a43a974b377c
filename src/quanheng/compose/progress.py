"""A progress line on standard error, quiet when it is not a terminal."""

import sys
import time


class Progress:
    """Draws `label [#####.....] 43% detail` in place; on a pipe it prints a line every ten
    percent.
    """

    def __init__(self, label: str, enabled: bool = True) -> None:
        self.label = label
        self.enabled = enabled
        self.terminal = sys.stderr.isatty()
        self.started = time.monotonic()
        self.last_drawn = 0.0
        self.last_tenth = -1

    def __call__(self, part: float, detail: str = "") -> None:
        """Show a part between 0 and 1 with a detail text."""
        if not self.enabled:
            return
        now = time.monotonic()
        done = part >= 1.0
        if self.terminal:
            if not done and now - self.last_drawn < 0.2:
                return
            self.last_drawn = now
            bar = "█" * int(part * 30) + "░" * (30 - int(part * 30))
            seconds = now - self.started
            text = f"\r{self.label} {bar} {part * 100:5.1f}%  {seconds:5.1f}s  {detail}\x1b[K"
            sys.stderr.write(text + ("\n" if done else ""))
        else:
            tenth = int(part * 10)
            if tenth == self.last_tenth:
                return
            self.last_tenth = tenth
            sys.stderr.write(f"{self.label} {part * 100:.0f}%  {detail}\n")
        sys.stderr.flush()
