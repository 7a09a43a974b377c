"""Files and layers of the rulebook: dates, precedence, and clear errors (Q-08, house.md 7)."""

import re

import msgspec
import pytest

from quanheng.edge.rulebook_files import read_rows, read_rulebook, shipped_texts
from quanheng.rulebook import spread
from quanheng.rulebook.load import load_rulebook, read_readings
from quanheng.rulebook.model import Rulebook
from quanheng.rulebook.rows import RulebookError

DAY = 20240627


def _file(authority: str, **values: str) -> str:
    rows = [f'authority = "{authority}"']
    for key, value in values.items():
        rows += ["[[rule]]", f'key = "{key.replace("__", ".")}"', f"value = {value}"]
        rows += ["from = 20150209", 'source = "test"']
    return "\n".join(rows)


def _load(agreement: str | None = None, house: str | None = None) -> Rulebook:
    return load_rulebook(
        DAY,
        shipped_texts(),
        None if agreement is None else ("agreement.toml", agreement),
        None if house is None else ("house.toml", house),
    )


def test_every_row_has_a_source() -> None:
    """Q-08: no number without a paragraph behind it."""
    assert all(row.source for row in read_rows(DAY).values())


def test_past_days_keep_their_rules() -> None:
    """Q-08: the same texts give another rulebook for another day, with another hash."""
    old, new = read_rulebook(20180102), read_rulebook(DAY)
    assert old.prices.breaker_steps == 5
    assert new.prices.breaker_steps == 10
    assert dict(old.prices.limit_rates).get("588000") is None
    assert dict(new.prices.limit_rates)["588000"] == (1, 5)
    assert old.hash != new.hash
    assert read_rulebook(DAY).hash == new.hash


def test_a_day_before_the_first_rule_is_refused() -> None:
    """Q-08: nothing is silently assumed for a day without rules."""
    with pytest.raises(RulebookError, match="20150101"):
        read_rulebook(20150101)


def test_an_agreement_may_loosen_the_guide() -> None:
    """Q-08: the signed agreement stands above the guide, looser or tighter."""
    book = _load(agreement=_file("agreement", spread__near__ratio='"0.12"'))
    assert spread.band(book, 1) == (3, 25, 25)
    assert book.hash != read_rulebook(DAY).hash


def test_an_agreement_cannot_change_the_exchange() -> None:
    """Q-08: an exchange rule names itself when an agreement touches it."""
    with pytest.raises(RulebookError, match=r"agreement\.toml.*breaker\.steps.*trading\.toml"):
        _load(agreement=_file("agreement", breaker__steps="8"))


@pytest.mark.parametrize(
    ("key", "tighter", "looser"),
    [
        ("spread__near__ratio", '"0.08"', '"0.11"'),
        ("quote_size__continuous", "12", "9"),
        ("participation__contract", '"0.85"', '"0.79"'),
        ("inquiry__answer", "10", "16"),
        ("order_size__limit_max", "20", "51"),
        ("order_size__market_max", "5", "11"),
        ("position__long", "4000", "5001"),
        ("position__total", "9000", "10001"),
        ("position__daily_buy_open", "9000", "10001"),
    ],
)
def test_the_house_only_tightens(key: str, tighter: str, looser: str) -> None:
    """Q-08: a house row that loosens is refused with both values and both files."""
    _load(house=_file("house", **{key: tighter}))
    with pytest.raises(RulebookError, match=r"house\.toml.*(duty|money|trading)\.toml.*loosens"):
        _load(house=_file("house", **{key: looser}))


def test_the_house_is_measured_against_the_agreement() -> None:
    """Q-08: what the agreement tightened, the house may not give back."""
    agreement = _file("agreement", spread__near__ratio='"0.07"')
    with pytest.raises(RulebookError, match=r"agreement\.toml"):
        _load(agreement, _file("house", spread__near__ratio='"0.08"'))


def test_the_house_cannot_touch_a_key_without_direction() -> None:
    """Q-08: the timetable or a rating table is nobody's to tighten."""
    with pytest.raises(RulebookError, match="cannot be changed by the house"):
        _load(house=_file("house", rating__day_floor='"0.4"'))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('authority = "agreement"\n[[rule]]\nkey = "spread.maximum"\nvalue = 1\n', "unknown key"),
        ('authority = "agreement"\nnote = 1\nrule = []\n', "note"),
        ("authority = [", "agreement.toml"),
        (_file("agreement", spread__floor='"0.00255"'), "whole number of ticks"),
        (_file("agreement", quote_size__auction='"one"'), "whole number"),
        (_file("house", spread__floor='"0.002"'), "authority"),
        (_file("agreement", coverage__closing='"1"') + "\ncolour = 1", "colour"),
        ('authority = "agreement"\nrule = []\n[readings]\nA99 = "x"\n', "A99"),
        ('authority = "agreement"\nrule = []\n[readings]\nA30 = "highest"\n', "A30"),
        ('authority = "agreement"\n[readings]\nA28 = 14\n', "readings"),
        ('authority = "agreement"\n', "no [[rule]]"),
        (_file("agreement", spread__floor='"0.002"') + "\nuntil = 20150101", "before it begins"),
    ],
)
def test_bad_files_are_named(text: str, words: str) -> None:
    """Bad input: the error names the file and what is wrong in it."""
    if "from" not in text:
        text = text.replace("value = 1\n", 'value = 1\nfrom = 20150209\nsource = "s"\n')
    with pytest.raises(RulebookError, match=re.escape(words)) as caught:
        _load(agreement=text)
    assert "agreement.toml" in str(caught.value)


READINGS = read_readings(shipped_texts()["readings.toml"])
CHOICE = '[readings]\nA28 = "14:49-14:57"\n'


def test_every_open_question_is_a_reading() -> None:
    """Q-08: every open question of rules.md 11 is a key; a default is no alternative."""
    assert list(READINGS) == [f"A{number:02d}" for number in range(1, 39)]
    assert all(item.default not in item.alternatives for item in READINGS.values())
    assert {key: item.default for key, item in READINGS.items()} == read_rulebook(DAY).readings


def test_an_agreement_chooses_a_reading_wherever_the_table_stands() -> None:
    """Q-08: [readings] first, last or between two rules; no rule beside it is lost."""
    head, *rules = _file("agreement", spread__floor='"0.002"', inquiry__answer="10").split(
        "[[rule]]"
    )
    first, second = (f"[[rule]]{rule.rstrip()}\n" for rule in rules)
    for parts in ((CHOICE, first, second), (first, CHOICE, second), (first, second, CHOICE)):
        book = _load(head + "".join(parts))
        assert book.readings["A28"] == "14:49-14:57"
        assert spread.band(book, 1) == (1, 10, 20)
        assert book.duty.inquiry_answer == 10_000_000_000
    alone = _load('authority = "agreement"\n' + CHOICE)
    assert alone.readings["A28"] == "14:49-14:57"
    assert alone.hash != read_rulebook(DAY).hash


def test_readings_stand_only_in_an_agreement() -> None:
    """Q-08: the house and the shipped files cannot choose how a rule is read."""
    with pytest.raises(RulebookError, match=r"house\.toml: \[readings\]"):
        _load(house=_file("house", spread__floor='"0.002"') + "\n" + CHOICE)
    texts = shipped_texts()
    with pytest.raises(RulebookError, match=r"duty\.toml: \[readings\]"):
        load_rulebook(DAY, {**texts, "duty.toml": texts["duty.toml"] + CHOICE})


@pytest.mark.parametrize(
    ("key", "choice"),
    [(key, choice) for key, item in READINGS.items() for choice in item.alternatives],
)
def test_only_implemented_readings_can_be_chosen(key: str, choice: str) -> None:
    """Q-08: an alternative that no code follows is refused by name instead of being printed."""
    text = f'authority = "agreement"\n[readings]\n{key} = "{choice}"\n'
    if choice in READINGS[key].implemented:
        assert _load(text).readings[key] == choice
    else:
        with pytest.raises(RulebookError, match=rf"agreement\.toml: reading {key} .*implemented"):
            _load(text)


def test_an_implemented_reading_must_be_an_alternative() -> None:
    """Bad input: a slip in the shipped readings is found at loading."""
    texts = shipped_texts()
    bad = texts["readings.toml"].replace('implemented = ["14:49-14:57"]', 'implemented = ["14:49"]')
    with pytest.raises(RulebookError, match=r"readings\.toml: A28 implements '14:49'"):
        load_rulebook(DAY, {**texts, "readings.toml": bad})


def test_two_rows_from_the_same_day_are_refused() -> None:
    """Q-08: no row wins by its place in a file or by the name of its file."""
    row = '[[rule]]\nkey = "spread.floor"\nvalue = "0.002"\nfrom = 20150209\nsource = "s"\n'
    agreement = f'authority = "agreement"\n{row}{row}'
    with pytest.raises(
        RulebookError, match=r"agreement\.toml: two rows of spread\.floor from 2015"
    ):
        _load(agreement)
    texts = {**shipped_texts(), "extra.toml": f'authority = "guide"\n{row}'}
    names = r"(duty\.toml and extra|extra\.toml and duty)\.toml: two rows of spread\.floor"
    with pytest.raises(RulebookError, match=names):
        load_rulebook(DAY, texts)
    later = agreement.replace("20150209", "20300101")
    with pytest.raises(RulebookError, match="from 20300101"):
        _load(later)


def test_the_rulebook_survives_the_journal() -> None:
    """T-01: a rulebook is part of a machine's opening, so it must encode exactly."""
    book = read_rulebook(DAY)
    again = msgspec.msgpack.decode(msgspec.msgpack.encode(book), type=Rulebook)
    assert again == book
    assert msgspec.msgpack.encode(again) == msgspec.msgpack.encode(book)
