"""What an edit changed, as it is told: tables by kind and name, and the keys in them."""

from __future__ import annotations

from daemon.config.differences import Change, counted, differences, listed

MAIN = """
[daemon]
poll_every = "1m"
[[exchange]]
name = "okx-main"
kind = "okx"
[[notifier]]
name = "oncall"
url = { env = "URL" }
"""
FLOOR = '[[rule]]\nname = "floor"\nbelow = 1.50\n'


def changes(before: str, after: str, *more: tuple[str, str]) -> tuple[Change, ...]:
    return differences((("rules.toml", before),), (("rules.toml", after), *more))


def test_tables_are_told_by_kind_and_name_and_changes_by_key() -> None:
    after = MAIN.replace('"1m"', '"30s"').replace("okx-main", "okx-second").replace("URL", "OTHER")
    found = changes(MAIN + FLOOR, after + FLOOR.replace("1.50", '2\nfor = "1m"'))
    assert listed(found) == (
        'daemon changed: poll_every; exchange "okx-main" removed; notifier "oncall" changed: url;'
        ' rule "floor" changed: below, for; exchange "okx-second" added'
    )
    assert counted(found) == (
        "daemon changed, 1 exchange removed, 1 notifier changed, 1 rule changed, 1 exchange added"
    )


def test_what_needs_a_restart_is_told_so() -> None:
    found = changes('[daemon]\nlisten = ""\n', '[daemon]\nstate = "other.db"\n')
    assert listed(found) == "daemon changed: listen (at the next restart), state (at the next restart)"


def test_comments_order_and_another_file_are_no_change() -> None:
    other = '[[rule]]\nname = "other"\nbelow = 1\n'
    assert changes(MAIN + FLOOR + other, "# new\n" + MAIN + other, ("rules.d/a.toml", FLOOR)) == ()
    assert listed(()) == "nothing"
    assert changes(MAIN + FLOOR, MAIN + FLOOR.replace("1.50", "1.5")) == ()


def test_amounts_are_compared_exactly() -> None:
    before, after = "0.1000000000000000000000001", "0.1000000000000000000000002"
    found = changes(FLOOR.replace("1.50", before), FLOOR.replace("1.50", after))
    assert listed(found) == 'rule "floor" changed: below'


def test_a_csv_file_is_told_as_a_file() -> None:
    before = (("rules.toml", MAIN), ("floors.csv", "account,below\na,1\n"))
    after = (("rules.toml", MAIN), ("floors.csv", "account,below\na,2\n"))
    assert listed(differences(before, after)) == 'file "floors.csv" changed'


def test_much_is_told_in_a_bounded_text() -> None:
    found = changes(MAIN, MAIN + "".join(f'[[rule]]\nname = "r{number}"\n' for number in range(500)))
    assert listed(found).endswith('rule "r19" added; 480 more')
    assert counted(found) == "500 rules added"
