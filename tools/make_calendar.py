"""Write the trading calendar's data from two public libraries that must agree but for named days.

    .venv/bin/python tools/make_calendar.py > src/quanheng/rulebook/data/sse/calendar.toml

2015 to 2026 come from exchange_calendars (XSHG) and chinesecalendar, compared day by day; they may
differ only on the days of EXCHANGE_ONLY, which the file names. 2027 is provisional: fixed-date
holidays and the usual length of the moving ones, until the exchange's notice.
"""

import datetime

import chinese_calendar
import exchange_calendars

# The festivals of 2027 by the lunar calendar, with the weekdays usually given.
PROVISIONAL = {
    "New Year": ["2027-01-01"],
    "Spring Festival (6 February)": [
        "2027-02-05", "2027-02-08", "2027-02-09", "2027-02-10", "2027-02-11", "2027-02-12",
    ],
    "Qingming (5 April)": ["2027-04-05"],
    "Labour Day": ["2027-05-03", "2027-05-04", "2027-05-05"],
    "Dragon Boat (9 June)": ["2027-06-09"],
    "Mid-Autumn (15 September)": ["2027-09-15"],
    "National Day": ["2027-10-01", "2027-10-04", "2027-10-05", "2027-10-06", "2027-10-07"],
}  # fmt: skip


# Weekdays the exchange closed although they were ordinary working days.
EXCHANGE_ONLY = {
    datetime.date(2024, 2, 9): "Lunar New Year's Eve; the exchange's notice of 2023-12",
}


def closed_weekdays(year: int) -> list[int]:
    """Weekdays of a year without trading. ValueError names a day on which the sources differ."""
    exchange = exchange_calendars.get_calendar("XSHG", start=f"{year}-01-01", end=f"{year}-12-31")
    sessions = {stamp.date() for stamp in exchange.sessions}
    day, out = datetime.date(year, 1, 1), []
    while day.year == year:
        if day.weekday() < 5:
            trading = day in sessions
            if trading == chinese_calendar.is_holiday(day) and day not in EXCHANGE_ONLY:
                raise ValueError(f"the sources differ on {day}")
            if not trading:
                out.append(int(day.strftime("%Y%m%d")))
        day += datetime.timedelta(days=1)
    return out


def main() -> None:
    """Print the file."""
    print("# Weekdays on which the Shanghai Stock Exchange does not trade.")
    print(
        "# Made by tools/make_calendar.py from exchange_calendars (XSHG) and chinesecalendar. They"
    )
    print("# are equal on every day of 2015 to 2026 but for these; they are closed:")
    for closed, why in EXCHANGE_ONLY.items():
        print(f"# - {closed} ({why}): a working day in chinesecalendar")
    print("first = 20150101\nlast = 20271231\nprovisional_from = 20270101")
    print('source = "SSE holiday notices of each year; rules.md 1.4; dependencies.md 2.8"\n')
    print("[closed]")
    for year in range(2015, 2027):
        print(f"{year} = {closed_weekdays(year)}")
    days = [int(day.replace("-", "")) for group in PROVISIONAL.values() for day in group]
    print("# Provisional until the exchange's notice for 2027.")
    print(f"2027 = {days}")


if __name__ == "__main__":
    main()
