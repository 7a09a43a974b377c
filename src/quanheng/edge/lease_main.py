"""The agent's process of a lease in the store: `python -m quanheng.edge.lease_main RUN`.

RUN/live/lease.msgpack says which node it serves and where the store is; RUN/lease/agent.json
survives it (docs/messaging.md).
"""

import sys
from pathlib import Path

import msgspec

from quanheng.edge.child import Child
from quanheng.edge.gates import enter
from quanheng.edge.kv_arbiter import KvArbiterProcess, KvSetup
from quanheng.edge.loop import Loop
from quanheng.edge.nats_config import MessagingError
from quanheng.edge.nats_gate import GateRefusedError
from quanheng.edge.serving import watched

REFUSED = 3
"""Exit code when the servers are not as they should be and the day has not begun."""


def main(run: Path) -> int:
    """Run until the supervisor says stop."""
    enter(run)
    setup = msgspec.msgpack.decode((run / "live" / "lease.msgpack").read_bytes(), type=KvSetup)
    loop = Loop()
    child = Child(loop)
    process = KvArbiterProcess(run, setup, loop)
    try:
        process.first()
    except MessagingError as error:
        # Once the day runs its node waits for the store; before, a wrong server ends it.
        if isinstance(error, GateRefusedError) and not (run / "live" / "clock.json").exists():
            process.close()
            sys.stderr.write(f"lease: {error}\n")
            return REFUSED
    watched(child, loop, run, "lease", process.turn, port=process.port)
    process.close()
    child.tell("ended")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
