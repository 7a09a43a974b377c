"""Rate a market on a Ray cluster of two nodes on this machine and kill one of them in the middle.

    python tests/live/ray_cluster.py MARKET OUT FIRST LAST

A process of its own, so that whoever starts it can end it and all that came from it. It prints one
JSON object: the parts that were there when the node was killed, the part it was working on by the
name of its process, the nodes that Ray counts as dead afterwards.
"""

import json
import os
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
# Everything stays on the loopback; else Ray asks for an address that others can reach.
os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"

import ray
from ray.cluster_utils import Cluster

from quanheng.compose.rate_command import PARTS, RatePlan, rate_folder

NODE: dict[str, Any] = {
    "num_cpus": 1,
    "object_store_memory": 80 << 20,
    "node_ip_address": "127.0.0.1",
    "include_dashboard": False,
    "include_log_monitor": False,
    "no_monitor": True,
}
QUICK = {
    "health_check_initial_delay_ms": 1_000,
    "health_check_period_ms": 500,
    "health_check_failure_threshold": 10,
}
"""Notice a dead node within seconds, but not a slow one."""


def children(pid: int) -> list[int]:
    """The processes that a process started."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        found += [int(word) for word in task.read_text().split()]
    return found


def title(pid: int) -> str:
    """What a process calls itself."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].decode()
    except OSError:
        return ""


def kill_while_it_works(raylet: int, parts: Path, told: dict[str, Any]) -> None:
    """Kill a node, workers and all, as soon as it works on a part and some part is done."""
    while "over" not in told:
        time.sleep(0.005)
        done = len(list(parts.glob("*.msgpack")))
        workers = children(raylet)
        titles = [title(pid) for pid in workers]
        if done and "ray::rate_one" in titles:
            for pid in (raylet, *workers):
                os.kill(pid, signal.SIGKILL)
            told |= {"parts": done, "working": "ray::rate_one"}
            return


def main() -> None:
    """The cluster, the rating, the kill, the report."""
    market, out, first, last = sys.argv[1:]
    plan = RatePlan(
        folder=Path(market), out=Path(out), first=int(first), last=int(last), engine="ray"
    )
    with tempfile.TemporaryDirectory(prefix="q") as temp:  # sockets in it need a short name
        os.environ["RAY_TMPDIR"] = temp
        rate(plan)


def rate(plan: RatePlan) -> None:
    """Rate it, and tell."""
    head = NODE | {"_system_config": QUICK}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    second = cluster.add_node(**NODE)
    os.environ["RAY_ADDRESS"] = cluster.address
    raylet = second.all_processes["raylet"][0].process.pid
    told: dict[str, Any] = {}
    killer = threading.Thread(
        target=kill_while_it_works, args=(raylet, plan.out / PARTS, told), daemon=True
    )
    killer.start()
    rate_folder(plan)
    told["over"] = True
    killer.join()
    until = time.monotonic() + 20
    while all(node["Alive"] for node in ray.nodes()) and time.monotonic() < until:
        time.sleep(0.1)
    told["dead"] = sum(not node["Alive"] for node in ray.nodes())
    told["nodes"] = len(ray.nodes())
    print(json.dumps(told), flush=True)
    ray.shutdown()
    cluster.shutdown()


if __name__ == "__main__":
    main()
