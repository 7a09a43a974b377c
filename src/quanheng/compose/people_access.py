"""How a verb of the people store opens it, and who is asking.

A person signs in with `people login`; the token lies in a file that only he or she reads. Every
verb that changes something asks the store whether that session may.
"""

import getpass
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from quanheng.compose.wall import clock
from quanheng.desk.people.access import Session, StoreAccess
from quanheng.desk.people.errors import NotAllowedError, StoreError
from quanheng.desk.people.store import Store

_PATH = click.Path(dir_okay=False, path_type=Path)
_Verb = Callable[..., Any]


def store_options(function: _Verb) -> _Verb:
    """Where the store is."""
    options: list[_Verb] = [
        click.option("--store", "where", envvar="QUANHENG_PEOPLE", default="people.sqlite",
                     show_default=True, help="A SQLite file, or the URL of a database."),
        click.option("--key", type=_PATH, envvar="QUANHENG_PEOPLE_KEY", default=None,
                     help="The store's key; FILE.key beside a SQLite file by default."),
        click.option("--rules", type=_PATH, default=None, help="Posts and rights; shipped ones."),
    ]  # fmt: skip
    return _with(options, function)


def session_options(function: _Verb) -> _Verb:
    """Where the store is, and the session of who asks."""
    options: list[_Verb] = [
        click.option("--session", "session_file", type=_PATH, envvar="QUANHENG_SESSION",
                     default=Path(".quanheng-session"), show_default=True,
                     help="What `people login` wrote."),
    ]  # fmt: skip
    return store_options(_with(options, function))


def shown_options(function: _Verb) -> _Verb:
    """How the answer is shown."""
    return click.option("--json", "as_json", is_flag=True, help="One JSON object.")(function)


def _with(options: list[_Verb], function: _Verb) -> _Verb:
    for option in reversed(options):
        function = option(function)
    return function


@contextmanager
def opened(where: str, key: Path | None, rules: Path | None) -> Iterator[Store]:
    """The store, for as long as the verb needs it."""
    with Store(where, key, rules, clock=clock) as store:
        yield store


@contextmanager
def acting(
    where: str, key: Path | None, rules: Path | None, session_file: Path
) -> Iterator[tuple[Store, Session]]:
    """The store and the session that asks. NotAllowedError when there is none that is open."""
    with opened(where, key, rules) as store:
        session = StoreAccess(store).session(read_token(session_file))
        if session is None:
            raise NotAllowedError("未登录或会话已结束 (not signed in, or the session has ended)")
        yield store, session


def read_token(path: Path) -> str:
    """The token of a session file. StoreError when others may read it; "" without a file."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return ""
    if mode & 0o077:
        raise StoreError(f"{path}: others may read the session; chmod 600")
    return path.read_text(encoding="ascii").strip()


def write_token(path: Path, token: str) -> None:
    """Keep a token where only its owner reads it."""
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(token + "\n")


def place() -> str:
    """Where somebody sits, for the trail: user of the system and host."""
    return f"{getpass.getuser()}@{socket.gethostname()}"


def ask(words: str, hide: bool = True, twice: bool = False) -> str:
    """A secret from the terminal, never from the command line, where others could read it."""
    answer: str = click.prompt(words, hide_input=hide, confirmation_prompt=twice, err=True)
    return answer
