# SPDX-License-Identifier: MIT
"""Two checkpoints as one say what the two would have said one after the other."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from logban.ledger.records import MAX_EVIDENCE, Allowed, BanRow, Checkpoint
from logban.ledger.store import Store
from logban.model import Ban, Evidence, Position, Subject

SUBJECTS = tuple(Subject.parse(f"198.51.100.{n}") for n in range(3))
subjects = st.sampled_from(SUBJECTS)
small = st.integers(0, 2)


def row(
    jail: str, subject: Subject, time: int, until: int, ended: int | None, lines: int
) -> BanRow:
    evidence = tuple(Evidence(time, "rule", f"{until} {n}", "log") for n in range(lines))
    return BanRow(Ban(jail, subject, time, until, lines, "rule", evidence), ended, str(ended))


rows = st.builds(row, st.sampled_from("ab"), subjects, small, small, st.none() | small, small)
positions = st.builds(
    lambda inode, offset: Position("/log", 1, inode, offset, b"", 0), small, st.integers(0, 99)
)


def by_file(places: Sequence[Position]) -> tuple[Position, ...]:
    return tuple({at.inode: at for at in places}.values())


@st.composite
def checkpoints(draw: st.DrawFn) -> Checkpoint:
    """Give a checkpoint of a kind that the daemon makes: a file is in it once at most."""
    places = by_file(draw(st.lists(positions, max_size=3)))
    cut = draw(st.integers(0, 3))
    bans = {(each.ban.jail, each.ban.subject, each.ban.time): each for each in draw(st.lists(rows))}
    return Checkpoint(
        bans=tuple(bans.values()),
        floors=draw(st.dictionaries(subjects, st.none() | st.floats(0, 9))),
        allowed={
            entry: Allowed(entry, 1) if kept else None
            for entry, kept in draw(st.dictionaries(st.sampled_from("xyz"), st.booleans())).items()
        },
        tracked=draw(
            st.dictionaries(
                st.tuples(st.sampled_from("ab"), subjects), st.none() | st.sampled_from(["1", "2"])
            )
        ),
        notes=draw(
            st.dictionaries(
                st.tuples(st.sampled_from("ab"), st.sampled_from("cd")),
                st.none() | st.sampled_from(["1", "2"]),
            )
        ),
        positions=places[:cut],
        retired=places[cut:],
    )


def contents(checkpoints: Sequence[Checkpoint]) -> list[list[object]]:
    with tempfile.TemporaryDirectory() as directory:
        store = Store(Path(directory, "x.sqlite3"))
        store._database.execute("PRAGMA synchronous = OFF")
        for each in checkpoints:
            store.commit(each)
        stored = store.load()
        found: list[list[object]] = [
            sorted(map(repr, part))
            for part in (
                stored.active, stored.floors.items(), stored.allowed, stored.tracked.items(),
                stored.notes.items(), stored.positions,
                *(store.history(subject, 99) for subject in SUBJECTS),
            )
        ]  # fmt: skip
        store.close()
        return found


@settings(max_examples=40, deadline=None)
@given(st.lists(checkpoints(), min_size=2, max_size=4))
def test_merged_they_lead_to_the_same_database(several: list[Checkpoint]) -> None:
    merged = Checkpoint()
    for each in several:
        merged = merged.then(each)
    assert contents([merged]) == contents(several)


def test_a_file_that_comes_back_under_a_retired_ones_inode_keeps_its_position() -> None:
    place = Position("/log", 1, 7, 100, b"", 0)
    merged = Checkpoint(retired=(place,)).then(Checkpoint(positions=(place,)))
    assert (merged.positions, merged.retired) == ((place,), ())
    merged = Checkpoint(positions=(place,)).then(Checkpoint(retired=(place,)))
    assert (merged.positions, merged.retired) == ((), (place,))


def test_merged_evidence_is_capped() -> None:
    merged = Checkpoint()
    for until in range(40):
        merged = merged.then(Checkpoint(bans=(row("a", SUBJECTS[0], 0, until, None, 2),)))
    (only,) = merged.bans
    assert [item.line for item in only.ban.evidence][-1] == "39 1"
    assert len(only.ban.evidence) == MAX_EVIDENCE


def test_what_is_empty() -> None:
    assert Checkpoint().is_empty()
    assert Checkpoint().then(Checkpoint()).is_empty()
    assert not Checkpoint(floors={SUBJECTS[0]: None}).is_empty()
