"""Print the test records of the pricing models as Markdown; exit 1 when one does not pass.

Run: `python tools/model_records.py`.
"""

import sys

from quanheng.compose.model_checks import record_black
from quanheng.compose.model_checks_trees import record_trees
from quanheng.compose.model_record import render


def main() -> None:
    """Run every battery."""
    records = [record_black(), record_trees()]
    print("\n".join(render(record) for record in records))
    sys.exit(0 if all(record.passed for record in records) else 1)


if __name__ == "__main__":
    main()
