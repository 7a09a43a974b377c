"""The register of models and strategies: what was tested, what was released, and by whom (I-08 to
I-10, I-17, I-19, R-05).

`data/models.toml` holds one entry per model and per quoting strategy: its sources by hash, the
digest of its test record, and the release with two people (经办, 复核). A release is for those
sources and that record only; when either moves, the entry is no longer released and no day opens
with it. Codes from PLUGGED on are plug-ins of installed wheels (`edge.plugins`): the name is their
entry point's, and their hash covers the wheel's own files.
"""

from pathlib import Path

import msgspec

from quanheng.authority.policy import Act, rule_of
from quanheng.compose.model_files import SourceError, files_of
from quanheng.compose.model_sources import source_hash, system_version
from quanheng.compose.people import People, read_people
from quanheng.config import Config, ConfigError, read_toml
from quanheng.edge import plugins
from quanheng.kernels.desk.curves.layout import MODELS, WING
from quanheng.kernels.desk.plugged import CURVE, PLUGGED, SLOTS
from quanheng.kernels.desk.plugged import STRATEGY as STRATEGY_SLOT
from quanheng.kernels.desk.strategies.layout import NAMES
from quanheng.maker.parameters import INDEX, TABLE
from quanheng.terms.units import Day

SHIPPED = "data/models.toml"
KINDS = ("pricing", "curve", "correction", "check")
"""What a model is for: prices, curves, corrections to a curve, checks of the desk's own models."""
STRATEGY = "strategy"
"""The kind of every entry under `strategies`."""
ALWAYS = ("black76", MODELS[WING])
"""Models every day needs: prices come from the first, other curves fall back to the second."""


class Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One entry. `code` is the value of the parameter curve_model or strategy, 0 for the rest."""

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

    @property
    def slot(self) -> int:
        """Which table of plug-ins it belongs to."""
        return STRATEGY_SLOT if self.kind == STRATEGY else CURVE


class Register(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    models: tuple[Model, ...]
    strategies: tuple[Model, ...] = ()


def read_models(path: Path | None = None) -> tuple[Model, ...]:
    """The models of a file, or the shipped ones. ConfigError names the file and the reason."""
    return read_register(path).models


def read_register(path: Path | None = None) -> Register:
    """The entries of a file, or the shipped ones. ConfigError names the file and the reason."""
    return read_toml(Register, path, SHIPPED, _register_problem)


def _register_problem(register: Register) -> str:
    return (
        _problem(register.models)
        or _strategy_problem(register.strategies)
        or _slot_problem([one for one in register.models if one.code >= PLUGGED])
        or _slot_problem([one for one in register.strategies if one.code >= PLUGGED])
    )


def _slot_problem(entries: list[Model]) -> str:
    """Every plug-in has a slot of its own."""
    for number, entry in enumerate(entries):
        if entry.code >= PLUGGED + SLOTS:
            return f"{entry.name}: code {entry.code} is beyond {PLUGGED + SLOTS - 1}"
        if entry.code in [other.code for other in entries[:number]]:
            return f"{entry.name}: code {entry.code} stands twice"
        if " " in entry.name or not entry.name:
            return f"{entry.name!r} is no name of a plug-in"
    return ""


def _problem(models: tuple[Model, ...]) -> str:
    known: list[str] = []
    for model in models:
        if model.name in known:
            return f"model {model.name} stands twice"
        known.append(model.name)
        if model.kind not in KINDS:
            return f"model {model.name}: kind {model.kind!r} is not one of {', '.join(KINDS)}"
        curve = model.kind == "curve"
        if curve and model.code >= PLUGGED and model.name not in MODELS:
            continue
        wanted = MODELS.index(model.name) if curve and model.name in MODELS else 0
        if model.code != wanted:
            return f"model {model.name}: code {model.code} is not {wanted}"
    missing = [name for name in ALWAYS if name not in known]
    return f"model {missing[0]} is missing" if missing else ""


def _strategy_problem(strategies: tuple[Model, ...]) -> str:
    for number, entry in enumerate(strategies):
        if entry.kind != STRATEGY:
            return f"strategy {entry.name}: kind {entry.kind!r} is not {STRATEGY}"
        own = entry.code < PLUGGED
        if (own or entry.name in NAMES) and NAMES[entry.code : entry.code + 1] != (entry.name,):
            return f"strategy {entry.name}: no kernel has this name and code {entry.code}"
        if entry.name in [other.name for other in strategies[:number]]:
            return f"strategy {entry.name} stands twice"
    return ""


def changed(model: Model) -> str:
    """Why the running sources are not the registered ones, "" when they are."""
    try:
        now = source_now(model)
    except (SourceError, plugins.PluginError) as error:
        return str(error)
    if now != model.source:
        return f"its sources changed: registered {model.source[:12]}, running {now[:12]}"
    return ""


def source_now(model: Model) -> str:
    """SHA-256 of the sources as they are here. SourceError or PluginError when there are none."""
    if model.code >= PLUGGED:
        return plugins.source_of(plugins.find(model.slot, model.name))
    return source_hash(files_of(model.modules))


def origin(model: Model) -> str:
    """Distribution, version and entry point or module that a model comes from, for people."""
    if model.code < PLUGGED:
        return f"quanheng {system_version()}, {model.modules[0] if model.modules else ''}"
    try:
        return plugins.find(model.slot, model.name).origin
    except plugins.PluginError as error:
        return str(error)


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


def _chosen(config: Config, name: str) -> list[int]:
    """Values of a parameter that a configuration asks for, the default included."""
    default = TABLE[INDEX[name]].default
    asked = [item.value for item in config.parameters if item.name == name]
    return sorted({default, *asked})


def released_curves(
    config: Config, path: Path | None = None, people: People | None = None
) -> tuple[int, ...]:
    """Codes of the curve models a day may use.

    ConfigError, naming model, version and reason, when one that the day cannot do without, or that
    the configuration chooses, is not released.
    """
    found = _released(read_models(path), _chosen(config, "curve_model"), ALWAYS, path, people)
    return tuple(sorted(found))


def released_strategies(
    config: Config, path: Path | None = None, people: People | None = None
) -> tuple[tuple[int, str], ...]:
    """(code, version) of the strategies a day may quote with; the version counts the registered
    sources and names the running ones by hash. ConfigError as `released_curves`.
    """
    strategies = read_register(path).strategies
    found = _released(strategies, _chosen(config, "strategy"), (), path, people)
    return tuple(sorted((code, version_of(entry)) for code, entry in found.items()))


def version_of(entry: Model) -> str:
    """The version that stands behind every message; a plug-in's follows its name."""
    if entry.code >= PLUGGED:
        return plugins.label(entry.name, entry.version, entry.source)
    return f"{entry.version}-{entry.source[:12]}"


def load_plugin(entry: Model) -> None:
    """Bring a plug-in's code into this process; nothing to do for the house's own. ConfigError
    when it is not what was registered.
    """
    if entry.code < PLUGGED:
        return
    try:
        plugins.load(entry.slot, entry.code, entry.name, entry.version, entry.source)
    except plugins.PluginError as error:
        raise ConfigError(str(error)) from error


def _released(
    entries: tuple[Model, ...],
    chosen: list[int],
    always: tuple[str, ...],
    path: Path | None,
    people: People | None,
) -> dict[int, Model]:
    """Released entries by code; ConfigError when one that is needed is not."""
    staff = people or read_people()
    place = path or SHIPPED
    found: dict[int, Model] = {}
    for entry in entries:
        why = refusal(entry, staff)
        kind = STRATEGY if entry.kind == STRATEGY else "model"
        if why and (entry.name in always or (entry.code and entry.code in chosen)):
            raise ConfigError(f"{place}: {kind} {entry.name} version {entry.version}: {why}")
        if entry.code and not why:
            found[entry.code] = entry
            load_plugin(entry)
    unknown = [code for code in chosen if code not in found]
    if unknown:
        kind = "model" if always else STRATEGY
        raise ConfigError(f"{place}: no released {kind} has code {unknown[0]}")
    return found
