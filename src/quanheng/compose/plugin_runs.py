"""The plug-ins that a run's maker was opened with, brought into this process (I-17, R-05).

Whoever replays or explains a run needs the very code that quoted then: an opening names each
plug-in by name and hash.
"""

from pathlib import Path

from quanheng.compose.run_folder import RunError
from quanheng.edge import plugins
from quanheng.maker.maker import Maker
from quanheng.maker.messages import MakerOpen
from quanheng.maker.state import State
from quanheng.runtime.journal import INPUT
from quanheng.runtime.records import Checkpoint, envelope_decoder
from quanheng.runtime.segment import read_segments
from quanheng.runtime.state import decode_state


def load_of_run(run: Path, start: Checkpoint | None) -> None:
    """What the maker of a run was opened with, by its first input or by the snapshot to go on from.
    RunError when a plug-in is not installed as it was.
    """
    opened = _first_input(run) if start is None else decode_state(start.state, State).opened
    if opened is None:
        return
    try:
        plugins.load_opening(opened)
    except plugins.PluginError as error:
        raise RunError(f"{run}: {error}") from error


def _first_input(run: Path) -> MakerOpen | None:
    for frame in read_segments(run / "journal" / Maker.NAME, Maker.NAME, 1):
        if frame.kind == INPUT:
            body = envelope_decoder(Maker).decode(frame.payload).body
            return body if isinstance(body, MakerOpen) else None
    return None
