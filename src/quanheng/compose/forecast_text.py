"""A month's forecasts beside the grades that came, as tables for people and as a CSV."""

import csv
import io
from fractions import Fraction

import msgspec

from quanheng.compose.forecast_check import DayForecast, as_if_over, said
from quanheng.compose.report import share
from quanheng.compose.text import table
from quanheng.duties.exact import ratio_text
from quanheng.duties.forecast_score import Said, brier, curve
from quanheng.duties.grade import GRADES
from quanheng.terms.days import iso

BINS = 5
COLUMNS = (
    "maker", "underlying", "day", "left", "basis", *GRADES, "so_far", "best", "worst", "if_over",
    "final",
)  # fmt: skip
WORDS = {
    "zh": {
        "head": ("做市商", "品种", "最终"),
        "grid": "每日收盘预测的最可能评级与概率(%)；- 为样本不足",
        "one": ("日期", "剩余日", "样本", *GRADES, "加权参与率", "最好", "最差", "若今日结束"),
        "final": "最终评级",
        "score": ("剩余日", "次数", "Brier", "若今日结束", "按常见评级", "最可能者言中"),
        "curve": ("所言概率", "实际发生", "次数"),
        "all": "全部",
    },
    "en": {
        "head": ("maker", "class", "final"),
        "grid": "Likeliest grade and its chance (%) at each close; -: too few past days",
        "one": (
            "day", "left", "basis", *GRADES, "weighted", "best", "worst", "if over tonight",
        ),
        "final": "final grade",
        "score": ("days left", "times", "Brier", "if over", "usual", "likeliest came"),
        "curve": ("said", "came", "times"),
        "all": "all",
    },
}  # fmt: skip


def csv_of(found: list[DayForecast]) -> bytes:
    """One line a forecast; chances per mille, ratios exact to 12 digits."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for one in found:
        chances = [one.chances.get(grade, "") for grade in GRADES]
        ratios = map(ratio_text, (one.so_far, one.best, one.worst))
        place = (one.maker, one.underlying, iso(one.day), one.left, one.basis)
        writer.writerow([*place, *chances, *ratios, one.if_over, one.final])
    return stream.getvalue().encode()


def _likeliest(one: DayForecast) -> str:
    if not one.chances:
        return "-"
    grade = max(GRADES, key=lambda name: one.chances.get(name, 0))
    return f"{grade} {(one.chances[grade] + 5) // 10}"


def _places(found: list[DayForecast]) -> dict[tuple[str, str], list[DayForecast]]:
    places: dict[tuple[str, str], list[DayForecast]] = {}
    for one in found:
        places.setdefault((one.maker, one.underlying), []).append(one)
    return places


def _grid(found: list[DayForecast], language: str) -> str:
    words = WORDS[language]
    places = _places(found)
    days = sorted({one.day for one in found})
    rows = []
    for (maker, underlying), own in places.items():
        told = {one.day: _likeliest(one) for one in own}
        rows.append([maker, underlying, own[-1].final, *(told.get(day, "") for day in days)])
    head = [*words["head"], *(iso(day)[5:] for day in days)]
    return f"{words['grid']}\n{table(head, rows, left=3)}"


def _one(own: list[DayForecast], language: str) -> str:
    words = WORDS[language]
    rows = [
        [
            iso(one.day),
            str(one.left),
            str(one.basis),
            *(str(one.chances.get(grade, "-")) for grade in GRADES),
            *(share(ratio) for ratio in (one.so_far, one.best, one.worst)),
            one.if_over,
        ]
        for one in own
    ]
    title = f"{own[0].maker} {own[0].underlying}  {words['final']} {own[-1].final}"
    return f"{title}\n{table(list(words['one']), rows)}"


def _came(told: Said) -> str:
    """Share of forecasts whose likeliest grade came."""
    hits = sum(max(GRADES, key=lambda name: one.get(name, 0)) == end for _, end, one in told)
    return share(Fraction(hits, len(told)), 0)


def _scores(found: list[DayForecast], language: str) -> str:
    words = WORDS[language]
    most = max(one.left for one in found)
    spans = [(1, 5), (6, 10), (11, 15), (16, most)] if most > 15 else [(1, most)]
    rows = []
    for low, high in [*spans, (1, most)]:
        own = [one for one in found if low <= one.left <= high]
        told, plain = said(own), as_if_over(own)
        if not told:
            continue
        score, usual = brier(told)
        name = f"{low}-{high}" if (low, high) != (1, most) else str(words["all"])
        over = brier(plain)[0]
        figures = (f"{score:.3f}", f"{over:.3f}", f"{usual:.3f}")
        rows.append([name, str(len(told)), *figures, _came(told)])
    bins = [[f"{a:.0%}", f"{b:.0%}", str(count)] for a, b, count in curve(said(found), BINS)]
    return "\n\n".join((table(list(words["score"]), rows), table(list(words["curve"]), bins)))


def text(found: list[DayForecast], language: str, detail: str) -> str:
    """The grid of all, the days of the maker `detail`, scores and the curve of what was said."""
    parts = [_grid(found, language)]
    parts += [_one(own, language) for (who, _), own in _places(found).items() if who == detail]
    if said(found):
        parts.append(_scores(found, language))
    return "\n\n".join(parts)


def plain(found: list[DayForecast]) -> dict[str, object]:
    """The same for --json: every forecast, the score against the two plain ones."""
    told = said(found)
    score, usual = brier(told) if told else (None, None)
    over = brier(as_if_over(found))[0] if told else None
    rows = msgspec.to_builtins(found, builtin_types=(Fraction,))
    for row in rows:
        for name in ("so_far", "best", "worst"):
            row[name] = ratio_text(row[name])
    return {"forecasts": rows, "times": len(told), "brier": score, "if_over": over, "usual": usual}
