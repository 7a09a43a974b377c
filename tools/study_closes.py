"""Study every published close of the 510050 options: forwards, vols, curves, arbitrage, peers.

    python tools/study_closes.py --closes FILE.csv.gz --out FOLDER [--workers 2] [--peers-every 5]
        [--report docs/studies/closes-2015-2021.md] [--pictures docs/pictures]

The file has the columns date, kind, expiry, strike and close, one row per option and day. FOLDER
gets slices.csv and points.csv. The report and the pictures are written when asked for; but for the
times they do not depend on the machine. The peers need QuantLib and scipy.
"""

import argparse
import csv
import sys
from pathlib import Path

from quanheng.edge.rulebook_files import read_rulebook
from study import closes, report, run, tables

RULES_OF = 20240627
"""Any day: the calendar it brings covers 2015 to 2027."""


def _write_slices(path: Path, found: run.Study) -> None:
    names = list(dict.fromkeys(name for record in found.slices for name in record))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(found.slices)


def _write_points(path: Path, found: run.Study) -> None:
    names = list(found.points)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(names)
        for row in zip(*(found.points[name] for name in names), strict=True):
            writer.writerow([f"{value:.8g}" for value in row])


def _arguments(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--closes", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--peers-every", type=int, default=0, metavar="N")
    parser.add_argument("--report", type=Path)
    parser.add_argument("--pictures", type=Path)
    return parser.parse_args(words)


def main(words: list[str]) -> None:
    """Run the study and write what was asked for."""
    given = _arguments(words)
    cal = read_rulebook(RULES_OF).calendar
    rows = closes.read_rows(given.closes)
    found = run.run(rows, cal, run.Plan(peers_every=given.peers_every), given.workers)
    given.out.mkdir(parents=True, exist_ok=True)
    _write_slices(given.out / "slices.csv", found)
    _write_points(given.out / "points.csv", found)
    for line in tables.summary(found):
        print(line)
    if given.report:
        given.report.parent.mkdir(parents=True, exist_ok=True)
        given.report.write_text(report.page(found, len(rows)), encoding="utf-8")
    if given.pictures:
        from study import pictures

        pictures.draw(rows, cal, given.pictures)


if __name__ == "__main__":
    main(sys.argv[1:])
