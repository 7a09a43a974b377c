"""Bring src/quanheng/data/models.toml in step with the sources and the test batteries.

    .venv/bin/python tools/make_models.py [--release BY SECONDED_BY YYYYMMDD]

Hashes, versions and digests of records are computed; what changed loses its release. A release is
a decision of two people: with --release every model that passes its battery and is not released is
entered in their names.
"""

import argparse
import json
from pathlib import Path

import msgspec

from quanheng.compose.model_battery import record_digest, record_of
from quanheng.compose.model_files import files_of
from quanheng.compose.model_registry import Model, Register, read_register, refusal
from quanheng.compose.model_sources import source_hash
from quanheng.compose.people import read_people

PATH = Path(__file__).parents[1] / "src" / "quanheng" / "data" / "models.toml"

_HEAD = """\
# Models and strategies that were tested and released (I-08 to I-10, I-17, I-19, R-05). Written by
# tools/make_models.py; a release is of these sources and this test record only. Persons are opaque
# ids of people.toml.
"""


def in_step(model: Model) -> Model:
    """The entry as sources and battery are now; a change takes the release away."""
    source = source_hash(files_of(model.modules))
    record = record_digest(record_of(model))
    if source == model.source and record == model.record:
        return model
    version = model.version + (model.source not in ("", source))
    return msgspec.structs.replace(
        model,
        source=source,
        record=record,
        version=version,
        made_by="",
        checked_by="",
        released=0,
    )


def release(model: Model, by: str, seconded_by: str, day: int) -> Model:
    """A tested entry that is not released, released; ValueError when these two may not."""
    if model.released or not model.record:
        return model
    done = msgspec.structs.replace(model, made_by=by, checked_by=seconded_by, released=day)
    why = refusal(done, read_people())
    if why:
        raise ValueError(f"model {model.name}: {why}")
    return done


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


def main() -> None:
    """Rewrite the file and say what stands now."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--release", nargs=3, metavar=("BY", "SECONDED_BY", "DAY"))
    asked = parser.parse_args().release
    register = read_register()
    done = [
        tuple(in_step(model) for model in entries)
        for entries in (register.models, register.strategies)
    ]
    if asked:
        by, seconded_by, day = asked
        done = [
            tuple(release(model, by, seconded_by, int(day)) for model in entries)
            for entries in done
        ]
    PATH.write_text(text_of(Register(*done)), encoding="utf-8")
    staff = read_people()
    for model in (*done[0], *done[1]):
        print(f"{model.name} {model.version}: {refusal(model, staff) or 'released'}")


if __name__ == "__main__":
    main()
