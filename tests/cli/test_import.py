# SPDX-License-Identifier: GPL-3.0-or-later
"""`import` of vCard and CSV files in every encoding, whole and broken."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.conftest import Tool

PHOTO = "PHOTO;ENCODING=b;TYPE=PNG:aGVsbG8="


def card(*lines: str, end: str = "\r\n") -> str:
    return end.join(("BEGIN:VCARD", "VERSION:3.0", *lines, "END:VCARD", ""))


def stored(tool: Tool, query: str) -> list[str]:
    with closing(sqlite3.connect(tool.folder / "state.db")) as connection:
        return [row[0] for row in connection.execute(query)]


def test_a_broken_card_is_reported_with_its_line_and_the_others_come_in(tool: Tool, tmp_path: Path):
    text = (
        card("UID:one-1", "FN:One") + "BEGIN:VCARD\r\nFN:Broken\r\n" + card("UID:one-2", "FN:Two", "item1.TEL:5", PHOTO)
    )
    file = tmp_path / "mixed.vcf"
    file.write_text(text, newline="")
    tried = tool.json("import", str(file), "--dry-run", status=1)
    assert tried["imported"] == 2
    assert tool.json("contact", "list", "--filter", "uid=one-1") == []
    done = tool.json("import", str(file), status=1)
    assert done["imported"] == 2
    assert done["refused"] == [{"file": str(file), "line": 6, "reason": "no END:VCARD"}]
    (two,) = tool.json("contact", "list", "--filter", "uid=one-2")
    assert (two["name"], two["other_phone"]) == ("Two", "5")
    (shown,) = stored(tool, "SELECT text FROM card WHERE uid = 'one-2'")
    assert PHOTO in shown
    assert "item1.TEL:5" in shown
    again = tool.json("import", str(file), status=1)
    assert again["imported"] == 0
    assert [each["line"] for each in again["skipped"]] == [1, 8]
    tool("contact", "delete", two["id"], "--yes")
    assert "Deleted Items" in tool.json("import", str(file), status=1)["skipped"][1]["reason"]


def test_cards_without_a_uid_make_no_doubles_either(tool: Tool, tmp_path: Path):
    file = tmp_path / "no-uid.vcf"
    file.write_text(card("FN:No Uid") + card("FN:No Uid") + card("FN:Other"), newline="")
    assert tool.json("import", str(file))["imported"] == 2
    assert tool.json("import", str(file))["imported"] == 0
    assert len(tool.json("contact", "list", "--filter", "name=No Uid")) == 1


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "cp1252", "latin-1"])
def test_every_usual_encoding_is_read(tool: Tool, tmp_path: Path, encoding):
    file = tmp_path / "encoded.vcf"
    sign = "\x8d" if encoding == "latin-1" else "–"
    file.write_bytes(card(f"UID:enc-{encoding}", "N:Müller;Zoë;;;", f"NOTE:a{sign}b").encode(encoding))
    assert tool.json("import", str(file))["imported"] == 1
    (found,) = tool.json("contact", "list", "--filter", f"uid=enc-{encoding}")
    assert (found["family_name"], found["given_name"]) == ("Müller", "Zoë")


def test_a_line_folded_inside_a_character_is_utf_8(tool: Tool, tmp_path: Path):
    file = tmp_path / "folded.vcf"
    text = card("UID:torn-1", "FN:Zoë Müller") + card("UID:torn-2", "BROKEN")
    file.write_bytes(text.encode().replace("ü".encode(), b"\xc3\r\n \xbc"))
    assert [each["line"] for each in tool.json("import", str(file), status=1)["refused"]] == [7]
    (found,) = tool.json("contact", "list", "--filter", "uid=torn-1")
    assert found["name"] == "Zoë Müller"


def test_a_value_that_does_not_fit_stays_in_the_card(tool: Tool, tmp_path: Path):
    file = tmp_path / "long.vcf"
    file.write_text(card("UID:long", "FN:Long", f"TEL;TYPE=cell:{'1' * 70}"), newline="")
    done = tool.json("import", str(file))
    assert done["imported"] == 1
    assert "longer than 64" in done["notes"][0]["reason"]
    (shown,) = stored(tool, "SELECT text FROM card WHERE uid = 'long'")
    assert "1" * 60 in shown
    assert "mobile_phone" not in tool.json("contact", "show", "long")


def test_a_group_is_no_contact(tool: Tool, tmp_path: Path):
    file = tmp_path / "group.vcf"
    file.write_text(card("UID:group", "FN:Friends", "X-ADDRESSBOOKSERVER-KIND:group"), newline="")
    done = tool.json("import", str(file))
    assert (done["imported"], len(done["skipped"])) == (0, 1)


def test_a_folder_gets_plain_contacts_byte_for_byte(tool: Tool, tmp_path: Path):
    odd = card("UID:x/../y", "FN:Odd", "x-odd;A=1:keep\\,me", "item9.TEL;type=CELL:1", end="\n")
    old = "BEGIN:VCARD\r\nVERSION:2.1\r\nN:Old;Card\r\nFN:Card Old\r\nUID:old\r\nTEL;WORK:2\r\nEND:VCARD\r\n"
    file = tmp_path / "plain.vcf"
    file.write_text(odd + old + card("FN:Without"), newline="")
    assert tool.json("import", str(file), "--to", "/alice/Private")["imported"] == 3
    texts = stored(
        tool, "SELECT i.text FROM item i JOIN collection c ON c.id = collection_id WHERE path='alice/Private'"
    )
    assert {odd, old} < set(texts)
    hrefs = stored(tool, "SELECT href FROM item")
    assert "old.vcf" in hrefs
    assert not any("/" in href for href in hrefs)
    again = tool.json("import", str(file), "--to", "/alice/Private")
    assert (again["imported"], len(again["skipped"])) == (0, 3)
    for place in ("alice", "/alice", "/a/b/c", "Database"):
        tool("import", str(file), "--to", place, status=1)


OUTLOOK = (
    "Title;First Name;Last Name;Company;Business Street;Business Street 2;Business City;Business Phone;"
    "E-mail Address;Birthday;Anniversary;Categories;Notes;Gender\r\n"
    'Dr.;Ann;Lee;"Contoso, Ltd.";Main 1;Floor 2;Redmond;555;ann@example.com;5/17/1980;0/0/00;VIP;"two\r\nlines";F\r\n'
    ";;;;;;;;;;;;;\r\n"
    "a;b;c;d;e;f;g;h;i;1/1/2000;k;l;m;n;o\r\n"
    ";Bob;;;;;;;;;;;;\r\n"
)
GOOGLE = (
    "First Name,Last Name,Labels,E-mail 1 - Label,E-mail 1 - Value,Phone 1 - Label,Phone 1 - Value,Phone 2 - Label,"
    "Phone 2 - Value,Address 1 - Label,Address 1 - Street,Address 1 - City,Organization Name,Birthday,"
    "Website 1 - Value\r\n"
    "Cleo,Gray,Friends ::: * myContacts,* Work,cleo@example.com ::: c@example.org,Mobile,1 ::: 2,Work Fax,3,Home,"
    "Elm 4,Oslo,Fabrikam,--05-17,https://example.com\r\n"
)


def test_csv_of_outlook_is_understood(tool: Tool, tmp_path: Path):
    file = tmp_path / "outlook.csv"
    file.write_text(OUTLOOK, newline="", encoding="cp1252")
    done = tool.json("import", str(file), status=1)
    assert done["imported"] == 2
    assert [(each["line"], each["reason"]) for each in done["refused"]] == [(5, "the row has 15 values for 14 columns")]
    assert done["ignored"] == {str(file): ["Gender"]}
    ann = tool.json("contact", "show", "ann@example.com")
    wanted = {
        "name": "Ann Lee", "prefix": "Dr.", "given_name": "Ann", "family_name": "Lee", "company": "Contoso, Ltd.",
        "birthday": "1980-05-17",
        "business_street": "Main 1\nFloor 2", "business_city": "Redmond", "business_phone": "555", "category": "VIP",
        "note": "two\nlines", "email": "ann@example.com",
    }  # fmt: skip
    assert {
        name: value for name, value in ann.items() if name not in ("id", "uid", "type", "modified", "deleted")
    } == wanted
    assert tool.json("import", str(file), status=1)["imported"] == 0


def test_csv_of_google_is_understood(tool: Tool, tmp_path: Path):
    file = tmp_path / "google.csv"
    file.write_text(GOOGLE, newline="", encoding="utf-8")
    done = tool.json("import", str(file))
    assert done["imported"] == 1
    cleo = tool.json("contact", "show", "cleo@example.com")
    wanted = {
        "name": "Cleo Gray", "given_name": "Cleo", "family_name": "Gray", "category": "Friends",
        "email": "cleo@example.com",
        "email2": "c@example.org", "mobile_phone": "1", "other_phone": "2", "business_fax": "3",
        "home_street": "Elm 4",
        "home_city": "Oslo", "company": "Fabrikam", "birthday": "--05-17", "web_page": "https://example.com",
    }  # fmt: skip
    assert {
        name: value for name, value in cleo.items() if name not in ("id", "uid", "type", "modified", "deleted")
    } == wanted


def test_columns_can_be_named(tool: Tool, tmp_path: Path):
    file = tmp_path / "own.csv"
    file.write_text("Nachname\tKennung\tBetreuer\tgiven_name\nSchmidt\tk-1\talice\tJo\n", encoding="utf-8")
    done = tool.json(
        "import", str(file), "--map", "Nachname=family_name", "--map", "Betreuer=owner", "--map", "Kennung=-"
    )
    assert (done["imported"], done["ignored"]) == (1, {})
    assert tool.json("contact", "show", "Jo Schmidt")["owner"] == "alice"
    assert "did you mean owner" in tool("import", str(file), "--map", "Betreuer=ownr", status=1).err
    assert "there is no column" in tool.json("import", str(file), "--map", "X=owner", status=1)["refused"][0]["reason"]
    tool("import", str(file), "--map", "Betreuer", status=2)


def test_what_columns_are_is_kept_for_the_next_file(tool: Tool, tmp_path: Path):
    file = tmp_path / "first.csv"
    file.write_text("Mitglied,Nachname,E-Mail\n1,Ek,ek@map.example\n")
    said = ("--map", "Mitglied=customer_id", "--map", "Nachname=family_name")
    assert tool.json("import", str(file), *said, "--dry-run")["imported"] == 1
    assert tool.json("import", str(file), "--dry-run")["ignored"] == {str(file): ["Mitglied", "Nachname"]}
    tool.json("import", str(file), *said)
    later = tmp_path / "later.csv"
    later.write_text("E-Mail,NACHNAME,Mitglied\nas@map.example,Ås,2\n")
    done = tool.json("import", str(later))
    assert done["columns"] == {str(later): {"Mitglied": "customer_id", "Nachname": "family_name"}}
    (found,) = tool.json("contact", "list", "--filter", "email=as@map.example")
    assert (found["family_name"], found["customer_id"]) == ("Ås", "2")
    assert tool.json("import", str(file))["imported"] == 0
    later.write_text("E-Mail,Nachname,Mitglied\nny@map.example,Ny,3\n")
    tool.json("import", str(later), "--map", "Mitglied=account_number")
    (found,) = tool.json("contact", "list", "--filter", "email=ny@map.example")
    assert (found["family_name"], found["account_number"], found.get("customer_id")) == ("Ny", "3", None)


def test_what_is_no_contact_file_is_refused(tool: Tool, tmp_path: Path):
    empty, binary, quote = tmp_path / "empty.vcf", tmp_path / "photo.vcf", tmp_path / "quote.csv"
    empty.write_text("")
    binary.write_bytes(bytes(range(256)) * 20)
    quote.write_text('First Name,Last Name\n"open,never closed\nA,B\n')
    done = tool.json("import", str(empty), str(binary), str(quote), status=1)
    assert done["imported"] == 0
    assert [each["file"] for each in done["refused"]] == [str(empty), str(binary), str(quote)]
    assert "No such file" in tool("import", str(tmp_path / "missing.vcf"), status=1).err


def test_a_pipe_can_be_read(tool: Tool):
    assert tool.json("import", "-", stdin=card("UID:piped", "FN:Piped"))["imported"] == 1


def test_many_cards_come_in_batches(tool: Tool, tmp_path: Path):
    file = tmp_path / "many.vcf"
    file.write_text("".join(card(f"UID:many-{n}", f"FN:Many {n}") for n in range(450)), newline="")
    assert tool.json("import", str(file))["imported"] == 450
    assert tool.json("verify")["differences"] == []
