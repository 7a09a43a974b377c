"""The list of what a node is made of, kept from the running machine (T-06, I-49, I-52).

`listed` looks at hardware, system, packages, build, configuration, lines and the register;
`differences` holds it against the list that two people approved. What changes by itself from one
minute to the next (free memory, process numbers) is not in it.
"""

import os
import platform
import shutil
import socket
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path

import msgspec

from quanheng.compose.isolation import register_of
from quanheng.compose.run_folder import RunError, write_whole
from quanheng.config import Config, config_hash, lines_of
from quanheng.edge import documents as doc
from quanheng.edge.build import this_build
from quanheng.edge.clock import wall
from quanheng.edge.documents import Column, Document, Section, Table
from quanheng.terms.days import day_of
from quanheng.terms.units import Nanos

CPU_LEVEL = ("avx2", "fma", "bmi1", "bmi2", "f16c", "movbe")
"""Flags of x86-64-v3, without which no node trades."""
WORDS = {
    "hardware": ("硬件", "Hardware"),
    "system": ("操作系统", "Operating system"),
    "network": ("网络", "Network"),
    "program": ("程序版本", "Program"),
    "packages": ("软件包", "Packages"),
    "configuration": ("参数配置", "Configuration"),
    "lines": ("线路与端口", "Lines and ports"),
    "isolation": ("账户与主机名册", "Accounts and hosts"),
}
SECRET = ("target", "password", "token")
"""Last words of keys whose values are not printed: a channel's address can hold a token."""


class ListError(RunError):
    """A list that cannot be used; the message names it and the reason."""


class Approval(msgspec.Struct, frozen=True):
    """Who let a list stand."""

    by: str
    seconded_by: str
    at: Nanos
    reason: str


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """A list: node, when it was taken, [group, name, value] in order, and who approved it."""

    node: str
    at: Nanos
    rows: tuple[tuple[str, str, str], ...]
    approval: Approval | None = None


class Difference(msgspec.Struct, frozen=True):
    """An item that is not as approved; "" where there is none."""

    group: str
    name: str
    approved: str
    found: str


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _field(text: str, name: str) -> str:
    for line in text.splitlines():
        key, _, value = line.partition(":" if ":" in line else "=")
        if key.strip() == name:
            return value.strip().strip('"')
    return ""


def _hardware() -> Iterator[tuple[str, str]]:
    cpu = _read("/proc/cpuinfo")
    flags = _field(cpu, "flags").split()
    yield "cpu", _field(cpu, "model name") or platform.machine()
    yield "cpu_count", str(os.cpu_count())
    yield "x86_64_v3", str(all(flag in flags for flag in CPU_LEVEL))
    kib = _field(_read("/proc/meminfo"), "MemTotal").split()
    yield "memory_mib", str(int(kib[0]) // 1024) if kib else "-"
    yield "disk_gib", str(shutil.disk_usage("/").total >> 30)


def _system() -> Iterator[tuple[str, str]]:
    yield "name", _field(_read("/etc/os-release"), "PRETTY_NAME") or platform.system()
    yield "kernel", platform.release()
    yield "libc", " ".join(platform.libc_ver())
    yield (
        "clock_source",
        _read("/sys/devices/system/clocksource/clocksource0/current_clocksource").strip() or "-",
    )


def _network() -> Iterator[tuple[str, str]]:
    for number, name in sorted(socket.if_nameindex()):
        state = _read(f"/sys/class/net/{name}/operstate").strip()
        mtu = _read(f"/sys/class/net/{name}/mtu").strip()
        yield f"{number} {name}", f"{state or '-'}, mtu {mtu or '-'}"


def _program() -> Iterator[tuple[str, str]]:
    build = this_build()
    yield "build", build.identity
    yield "source", build.source
    yield "python", f"{platform.python_implementation()} {build.python}"


def packages() -> dict[str, str]:
    """Every installed distribution with its version, by its name in lower case."""
    found = {one.metadata["Name"].lower(): one.version for one in distributions()}
    return dict(sorted(found.items()))


def _configuration(config: Config) -> Iterator[tuple[str, str]]:
    yield "sha256", config_hash(config)
    for key, value in lines_of(config):
        if key.rpartition(".")[2].partition("[")[0] in SECRET:
            value = "***"
        if not key.startswith(("line.", "isolation.")):
            yield key, value


def _lines(config: Config) -> Iterator[tuple[str, str]]:
    for key, value in lines_of(config):
        if key.startswith("line."):
            yield key.removeprefix("line."), value
    yield "metrics", f"{config.operations.host}:{config.operations.port}"


def _isolation(config: Config) -> Iterator[tuple[str, str]]:
    register = register_of(config)
    for kind in ("accounts", "units", "peers"):
        for number, value in enumerate(getattr(register, kind)):
            yield f"{kind}[{number}]", value


def listed(config: Config) -> Listed:
    """The list of this machine as the node of a configuration."""
    groups = {
        "hardware": _hardware(),
        "system": _system(),
        "network": _network(),
        "program": _program(),
        "packages": iter(packages().items()),
        "configuration": _configuration(config),
        "lines": _lines(config),
        "isolation": _isolation(config),
    }
    rows = tuple((group, *row) for group, found in groups.items() for row in found)
    return Listed(node=config.node, at=wall(), rows=rows)


def approve(found: Listed, by: str, second: str, reason: str) -> Listed:
    """The list with its approval. ListError unless two people stand behind it."""
    if not by or not second or by == second:
        raise ListError(f"{found.node}: a list is approved by two people (T-06)")
    return msgspec.structs.replace(found, approval=Approval(by, second, wall(), reason))


def differences(approved: Listed, found: Listed) -> list[Difference]:
    """What is not as approved, in the order of the lists. ListError for a list of another node or
    one that nobody approved.
    """
    if approved.approval is None:
        raise ListError(f"{approved.node}: nobody has approved this list")
    if approved.node != found.node:
        raise ListError(f"the approved list is of node {approved.node}, not {found.node}")
    was = {(group, name): value for group, name, value in approved.rows}
    now = {(group, name): value for group, name, value in found.rows}
    keys = [*was, *(key for key in now if key not in was)]
    return [
        Difference(*key, was.get(key, ""), now.get(key, ""))
        for key in keys
        if was.get(key) != now.get(key)
    ]


def write(found: Listed, path: Path) -> None:
    """Keep a list as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")


def read(path: Path) -> Listed:
    """A list that was kept. ListError when the file is none."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Listed)
    except (OSError, msgspec.DecodeError) as error:
        raise ListError(f"{path}: {error}") from error


def document(found: Listed, wrong: list[Difference] | None = None) -> Document:
    """系统软硬件配置清单, with the comparison where one was made."""
    names = Column("项目", "item"), Column("内容", "value")
    sections = [
        Section(
            title=zh, english=en, sheet=zh,
            blocks=(Table(
                title=zh, english=en, columns=names,
                rows=tuple((name, value) for group, name, value in found.rows if group == kind),
            ),),
        )
        for kind, (zh, en) in WORDS.items()
    ]  # fmt: skip
    if wrong is not None:
        sections.insert(0, comparison(wrong))
    stamp = found.approval
    facts = [("节点", found.node), ("版本标识", this_build().identity[:16])]
    if stamp:
        facts.append(("批准", f"{stamp.by}、{stamp.seconded_by}：{stamp.reason}"))
    return Document(
        title="系统软硬件配置清单",
        english="Configuration list of the system",
        day=day_of(found.at),
        facts=tuple(facts),
        sections=tuple(sections),
        notes=("由运行中的系统生成；与批准清单不一致的项目须按变更流程处理。",),
        signatures=("编制（运维岗）", "复核"),
    )


def comparison(wrong: list[Difference]) -> Section:
    """The section that says what is not as approved."""
    columns = (
        Column("类别", "group"), Column("项目", "item"), Column("批准值", "approved"),
        Column("现值", "found"),
    )  # fmt: skip
    rows = tuple(
        (WORDS[one.group][0], one.name, one.approved or doc.NOTHING, one.found or doc.NOTHING)
        for one in wrong
    )
    text = f"与批准清单不一致 {len(wrong)} 项。" if wrong else "与批准清单一致。"
    table = Table(title="差异", english="Differences", columns=columns, rows=rows)
    return Section(
        title="与批准清单比对", english="Against the approved list", sheet="比对",
        blocks=(table,) if rows else (), text=text,
    )  # fmt: skip
