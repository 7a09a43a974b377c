"""Cut the committed sample out of the file of 510050 closes: some days of every kind of market.

    python tools/make_close_sample.py etf50_option_close_2015_2021.csv.gz

The rows of DAYS go to tools/source-data/etf50_option_close_sample.csv.gz unchanged; the same input
gives the same bytes.
"""

import gzip
import sys
from pathlib import Path

TARGET = Path(__file__).parent / "source-data" / "etf50_option_close_sample.csv.gz"

DAYS = (
    # The first days, with five strikes an expiry, and an expiry with too few points.
    "2015-02-09", "2015-02-10", "2015-04-21", "2015-06-10",
    # The crash of 2015 and an expiry day in it.
    "2015-07-08", "2015-07-22", "2015-08-20", "2015-08-24", "2015-08-26", "2015-09-07",
    # The days of January 2016 on which trading stopped early, and an expiry with two closes.
    "2016-01-04", "2016-01-07", "2016-05-24", "2016-11-22",
    # Adjusted and standard contracts on one strike.
    "2016-12-06", "2017-01-25", "2018-01-03", "2018-12-28", "2019-06-25",
    # Calm.
    "2017-04-07", "2017-06-15", "2017-07-03", "2017-07-04", "2017-07-05", "2017-08-23",
    # February 2018.
    "2018-02-05", "2018-02-06", "2018-02-08", "2018-02-09", "2018-02-12",
    # A day whose calls rose a hundredfold, and odd wings.
    "2019-02-25", "2019-04-03", "2019-07-17",
    # 2020: after the holiday, March, the rally of July.
    "2020-02-03", "2020-03-19", "2020-07-03", "2020-07-06", "2020-07-07", "2020-07-13",
    # Lately.
    "2021-02-18", "2021-09-16", "2021-12-31",
)  # fmt: skip


def sample(path: Path) -> bytes:
    """The file's header and the rows of DAYS, compressed."""
    header, *rows = gzip.decompress(path.read_bytes()).decode("utf-8").splitlines(keepends=True)
    kept = [row for row in rows if row[:10] in DAYS]
    return gzip.compress("".join([header, *kept]).encode("utf-8"), 9, mtime=0)


def main() -> None:
    """Write the sample."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    TARGET.write_bytes(sample(Path(sys.argv[1])))


if __name__ == "__main__":
    main()
