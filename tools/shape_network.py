"""A network of hosts whose packets are late, lost, out of order, or heard in one direction only.

    python tools/shape_network.py CONTROL HOST=ADDRESS[,ADDRESS] [HOST=...]     (root, iproute2)

For each network namespace HOST a TUN device with its addresses; this program carries IPv4 packets
between them, so it can do what a kernel without netem cannot. Each line that a client writes to the
Unix socket CONTROL is a JSON object and is answered with one:

    {"from": "10.77.0.2", "to": "10.77.0.1", "delay": 5, "jitter": 2, "loss": 1, "reorder": 1}
    {"from": "10.77.0.2", "to": "*", "drop": true}       nothing that way, the other way as before
    {}                                                   changes nothing

delay and jitter are milliseconds, loss and reorder per cent of the packets; "*" is any address. A
rule replaces what was said of the same two addresses, field by field. The answer counts packets by
"from to": passed, lost, dropped, delayed, reordered. A packet that is reordered goes at once, ahead
of those that wait; without a delay there is nothing to overtake.
"""

import argparse
import ctypes
import fcntl
import heapq
import json
import os
import random
import selectors
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

MTU = 1_500
QUEUE = 20_000
MOST_WAITING = 50_000
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
HEADER = 20
ANY = "*"
FIELDS = ("delay", "jitter", "loss", "reorder", "drop")
COUNTS = ("passed", "lost", "dropped", "delayed", "reordered")


class RuleError(ValueError):
    """A line that is no rule; the message names the field."""


class Way:
    """One direction between two addresses: its rule, its counts, when its last packet goes."""

    def __init__(self) -> None:
        self.rule = dict.fromkeys(FIELDS, 0.0)
        self.counts = dict.fromkeys(COUNTS, 0)
        self.last = 0


class Shaper:
    """Decides of each packet whether and when it goes on. Sans-I/O; times are nanoseconds."""

    def __init__(self, seed: int = 1) -> None:
        self._draw = random.Random(seed)
        self._rules: list[tuple[str, str, dict[str, float]]] = []
        self._ways: dict[tuple[str, str], Way] = {}
        self._waiting: list[tuple[int, int, str, bytes]] = []
        self._number = 0

    def say(self, rule: dict[str, object]) -> None:
        """Change how packets between two addresses fare. RuleError for what is no rule."""
        if not rule:
            return
        values = {name: rule[name] for name in FIELDS if name in rule}
        unknown = sorted(set(rule) - set(FIELDS) - {"from", "to"})
        if unknown or "from" not in rule or "to" not in rule:
            raise RuleError(f"unknown {unknown}" if unknown else "from and to must be named")
        if any(not isinstance(value, bool | int | float) or value < 0 for value in values.values()):
            raise RuleError(f"{values}: a value is no number of at least 0")
        source, target = str(rule["from"]), str(rule["to"])
        self._rules.append((source, target, {n: float(v) for n, v in values.items()}))  # type: ignore[arg-type]
        for key, way in self._ways.items():
            if source in (ANY, key[0]) and target in (ANY, key[1]):
                way.rule.update(self._rules[-1][2])

    def _way(self, source: str, target: str) -> Way:
        way = self._ways.get((source, target))
        if way is None:
            way = self._ways[source, target] = Way()
            for one, other, values in self._rules:
                if one in (ANY, source) and other in (ANY, target):
                    way.rule.update(values)
        return way

    def take(self, packet: bytes, now: int) -> None:
        """A packet came; one that is no whole IPv4 header is nobody's."""
        if len(packet) < HEADER or packet[0] >> 4 != 4:
            return
        source, target = socket.inet_ntoa(packet[12:16]), socket.inet_ntoa(packet[16:20])
        way = self._way(source, target)
        rule, counts, draw = way.rule, way.counts, self._draw.random
        if rule["drop"] or len(self._waiting) >= MOST_WAITING:
            counts["dropped"] += 1
            return
        if draw() * 100 < rule["loss"]:
            counts["lost"] += 1
            return
        late = rule["delay"] + rule["jitter"] * (2 * draw() - 1)
        at = max(now + int(max(0.0, late) * 1e6), way.last)
        if at > now and draw() * 100 < rule["reorder"]:
            at = now
            counts["reordered"] += 1
        elif at > now:
            counts["delayed"] += 1
            way.last = at
        counts["passed"] += 1
        self._number += 1
        heapq.heappush(self._waiting, (at, self._number, target, packet))

    def due(self, now: int) -> list[tuple[str, bytes]]:
        """(address, packet) of everything whose time has come, in order."""
        out = []
        while self._waiting and self._waiting[0][0] <= now:
            _, _, target, packet = heapq.heappop(self._waiting)
            out.append((target, packet))
        return out

    def next_due(self) -> int | None:
        """When the next packet goes; None without one."""
        return self._waiting[0][0] if self._waiting else None

    def counts(self) -> dict[str, dict[str, int]]:
        """By "from to"."""
        return {f"{one} {other}": way.counts for (one, other), way in self._ways.items()}


class Switch:
    """Descriptors of packets on one side, people's lines on the other, a shaper between them."""

    def __init__(self, ports: dict[str, int], control: Path, shaper: Shaper) -> None:
        """`ports`: address -> descriptor from which a read gives one packet; several addresses may
        share one.
        """
        self._ports, self._shaper = ports, shaper
        self._selector = selectors.DefaultSelector()
        for descriptor in dict.fromkeys(ports.values()):
            os.set_blocking(descriptor, False)
            self._selector.register(descriptor, selectors.EVENT_READ, self._packets)
        self._door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._door.bind(str(control))
        self._door.listen(4)
        self._selector.register(self._door, selectors.EVENT_READ, self._accept)
        self._people: dict[int, socket.socket] = {}

    def turn(self, longest: float = 1.0) -> None:
        """Wait for something, at most so many seconds, and serve it."""
        due = self._shaper.next_due()
        if due is not None:
            longest = min(longest, max(0.0, (due - time.monotonic_ns()) / 1e9))
        for key, _ in self._selector.select(longest):
            key.data(key.fd)
        for target, packet in self._shaper.due(time.monotonic_ns()):
            port = self._ports.get(target)
            if port is not None:
                try:
                    os.write(port, packet)
                except (BlockingIOError, OSError):
                    continue  # as a full queue of a switch does

    def _packets(self, descriptor: int) -> None:
        now = time.monotonic_ns()
        for _ in range(64):
            try:
                packet = os.read(descriptor, 1 << 16)
            except (BlockingIOError, OSError):
                return
            self._shaper.take(packet, now)

    def _accept(self, descriptor: int) -> None:
        peer, _ = self._door.accept()
        self._people[peer.fileno()] = peer
        self._selector.register(peer, selectors.EVENT_READ, self._person)

    def _person(self, descriptor: int) -> None:
        peer = self._people[descriptor]
        data = peer.recv(1 << 16)
        if not data:
            self._selector.unregister(peer)
            self._people.pop(descriptor).close()
            return
        for line in data.splitlines():
            try:
                self._shaper.say(json.loads(line))
                answer: object = self._shaper.counts()
            except ValueError as error:
                answer = {"error": str(error)}
            peer.sendall(json.dumps(answer).encode() + b"\n")

    def close(self) -> None:
        """Give the control socket up; the descriptors are their owner's."""
        for peer in self._people.values():
            peer.close()
        self._door.close()
        self._selector.close()


def tun(host: str, addresses: list[str]) -> int:
    """A TUN device in a network namespace; the descriptor stays of that namespace."""
    libc = ctypes.CDLL(None, use_errno=True)
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    there = os.open(f"/var/run/netns/{host}", os.O_RDONLY)
    try:
        if libc.setns(there, 0):
            raise OSError(ctypes.get_errno(), f"setns {host}")
        device = os.open("/dev/net/tun", os.O_RDWR)
        asked = struct.pack("16sH22x", b"shaped", IFF_TUN | IFF_NO_PI)
        fcntl.ioctl(device, TUNSETIFF, asked)
    finally:
        libc.setns(home, 0)
        os.close(home)
        os.close(there)
    words = ("ip", "-n", host)
    rows = [
        ("link", "set", "lo", "up"),
        *(("addr", "add", f"{one}/24", "dev", "shaped") for one in addresses),
        ("link", "set", "shaped", "mtu", str(MTU), "txqueuelen", str(QUEUE), "up"),
    ]
    for row in rows:
        subprocess.run([*words, *row], check=True)
    return device


def main() -> int:
    """Carry packets until the end of standard input."""
    parser = argparse.ArgumentParser(description="a network that loses and delays packets")
    parser.add_argument("control", type=Path)
    parser.add_argument("hosts", nargs="+", metavar="HOST=ADDRESS[,ADDRESS]")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    ports = {}
    for text in given.hosts:
        host, _, addresses = text.partition("=")
        device = tun(host, addresses.split(","))
        ports.update(dict.fromkeys(addresses.split(","), device))
    switch = Switch(ports, given.control, Shaper(given.seed))
    print("ready", flush=True)
    ended = selectors.DefaultSelector()
    ended.register(sys.stdin, selectors.EVENT_READ)
    while not ended.select(0):
        switch.turn(0.5)
    switch.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
