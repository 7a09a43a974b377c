"""The register of models: what was tested, what was released, and by whom (I-08 to I-10, R-05).

`data/models.toml` holds one entry per model: its sources by hash, the digest of its test record,
and the release with two people (经办, 复核). A release is for those sources and that record only;
when either moves, the model is no longer released and no day opens with it.
"""

from importlib.resources import files
from pathlib import Path

import msgspec

from quanheng.authority.policy import Act, rule_of
from quanheng.compose.model_files import SourceError, files_of
from quanheng.compose.model_sources import source_hash
from quanheng.compose.people import People, read_people
from quanheng.config import Config, ConfigError
from quanheng.kernels.desk.curves.layout import MODELS, WING
from quanheng.maker.parameters import INDEX, TABLE
from quanheng.terms.units import Day

SHIPPED = "data/models.toml"
KINDS = ("pricing", "curve", "correction", "check")
"""What a model is for: prices, curves, corrections to a curve, checks of the desk's own models."""
ALWAYS = ("black76", MODELS[WING])
"""Models every day needs: prices come from the first, other curves fall back to the second."""


class Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One entry. `code` is the value of the parameter curve_model, 0 for what is no curve."""

    name: str
    kind: str
    version: int  # counts the sources that were registered under this name
    modules: tuple[str, ...]
    source: str  # SHA-256 of the sources
    code: int = 0
    record: str = ""  # SHA-256 of the test record; empty before a test was passed
    made_by: str = ""  # 经办, an opaque id
    checked_by: str = ""  # 复核
    released: Day = 0


class Register(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    models: tuple[Model, ...]


def read_models(path: Path | None = None) -> tuple[Model, ...]:
    """The entries of a file, or the shipped ones. ConfigError names the file and the reason."""
    name = str(path) if path else SHIPPED
    source = path if path else files("quanheng") / SHIPPED
    try:
        models = msgspec.toml.decode(source.read_text(encoding="utf-8"), type=Register).models
    except (OSError, UnicodeDecodeError, msgspec.DecodeError) as error:
        raise ConfigError(f"{name}: {error}") from error
    problem = _problem(models)
    if problem:
        raise ConfigError(f"{name}: {problem}")
    return models


def _problem(models: tuple[Model, ...]) -> str:
    known: list[str] = []
    for model in models:
        if model.name in known:
            return f"model {model.name} stands twice"
        known.append(model.name)
        if model.kind not in KINDS:
            return f"model {model.name}: kind {model.kind!r} is not one of {', '.join(KINDS)}"
        wanted = MODELS.index(model.name) if model.kind == "curve" and model.name in MODELS else 0
        if model.code != wanted:
            return f"model {model.name}: code {model.code} is not {wanted}"
    missing = [name for name in ALWAYS if name not in known]
    return f"model {missing[0]} is missing" if missing else ""


def changed(model: Model) -> str:
    """Why the running sources are not the registered ones, "" when they are."""
    try:
        now = source_hash(files_of(model.modules))
    except SourceError as error:
        return str(error)
    if now != model.source:
        return f"its sources changed: registered {model.source[:12]}, running {now[:12]}"
    return ""


def refusal(model: Model, people: People) -> str:
    """Why a model may not be used, "" when it may (I-10): tests, two people, unchanged sources."""
    if not model.record:
        return "it has no test record that was passed"
    if not (model.made_by and model.checked_by and model.released):
        return "it is not released"
    return unappointed(model.made_by, model.checked_by, people) or changed(model)


def unappointed(made_by: str, checked_by: str, people: People) -> str:
    """Why these two may not release a model or strategy, "" when they may (I-10)."""
    if made_by == checked_by:
        return "maker and checker of its release are one person"
    rule = rule_of(Act.MODEL_RELEASE)
    posts = {entry.person: entry.posts for entry in people.people}
    for person, allowed in ((made_by, rule.proposers), (checked_by, rule.seconders)):
        if not any(post in allowed for post in posts.get(person, ())):
            return f"{person} of its release is not appointed as {' or '.join(allowed)}"
    return ""


def _chosen(config: Config) -> list[int]:
    """Curve models a configuration asks for, the default included."""
    default = TABLE[INDEX["curve_model"]].default
    asked = [item.value for item in config.parameters if item.name == "curve_model"]
    return sorted({default, *asked})


def released_curves(
    config: Config, path: Path | None = None, people: People | None = None
) -> tuple[int, ...]:
    """Codes of the curve models a day may use.

    ConfigError, naming model, version and reason, when one that the day cannot do without, or that
    the configuration chooses, is not released.
    """
    models = read_models(path)
    staff = people or read_people()
    chosen = _chosen(config)
    codes: list[int] = []
    for model in models:
        why = refusal(model, staff)
        if why and (model.name in ALWAYS or (model.code and model.code in chosen)):
            place = path or SHIPPED
            raise ConfigError(f"{place}: model {model.name} version {model.version}: {why}")
        if model.code and not why:
            codes.append(model.code)
    unknown = [code for code in chosen if code not in codes]
    if unknown:
        raise ConfigError(f"{path or SHIPPED}: no released model has code {unknown[0]}")
    return tuple(sorted(codes))
