"""The shaped network of the fail-over drill: what is lost, late, overtaken or heard one way (F63).

`tools/shape_network.py` carries packets between TUN devices; here its decisions over a clock of
their own, and the program's switch over pairs of datagram sockets in place of the devices.
"""

import json
import runpy
import socket
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

TOOL = runpy.run_path(str(Path(__file__).parents[2] / "tools" / "shape_network.py"))
A, B, C = "10.77.0.2", "10.77.0.3", "10.77.0.1"
MILLI = 1_000_000


def packet(source: str, target: str, number: int) -> bytes:
    """An IPv4 header with a number behind it."""
    head = bytes([0x45]) + bytes(11) + socket.inet_aton(source) + socket.inet_aton(target)
    return head + number.to_bytes(4, "big")


def number_of(data: bytes) -> int:
    return int.from_bytes(data[20:24], "big")


def sent(shaper: Any, source: str, target: str, count: int, apart: int = MILLI) -> None:
    for number in range(count):
        shaper.take(packet(source, target, number), number * apart)


def test_packets_are_lost_as_asked_and_only_that_way() -> None:
    """Of 20,000 packets 5 % within four deviations; the way back loses none; counts add up."""
    shaper = TOOL["Shaper"](seed=3)
    shaper.say({"from": A, "to": B, "loss": 5})
    for source, target in ((A, B), (B, A)):
        sent(shaper, source, target, 20_000)
    came = Counter(target for target, _ in shaper.due(1 << 62))
    lost = 20_000 - came[B]
    assert abs(lost - 1_000) < 4 * 31 and came[A] == 20_000
    counts = shaper.counts()[f"{A} {B}"]
    assert (counts["lost"], counts["passed"]) == (lost, came[B])


def test_packets_are_late_as_asked_and_stay_in_order() -> None:
    """None before its time, all after the longest; jitter alone overtakes nothing."""
    shaper = TOOL["Shaper"]()
    shaper.say({"from": A, "to": B, "delay": 20, "jitter": 5})
    sent(shaper, A, B, 1_000)
    assert shaper.due(15 * MILLI - 1) == []
    came: list[int] = []
    for now in range(1_030):
        for _, data in shaper.due(now * MILLI):
            number = number_of(data)
            assert 14 <= now - number <= 26 + 10
            came.append(number)
    assert came == list(range(1_000))
    assert shaper.counts()[f"{A} {B}"]["delayed"] == 1_000


def test_packets_overtake_as_asked() -> None:
    """10 % go ahead of those that wait, and nothing is lost by it."""
    shaper = TOOL["Shaper"](seed=5)
    shaper.say({"from": A, "to": B, "delay": 20, "reorder": 10})
    sent(shaper, A, B, 5_000)
    came = [number_of(data) for now in range(6_000) for _, data in shaper.due(now * MILLI)]
    assert sorted(came) == list(range(5_000)) and came != sorted(came)
    count = shaper.counts()[f"{A} {B}"]["reordered"]
    assert abs(count - 500) < 4 * 22


def test_one_way_is_cut_and_comes_back_while_the_other_goes_on() -> None:
    """A rule with "*" is for every address, also for those that were never heard of."""
    shaper = TOOL["Shaper"]()
    sent(shaper, A, B, 3)
    shaper.say({"from": A, "to": "*", "drop": True})
    for source, target in ((A, B), (A, C), (B, A)):
        sent(shaper, source, target, 5)
    came = Counter(target for target, _ in shaper.due(1 << 62))
    assert came == {B: 3, A: 5}
    shaper.say({"from": A, "to": B, "drop": False})
    sent(shaper, A, B, 2)
    sent(shaper, A, C, 2)
    assert Counter(target for target, _ in shaper.due(1 << 62)) == {B: 2}
    assert shaper.counts()[f"{A} {C}"]["dropped"] == 7


@pytest.mark.parametrize(
    "rule", [{"from": A}, {"from": A, "to": B, "los": 1}, {"from": A, "to": B, "loss": "much"},
             {"from": A, "to": B, "delay": -1}]
)  # fmt: skip
def test_what_is_no_rule_is_named(rule: dict[str, object]) -> None:
    """A misspelt rule would make a drill that shows nothing."""
    with pytest.raises(TOOL["RuleError"]):
        TOOL["Shaper"]().say(rule)


def test_the_switch_carries_and_drops_by_command(tmp_path: Path) -> None:
    """Real descriptors and the control socket: one way cut by a line, the other passes."""
    ours, ports = {}, {}
    for address in (A, B):
        mine, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        mine.setblocking(False)
        ours[address], ports[address] = mine, its
    control = tmp_path / "control"
    numbers = {name: one.fileno() for name, one in ports.items()}
    switch = TOOL["Switch"](numbers, control, TOOL["Shaper"]())
    person = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    person.connect(str(control))

    def heard(address: str) -> int:
        count = 0
        while True:
            try:
                ours[address].recv(100)
            except BlockingIOError:
                return count
            count += 1

    def say(rule: dict[str, object]) -> dict[str, Any]:
        person.sendall(json.dumps(rule).encode() + b"\n")
        for _ in range(3):
            switch.turn(0.05)
        answer: dict[str, Any] = json.loads(person.recv(1 << 16))
        return answer

    def pass_ten() -> tuple[int, int]:
        for source, target in ((A, B), (B, A)):
            for number in range(10):
                ours[source].send(packet(source, target, number))
        for _ in range(3):
            switch.turn(0.05)
        return heard(A), heard(B)

    assert say({}) == {}
    assert pass_ten() == (10, 10)
    say({"from": A, "to": B, "drop": True})
    assert pass_ten() == (10, 0)
    assert say({"from": A, "to": B, "drop": False})[f"{A} {B}"]["dropped"] == 10
    assert pass_ten() == (10, 10)
    assert "error" in say({"from": A})
    switch.close()
    for one in (*ours.values(), *ports.values(), person):
        one.close()
