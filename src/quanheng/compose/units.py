"""Units of systemd for a node: the day, the self-test before it, limits and the network policy.

The policy is fail-closed (T-04, O-06): everything is denied but the hosts of the isolation
register, so a peer or an alarm channel that is not listed there is refused here, where a person
reads it, and not at nine o'clock by the kernel.
"""

import ipaddress
import shlex
import sys
from pathlib import Path
from urllib.parse import urlsplit

from quanheng.compose.isolation import register_of
from quanheng.compose.run_folder import write_whole
from quanheng.config import Config, ConfigError

SELF_TEST_AT, START_AT, BACKUP_AT = "08:30", "09:00", "18:00"
ZONE = "Asia/Shanghai"
STOP_S = 90
"""Seconds for an orderly end: withdraw, see it out, close journals."""
LIMITS = (
    "MemoryMax=12G",
    "TasksMax=512",
    "LimitNOFILE=8192",
    "LimitCORE=0",
    "OOMScoreAdjust=-900",
    "CPUWeight=900",
    "IOWeight=900",
)
"""Bounds of a day's processes together; no core dump, since it would hold keys and positions."""
WALLS = (
    "NoNewPrivileges=yes",
    "ProtectSystem=strict",
    "ProtectKernelTunables=yes",
    "ProtectKernelModules=yes",
    "ProtectControlGroups=yes",
    "ProtectClock=yes",
    "PrivateTmp=yes",
    "PrivateDevices=yes",
    "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6",
    "RestrictNamespaces=yes",
    "RestrictRealtime=yes",
    "RestrictSUIDSGID=yes",
    "LockPersonality=yes",
    "SystemCallArchitectures=native",
    "UMask=0077",
)
"""Not MemoryDenyWriteExecute: compiled kernels are made while the process runs."""


def allowed(config: Config) -> tuple[str, ...]:
    """Addresses the units let through: the register's, which must cover lines and channels.

    ConfigError for a host that is no address, or that a line or channel needs and nobody listed.
    """
    peers = register_of(config).peers
    for number, peer in enumerate(peers):
        try:
            ipaddress.ip_network(peer)
        except ValueError as error:
            raise ConfigError(f"isolation.peers[{number}]: {error}; units need addresses") from None
    wanted = [("line.host", config.line.host), ("operations.host", config.operations.host)]
    if config.line.standby_host:
        wanted.append(("line.standby_host", config.line.standby_host))
    for number, one in enumerate(config.operations.channels):
        where = f"operations.channels[{number}]"
        if one.kind == "webhook":
            wanted.append((f"{where}.target", urlsplit(one.target[0]).hostname or ""))
        elif one.kind == "mail":
            wanted.append((f"{where}.host", one.host.rpartition(":")[0] or one.host))
    for where, host in wanted:
        if host not in peers:
            raise ConfigError(
                f"{where}: {host} is not in isolation.peers, the units would deny it; "
                "use an address that is listed, for instance a relay"
            )
    return peers


def _plain(path: Path) -> str:
    """A path as systemd reads it: a per cent sign would begin a specifier."""
    return str(path).replace("%", "%%")


def _service(what: str, command: str, home: Path, peers: tuple[str, ...], user: str,
             *more: str) -> str:  # fmt: skip
    """Nothing is installed to start with the machine: the timers start services."""
    lines = [
        "[Unit]",
        f"Description={what}",
        "Wants=network-online.target time-sync.target",
        "After=network-online.target time-sync.target",
        "",
        "[Service]",
        f"User={user}",
        f"WorkingDirectory={_plain(home)}",
        f'ReadWritePaths="{_plain(home)}"',
        "Environment=PYTHONHASHSEED=0 PYTHONUNBUFFERED=1",
        f'Environment="NUMBA_CACHE_DIR={_plain(home)}/kernels"',
        f"ExecStart={command}",
        *more,
        "IPAddressDeny=any",
        *(f"IPAddressAllow={peer}" for peer in peers),
        *LIMITS,
        *WALLS,
    ]
    return "\n".join(lines) + "\n"


def _timer(what: str, at: str) -> str:
    lines = (
        "[Unit]",
        f"Description={what}",
        "",
        "[Timer]",
        f"OnCalendar=Mon..Fri *-*-* {at}:00 {ZONE}",
        "AccuracySec=1s",
        "Persistent=no",
        "",
        "[Install]",
        "WantedBy=timers.target",
    )
    return "\n".join(lines) + "\n"


def units(config: Config, config_file: Path, home: Path, user: str) -> dict[str, str]:
    """Text of each unit by its file's name. ConfigError as for `allowed`."""
    name, peers = config.node, allowed(config)
    base = f"quanheng-{name}"
    program = f"{sys.executable} -m quanheng"
    file, place = shlex.quote(_plain(config_file)), shlex.quote(_plain(home))
    up = f"{program} up {name} --foreground --home {place} --config {file} --speed 1"
    test = f"{program} self-test --config {file} --out {place}/{name}/self-tests"
    return {
        f"{base}.service": _service(
            f"Quanheng node {name}: the processes of a trading day", up, home, peers, user,
            "Type=exec", "KillMode=mixed", "KillSignal=SIGTERM", f"TimeoutStopSec={STOP_S}",
            "Restart=no",
        ),
        f"{base}-self-test.service": _service(
            f"Quanheng node {name}: self-test before the open", test, home, peers, user,
            "Type=oneshot", "TimeoutStartSec=600",
        ),
        f"{base}.timer": _timer(f"Quanheng node {name}: a trading day", START_AT),
        f"{base}-self-test.timer": _timer(f"Quanheng node {name}: self-test", SELF_TEST_AT),
    }  # fmt: skip


def backup_units(
    config: Config, home: Path, user: str, archive: Path, copies: tuple[Path, ...]
) -> dict[str, str]:
    """Service and timer of the day's backup (T-07); it may write to the media it is for."""
    name = config.node
    base = f"quanheng-{name}-backup"
    words = [f"--copy {shlex.quote(_plain(copy))}" for copy in copies]
    command = " ".join(
        [f"{sys.executable} -m quanheng backup {name} --home {shlex.quote(_plain(home))}",
         f"--to {shlex.quote(_plain(archive))} --by schedule", *words]
    )  # fmt: skip
    # The key is made beside the archive, so its folder must be there and may be written to.
    places = [f'ReadWritePaths="{_plain(place)}"' for place in (archive.parent, *copies)]
    what = f"Quanheng node {name}: backup of the day"
    more = ("Type=oneshot", "TimeoutStartSec=7200", *places)
    return {
        f"{base}.service": _service(what, command, home, allowed(config), user, *more),
        f"{base}.timer": _timer(what, BACKUP_AT),
    }


def write_units(found: dict[str, str], out: Path) -> list[Path]:
    """The units as files of a folder."""
    out.mkdir(parents=True, exist_ok=True)
    for name, text in found.items():
        write_whole(out / name, text.encode())
    return [out / name for name in found]
