"""Which features the programs prove is written down, and true."""

from __future__ import annotations

from pathlib import Path

from .registry import load_programs

FEATURES = Path(__file__).with_name("features.txt")


def listed() -> dict[str, set[str]]:
    """Return the feature ids under each heading of features.txt."""
    headings: dict[str, set[str]] = {}
    for line in FEATURES.read_text().splitlines():
        if line.startswith("## "):
            heading = headings.setdefault(line[3:], set())
        elif line and line[0].isupper() and "-" in line[:4]:
            heading.add(line.split()[0])
    return headings


def test_every_listed_feature_has_a_program() -> None:
    """A feature listed as covered is named by a program."""
    proven = {feature for program in load_programs().values() for feature in program.features}
    assert set() == listed()["Covered"] - proven


def test_every_named_feature_is_listed() -> None:
    """A program names features of the list only."""
    covered = listed()["Covered"]
    unlisted = {p.name: sorted(set(p.features) - covered) for p in load_programs().values()}
    assert {name: features for name, features in unlisted.items() if features} == {}


def test_no_feature_is_both_covered_and_left_out() -> None:
    """A feature stands under one heading."""
    headings = list(listed().values())
    assert sum(map(len, headings)) == len(set().union(*headings))


def test_every_program_names_a_feature_and_states_a_fact() -> None:
    """A program proves something and says what."""
    assert [p.name for p in load_programs().values() if not p.features or not p.body.__doc__] == []
