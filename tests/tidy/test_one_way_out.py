"""Nothing reaches the wire without the ladder: who may build what, and in which order (I-18, D1).

Three rules over the maker's syntax trees: a message of the order line is built only in the named
functions; an order or a quote only where the same call chain has asked the ladder; and `Send`, the
effect that carries them, only in `requests.send`. Each rule is shown to find a bypass.
"""

import ast
from functools import cache
from pathlib import Path

import pytest

MAKER = Path(__file__).parents[2] / "src" / "quanheng" / "maker"

BUILDERS = {
    "Send": {"requests.send"},
    "Quote": {"quoting.quotes"},
    "NewOrder": {"singles.place"},
    "QuoteCancel": {"quoting._cancel"},
    "OrderCancel": {"singles._cancel"},
    "Passed": {"checks.judge", "checks.joined", "checks.review"},
    "Vetted": {"checks.vet"},
    "LockRequest": {"instruction_wants.wanted_of"},
    "ExerciseRequest": {"instruction_wants._exercise", "instruction_reports._adopt"},
    "MergedExercise": {"instruction_wants._exercise", "instruction_reports._adopt"},
    "CombinationRequest": {"instruction_wants._combine", "instruction_wants._split"},
    "MarginInquiry": {"instruction_wants.wanted_of"},
    "DisposalTransfer": set(),
    "InquiryRequest": set(),
    "BusinessCancel": {"instructions.cancel"},
    "EtfSend": {"etf_orders.place"},
    "EtfOrder": {"etf_orders.place"},
}
"""What is built where; everything else that builds one is a way around the ladder."""

LADDER = {
    "quotes": ("judge", {"quoting.plan"}),
    "place": (
        "review",
        {"maker._trade", "hedging._send", "confirmations._act", "shedding.shed"},
    ),
    "_request": ("vet", {"instructions.instruct"}),
}
"""Function that builds from a `Passed` -> the ladder's form behind it, and its only callers. Orders
in the underlyings have their own few rungs, `etf_orders.refusal`. A request of a business that does
not trade cannot be sent before `instructions._request` gives a vetted one its id.
"""

CANCELS = {"cancel_rows", "_cancel", "BusinessCancel"}
"""Builders of cancels."""

ASKS = {"judge": "quoting._judge", "review": "singles.place", "vet": "instructions.instruct"}
"""Who asks each form of the ladder."""

SENDERS = {
    "quoting._send",
    "singles.place",
    "singles.cancel_one",
    "instructions.instruct",
    "instructions.cancel",
    "singles._withdraw_barred",
    "commands.plan_scope",
    "commands._cancel_unknown",
}
"""Callers of `send`: three judge before, the others carry cancels only."""


def trees(extra=()):
    """(module, tree) of every file of the room, and of texts given as (module, source)."""
    rows = [(path.stem, path.read_text(encoding="utf-8")) for path in sorted(MAKER.glob("*.py"))]
    return [(name, parsed(text)) for name, text in [*rows, *extra]]


@cache
def parsed(text):
    """The tree of a source; the same text is read once."""
    return ast.parse(text)


@cache
def calls(tree):
    """(enclosing function, called name) of every call; "" at the top of a module."""

    def walk(node, inside):
        for child in ast.iter_child_nodes(node):
            name = child.name if isinstance(child, ast.FunctionDef) else inside
            if isinstance(child, ast.Call):
                called = child.func
                if isinstance(called, ast.Name):
                    yield inside, called.id
                elif isinstance(called, ast.Attribute):
                    yield inside, called.attr
            yield from walk(child, name)

    return tuple(walk(tree, ""))


def users(name, extra=()):
    """module.function of every call of a name."""
    return {
        f"{module}.{inside}"
        for module, tree in trees(extra)
        for inside, called in calls(tree)
        if called == name
    }


@cache
def renamed(tree):
    """Names that a module imports under an alias."""
    return {
        one.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for one in node.names
        if one.asname
    }


def imports(name, extra=()):
    """Modules that import a name, under whatever alias: an alias would hide a call."""
    return {module for module, tree in trees(extra) if name in renamed(tree)}


def complaints(extra=()):
    """Every way around the ladder."""
    found = []
    for name, allowed in BUILDERS.items():
        found += [f"{user} builds {name}" for user in sorted(users(name, extra) - allowed)]
        found += [f"{module} renames {name}" for module in sorted(imports(name, extra))]
    for function, (_, allowed) in LADDER.items():
        found += [f"{user} calls {function}" for user in sorted(users(function, extra) - allowed)]
    found += [f"{user} sends" for user in sorted(users("send", extra) - SENDERS)]
    found += [f"{module} renames send" for module in sorted(imports("send", extra))]
    return found


def test_nothing_in_the_room_goes_around_the_ladder():
    assert complaints() == []


def test_what_is_named_here_exists_and_asks_the_ladder():
    """A list of names that nobody has would allow everything."""
    for name, allowed in BUILDERS.items():
        assert users(name) == allowed, name
    for function, (form, allowed) in LADDER.items():
        assert users(function) == allowed
        # A preview asks the ladder and sends nothing: what is sent is judged again.
        assert users(form) - {"quoting.preview"} == {ASKS[form]}
    assert users("_judge") == {"quoting.plan"}
    assert users("refusal") == {"etf_orders.place"}
    assert {user for user in users("_send") if user.startswith("quoting")} == {"quoting.plan"}
    assert users("send") == SENDERS


def test_the_senders_that_do_not_judge_only_carry_cancels():
    """What they hand to `send` comes from cancel builders."""
    # What `quoting._send` carries was put together by `plan`, which judges.
    behind = {"quoting._send": "quoting.plan"}
    for module, function in [behind.get(name, name).split(".") for name in sorted(SENDERS)]:
        tree = dict(trees())[module]
        inside = {called for where, called in calls(tree) if where == function}
        assert inside & {"_judge", "review", "vet", *CANCELS}, f"{module}.{function}"


@pytest.mark.parametrize(
    "source",
    [
        "def leak(state):\n    return Quote('M', '1', 1, 2, 1, 1, 0, 0)",
        "def leak(state):\n    return orders.NewOrder('M', '1', 1, 0, 0, 1, 1)",
        "def leak(state, rows):\n    return Passed(rows)",
        "def leak(state):\n    return send(state, stamp(state, 0), [])",
        "def leak(state, rows):\n    return quotes(state, None, 0, rows, 0)",
        "def leak(state):\n    return Send(1, None, [])",
        "def leak(state):\n    return LockRequest('M', '510050', 1, False)",
        "def leak(state):\n    return business.ExerciseRequest('M', '1', 1)",
        "def leak(state, wanted):\n    return Vetted(wanted)",
        "def leak(state, vetted):\n    return _request(vetted, 'M')",
        "from quanheng.terms.orders import Quote as Q\n\ndef leak():\n    return Q()",
        "from quanheng.maker.requests import send as out\n\ndef leak():\n    return out()",
    ],
)
def test_a_bypass_is_found_and_named(source):
    """A module beside the others that goes around the ladder."""
    assert any("leak" in line or "bypass" in line for line in complaints([("bypass", source)]))
