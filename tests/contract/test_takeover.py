# SPDX-License-Identifier: GPL-3.0-or-later
"""`import --collections` takes over a folder of Radicale's own storage, and loses nothing."""

import base64
import json
import random
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from pathlib import Path

import pytest
from radicale.storage import BaseStorage

from radicale_bcm.books import revisions
from radicale_bcm.books.history import Actor
from radicale_bcm.contacts.lines import fold
from radicale_bcm.server.reading import read_item
from radicale_bcm.sync import takeover
from radicale_bcm.sync.errors import NotThere
from radicale_bcm.sync.takeover import Outcome, Takeover
from tests.in_process import collection_at, items_of, opened, props, texts_of

ACTOR = Actor("test", "test", "command")


def _card(rng: random.Random, uid: str) -> str:
    photo = base64.b64encode(rng.randbytes(rng.randrange(500, 4000))).decode()
    lines = [
        "BEGIN:VCARD",
        rng.choice(["VERSION:3.0", "VERSION:4.0"]),
        f"UID:{uid}",
        f"FN:{rng.choice('ÄБ李أ')}nn {uid}",
        f"N:Nn;{uid};;;",
        "item1.EMAIL;TYPE=INTERNET:a@example.com",
        "item1.X-ABLabel:_$!<Other>!$_",
        f"PHOTO;ENCODING=b;TYPE=JPEG:{photo}",
        "NICKNAME:Joe,Joey",
        r"NOTE:one\, two\; three\nfour",
        "END:VCARD",
    ]
    return "".join(map(fold, lines))


def _event(rng: random.Random, uid: str) -> str:
    kind = rng.choice(["VEVENT", "VTODO"])
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//test//EN", f"BEGIN:{kind}", f"UID:{uid}"]
    lines += ["DTSTAMP:20260101T000000Z", f"DTSTART:202601{rng.randrange(10, 28)}T100000Z", f"SUMMARY:Été {uid}"]
    if rng.random() < 0.3:
        lines.append("RRULE:FREQ=WEEKLY;COUNT=5")
    return "".join(map(fold, [*lines, f"END:{kind}", "END:VCALENDAR"]))


COLLECTIONS = {
    "alice/Contacts": ("VADDRESSBOOK", 2500),
    "alice/Größe & Co": ("VADDRESSBOOK", 1000),
    "alice/calendar": ("VCALENDAR", 800),
    "bob/tasks.ics": ("VCALENDAR", 200),
    "bob/deep/inside/book": ("VADDRESSBOOK", 500),
}


@pytest.fixture(scope="module")
def old_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """5 collections with 5,000 items, as Radicale's own storage keeps them."""
    rng = random.Random(7)
    folder = tmp_path_factory.mktemp("old")
    for path, (tag, count) in COLLECTIONS.items():
        place = folder / takeover.ROOT / path
        (place / ".Radicale.cache" / "item").mkdir(parents=True)
        (place / ".Radicale.cache" / "item" / "x.vcf").write_bytes(b"pickle")
        properties = {"tag": tag, "D:displayname": f"{path} – ü", "ICAL:calendar-color": "#ff0000ff"}
        (place / ".Radicale.props").write_text(json.dumps(properties))
        card = tag == "VADDRESSBOOK"
        for number in range(count):
            uid = f"{path}-{number}" if number % 3 else f"{rng.getrandbits(128):032x}"
            suffix = ".vcf" if card else ".ics"
            name = sha256(uid.encode()).hexdigest()[:20] + suffix if number % 7 else f"ü {number}"
            text = (_card if card else _event)(rng, uid)
            (place / name).write_bytes(text.encode())
    (folder / takeover.ROOT / "bob" / ".Radicale.props").write_text('{"D:displayname": "Bob"}')
    return folder


def _take(storage: BaseStorage, folder: Path, *, dry_run: bool = False) -> Outcome:
    work = Takeover(storage.site, ACTOR, folder, partial(read_item, storage.configuration))
    work.run(dry_run=dry_run)
    return work.outcome


def _revision(storage: BaseStorage) -> int:
    with storage.site.read() as conn:
        return revisions.current(conn)


def test_nothing_is_lost_and_a_second_run_changes_nothing(old_folder: Path, tmp_path: Path) -> None:
    with opened(tmp_path) as storage:
        first = _take(storage, old_folder)
        assert (first.items, first.unreadable, first.kept) == (5000, [], [])
        with storage.acquire_lock("r"):
            for path, (tag, count) in COLLECTIONS.items():
                found = collection_at(storage, f"/{path}/")
                place = old_folder / takeover.ROOT / path
                files = {file.name: file.read_bytes().decode() for file in place.iterdir() if file.is_file()}
                assert found.get_meta() == json.loads(files.pop(".Radicale.props"))
                assert found.tag == tag
                assert texts_of(found) == files
                assert len(files) == count
                assert {item.href: item.etag for item in found.get_all()} == {
                    name: f'"{sha256(text.encode()).hexdigest()}"' for name, text in files.items()
                }
            assert collection_at(storage, "/bob/").get_meta() == {"D:displayname": "Bob"}
            assert collection_at(storage, "/bob/deep/").tag == ""
        before = _revision(storage)
        second = _take(storage, old_folder)
        assert (second.collections, second.items, second.unchanged) == (0, 0, 5000)
        assert (second.unreadable, second.kept) == ([], [])
        assert _revision(storage) == before


def test_a_dry_run_counts_and_keeps_nothing(old_folder: Path, tmp_path: Path) -> None:
    with opened(tmp_path) as storage:
        before = _revision(storage)
        outcome = _take(storage, old_folder, dry_run=True)
        assert outcome.items == 5000
        assert _revision(storage) == before
        with storage.acquire_lock("r"):
            assert list(storage.discover("/alice/")) == []


@pytest.fixture
def old(tmp_path: Path) -> Callable[..., Path]:
    """Writes files into an address book of the old storage."""

    def make(files: dict[str, str | bytes]) -> Path:
        place = tmp_path / "old" / takeover.ROOT / "alice" / "book"
        place.mkdir(parents=True, exist_ok=True)
        (place / ".Radicale.props").write_text('{"tag": "VADDRESSBOOK"}')
        for name, content in files.items():
            (place / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return tmp_path / "old"

    return make


def test_what_cannot_be_read_is_told_and_spoils_nothing(old: Callable[..., Path], tmp_path: Path) -> None:
    good = _card(random.Random(1), "good")
    folder = old({"good.vcf": good, "junk.vcf": "hello", "latin.vcf": b"BEGIN:VCARD\r\nFN:\xdc\r\nEND:VCARD\r\n"})
    place = folder / takeover.ROOT / "alice" / "book"
    (place / "backup.vcf~").write_text(good)
    (place / "link.vcf").symlink_to(place / "nowhere")
    (folder / takeover.ROOT / "alice" / "loop").symlink_to(folder / takeover.ROOT / "alice", target_is_directory=True)
    (folder / takeover.ROOT / "alice" / "bad").mkdir()
    (folder / takeover.ROOT / "alice" / "bad" / ".Radicale.props").write_text("[1")
    (folder / takeover.ROOT / "alice" / "stray.vcf").write_text(good)
    with opened(tmp_path / "new") as storage:
        outcome = _take(storage, folder)
        assert {each.path.rpartition("/")[2] for each in outcome.unreadable} == {
            "junk.vcf",
            "latin.vcf",
            "backup.vcf~",
            "link.vcf",
            "loop",
            "bad",
            "stray.vcf",
        }
        assert all(each.reason for each in outcome.unreadable)
        with storage.acquire_lock("r"):
            assert texts_of(collection_at(storage, "/alice/book/")) == {"good.vcf": good}


def test_cards_without_fn_or_uid_and_with_lf_come_over_as_they_are(old: Callable[..., Path], tmp_path: Path) -> None:
    text = "BEGIN:VCARD\nVERSION:3.0\nN:Doe;John\nEMAIL:j@example.com\nEND:VCARD\n"
    with opened(tmp_path / "new") as storage:
        outcome = _take(storage, old({"a.vcf": text}))
        assert outcome.items == 1
        with storage.acquire_lock("r"):
            assert texts_of(collection_at(storage, "/alice/book/")) == {"a.vcf": text}
        assert _take(storage, old({"a.vcf": text})).unchanged == 1


def test_what_changed_here_since_stays(old: Callable[..., Path], tmp_path: Path) -> None:
    """Edited, deleted and new items of the new server win over the old folder; what is new there comes over."""
    rng = random.Random(2)
    cards = {name: _card(rng, name) for name in ("a", "b", "c")}
    folder = old({f"{name}.vcf": text for name, text in cards.items()})
    with opened(tmp_path / "new") as storage:
        _take(storage, folder)
        edited = cards["a"].replace("NICKNAME:Joe,Joey", "NICKNAME:J")
        with storage.acquire_lock("w", "alice"):
            book = collection_at(storage, "/alice/book/")
            book.upload("a.vcf", items_of([edited])[0])
            book.delete("b.vcf")
            book.set_meta({"tag": "VADDRESSBOOK", "D:displayname": "Renamed"})
        old({"d.vcf": _card(rng, "d")})
        outcome = _take(storage, folder)
        assert (outcome.items, outcome.unchanged) == (1, 1)
        assert {each.path for each in outcome.kept} == {"/alice/book", "/alice/book/a.vcf", "/alice/book/b.vcf"}
        with storage.acquire_lock("r"):
            book = collection_at(storage, "/alice/book/")
            assert book.get_meta("D:displayname") == "Renamed"
            assert set(texts_of(book)) == {"a.vcf", "c.vcf", "d.vcf"}
            assert texts_of(book)["a.vcf"] == edited


def test_a_folder_of_the_real_storage_keeps_its_etags(tmp_path: Path) -> None:
    """What Radicale itself wrote is served with the same ETag, so that phones fetch nothing again."""
    rng = random.Random(3)
    cards = [_card(rng, f"card{number}") for number in range(20)]
    events = [_event(rng, f"event{number}") for number in range(20)]
    with opened(tmp_path / "old", "multifilesystem") as theirs, theirs.acquire_lock("w"):
        for path, kind, texts in (("/alice/book/", "book", cards), ("/alice/calendar/", "calendar", events)):
            theirs.create_collection("/alice/")
            theirs.create_collection(path, items_of(texts), props(kind))
        wanted = {
            path: {item.href: (item.etag, item.serialize(), item.uid, item.time_range) for item in found.get_all()}
            for path in ("/alice/book/", "/alice/calendar/")
            for found in [collection_at(theirs, path)]
        }
    with opened(tmp_path / "new") as ours:
        assert _take(ours, tmp_path / "old").items == 40
        with ours.acquire_lock("r"):
            for path, members in wanted.items():
                found = collection_at(ours, path).get_all()
                here = {item.href: (item.etag, item.serialize(), item.uid, item.time_range) for item in found}
                assert here == members


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "home" / "pictures").mkdir(parents=True)
    (tmp_path / "home" / "letter.txt").write_text("Dear")
    with opened(tmp_path / "new") as storage:
        for folder in ("empty", "missing", "home"):
            before = _revision(storage)
            with pytest.raises(NotThere):
                _take(storage, tmp_path / folder)
            assert _revision(storage) == before
