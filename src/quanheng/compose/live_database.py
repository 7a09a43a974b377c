"""What a live run gives the processes that copy journals into PostgreSQL (docs/operations.md).

Each node's folder has one of its own, which copies the journals that lie there, each under a name
of its own: a run that is made anew in the same folder is another one in the table.
"""

import os
from pathlib import Path

import msgspec

from quanheng.compose.live_nodes import copy_roles, copying
from quanheng.config import Config
from quanheng.edge.pg_journal import NAMES, write_names
from quanheng.edge.pgcopy_main import Setup

PGCOPY = "pgcopy"


def pgcopies_of(config: Config) -> tuple[str, ...]:
    """Roles of the processes of a run that copy into a database."""
    database = config.database
    return copy_roles(config, PGCOPY, database.machines) if database.enabled else ()


def write_pgcopies(run: Path, config: Config) -> None:
    """Their parts; folders must be there. Names that a run has are kept."""
    roles = pgcopies_of(config)
    for folder, title, machines in copying(run, roles, config.database.machines):
        if not (folder / NAMES).exists():
            write_names(folder, dict.fromkeys(machines, f"{title}-{os.urandom(4).hex()}"))
        setup = Setup(config.database.url, machines)
        (folder / "live" / f"{PGCOPY}.msgpack").write_bytes(msgspec.msgpack.encode(setup))
