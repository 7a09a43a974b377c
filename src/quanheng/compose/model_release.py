"""Bring a register of models in step with sources and batteries, and release (I-08 to I-10).

    python -m quanheng.compose.model_release FILE [--add KIND NAME CODE] [--release BY SECOND DAY]

Hashes, versions and digests of records are computed; what changed loses its release. A release is
a decision of two people: with --release every model that passes its battery and is not released is
entered in their names. --add enters a plug-in of an installed wheel (docs/plugins.md).
"""

import argparse
import json
import sys
from pathlib import Path

import msgspec

from quanheng.compose.model_battery import record_digest, record_of
from quanheng.compose.model_registry import (
    STRATEGY,
    Model,
    Register,
    read_register,
    refusal,
    source_now,
)
from quanheng.compose.people import People, read_people
from quanheng.config import ConfigError
from quanheng.edge import plugins
from quanheng.kernels.desk.plugged import CURVE, PLUGGED
from quanheng.kernels.desk.plugged import STRATEGY as STRATEGY_SLOT

_HEAD = """\
# Models and strategies that were tested and released (I-08 to I-10, I-17, I-19, R-05). Written by
# tools/make_models.py; a release is of these sources and this test record only. Persons are opaque
# ids of people.toml.
"""


def in_step(model: Model) -> Model:
    """The entry as sources and battery are now; a change takes the release away."""
    source = source_now(model)
    version = model.version + (model.source not in ("", source))
    now = msgspec.structs.replace(model, source=source, version=version)
    record = record_digest(record_of(now))
    if source == model.source and record == model.record:
        return model
    return msgspec.structs.replace(now, record=record, made_by="", checked_by="", released=0)


def release(model: Model, by: str, seconded_by: str, day: int, people: People) -> Model:
    """A tested entry that is not released, released; ValueError when these two may not."""
    if model.released or not model.record:
        return model
    done = msgspec.structs.replace(model, made_by=by, checked_by=seconded_by, released=day)
    why = refusal(done, people)
    if why:
        raise ValueError(f"model {model.name}: {why}")
    return done


def entry_of(kind: str, name: str, code: int) -> Model:
    """A plug-in's entry, not tested and not released. PluginError when none is installed."""
    slot = STRATEGY_SLOT if kind == STRATEGY else CURVE
    module = plugins.find(slot, name).value.partition(":")[0]
    return Model(name, kind, 1, (module,), "", code)


def text_of(register: Register) -> str:
    """The file's text; strings and arrays of strings are the same in JSON and TOML."""
    lines = [_HEAD]
    for name, entries in (("models", register.models), ("strategies", register.strategies)):
        for model in entries:
            fields = msgspec.to_builtins(model)
            lines += [
                f"[[{name}]]",
                *(f"{key} = {json.dumps(value)}" for key, value in fields.items()),
                "",
            ]
    return "\n".join(lines)


def renew(
    path: Path,
    asked: tuple[str, str, int] | None,
    people: People,
    add: Model | None = None,
    only: bool = False,
) -> Register:
    """Rewrite a register: `add` enters one more, `asked` (by, second, day) releases; `only` looks
    at the plug-ins alone. ConfigError, PluginError or ValueError says why not; then it stays.
    """
    register = read_register(path)
    lists = {"models": register.models, "strategies": register.strategies}
    if add is not None:
        kind = "strategies" if add.kind == STRATEGY else "models"
        lists[kind] = (*lists[kind], add)
    for kind, entries in lists.items():
        done = [entry if only and entry.code < PLUGGED else in_step(entry) for entry in entries]
        if asked is not None:
            done = [release(entry, *asked, people) for entry in done]
        lists[kind] = tuple(done)
    result = Register(lists["models"], lists["strategies"])
    path.write_text(text_of(result), encoding="utf-8")
    read_register(path)
    return result


def main(arguments: list[str] | None = None, path: Path | None = None) -> int:
    """Rewrite the file and say what stands now; 1 when it cannot be done."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    if path is None:
        parser.add_argument("file", type=Path)
    parser.add_argument("--add", nargs=3, metavar=("KIND", "NAME", "CODE"))
    parser.add_argument("--release", nargs=3, metavar=("BY", "SECONDED_BY", "DAY"))
    parser.add_argument("--people", type=Path, default=None)
    parser.add_argument("--plugins", action="store_true", help="look at plug-ins alone")
    given = parser.parse_args(arguments)
    by = given.release
    asked = (by[0], by[1], int(by[2])) if by else None
    try:
        staff = read_people(given.people)
        add = entry_of(given.add[0], given.add[1], int(given.add[2])) if given.add else None
        done = renew(path or given.file, asked, staff, add, given.plugins)
    except (ConfigError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    for model in (*done.models, *done.strategies):
        why = refusal(model, staff) or "released"
        sys.stdout.write(f"{model.name} {model.version}: {why}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
