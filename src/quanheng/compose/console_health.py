"""The page 系统: processes of the run, their health, clocks, what the watch raised (T-08)."""

from collections.abc import Mapping
from typing import Any

from quanheng.compose.console_house import House
from quanheng.compose.run_folder import read_info
from quanheng.compose.watch_cli import processes, recorded
from quanheng.desk.access import Session
from quanheng.desk.office import COUNT, GROW, HASH, STATE, Column, Page, Sheet
from quanheng.edge.alarm_desk import RECORD
from quanheng.edge.clock_state import SYNCED, UNKNOWN, UNSYNCED
from quanheng.terms.days import clock_text

PROCESSES = (
    Column("role", width=110), Column("pid", COUNT, 80), Column("standing", STATE, 90),
    Column("age", width=90), Column("figure", GROW, 500),
)  # fmt: skip
ALARMS = (
    Column("number", COUNT, 60), Column("at", width=100), Column("standing", STATE, 80),
    Column("code", width=160), Column("scope", width=110), Column("content", GROW, 340),
    Column("delivered", width=120), Column("escalated", width=120), Column("by", width=80),
)  # fmt: skip
NTP_TONES = {SYNCED: "good", UNSYNCED: "warn", UNKNOWN: "warn"}
HASHES = (Column("item", width=160), Column("value", GROW, 300), Column("sha256", HASH, 160))


def page(house: House, who: Session, ask: Mapping[str, str]) -> Page:
    """See the module."""
    info = read_info(house.run)
    live = info.hash_seed == "live"
    rows = [_process(one) for one in processes(house.run)] if live else []
    alone = ("模拟运行在一个进程内，没有独立进程", "a simulation has no processes of its own")
    quiet = ("没有值守进程的记录", "no watch looked at this run")
    found = recorded(house.run) if (house.run / RECORD).exists() else []
    pulse = house.source.pulse()
    facts = [
        ("status", info.status, "good" if info.status == "running" else ""),
        ("engine_age", f"{pulse['engine']} s", ""),
        ("picture_age", f"{pulse['picture']} s", ""),
        ("feed_offset", _offset(pulse), pulse["feed_level"]),
        ("ntp", f"{pulse['ntp']} {pulse['ntp_ms']} ms", NTP_TONES[pulse["ntp"]]),
        ("speed", f"×{info.speed}" if info.speed else "–", ""),
    ]
    return Page(
        [
            Sheet("processes", PROCESSES, rows, alone),
            Sheet("alarms", ALARMS, [_alarm(one) for one in reversed(found)], quiet, share=2),
            Sheet("versions", HASHES, _versions(house), ("", ""), share=1),
        ],
        facts=facts, every=5,
    )  # fmt: skip


def _offset(pulse: Mapping[str, Any]) -> str:
    """Our clock against the exchange's stamps, the median of the last minute."""
    return "–" if pulse["feed_ms"] is None else f"{pulse['feed_ms']:+d} ms"


def _process(one: dict[str, Any]) -> dict[str, Any]:
    return {
        "key": one["role"], "role": one["role"], "pid": one["pid"],
        "standing": "up" if one["up"] else "down",
        "age": f"{one['age_s']} s" if one["age_s"] >= 0 else "–",
        "figure": "  ".join(f"{name}={value}" for name, value in one["figures"].items()),
        "tone": "" if one["up"] else "amber",
    }  # fmt: skip


def _alarm(one: dict[str, Any]) -> dict[str, Any]:
    at = one.get("business", 0)
    return {
        "key": str(one["number"]), "number": one["number"],
        "at": clock_text(at)[:8] if at else "", "standing": f"level_{one['level']}",
        "code": one["code"], "scope": one["scope"], "content": one["text"],
        "delivered": " ".join(one["delivered"]), "escalated": " ".join(one["escalated"]),
        "by": one["acknowledged_by"], "tone": one["level"] if not one["acknowledged_by"] else "",
    }  # fmt: skip


def _versions(house: House) -> list[dict[str, Any]]:
    """What the run was made with (S-01): version, rules, configuration, sources, chain heads."""
    info = read_info(house.run)
    rows = [
        ("version", info.version, ""), ("rulebook", "", info.rulebook),
        ("config", "", info.config), ("source", "", info.source), ("digest", "", info.digest),
        *((f"head {name}", "", head) for name, head in info.heads.items()),
    ]  # fmt: skip
    return [{"key": name, "item": name, "value": value, "sha256": sha} for name, value, sha in rows]
