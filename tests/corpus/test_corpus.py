# SPDX-License-Identifier: GPL-3.0-or-later
"""Real cards through a real server: nothing that a sender wrote is lost, and what is no vCard is refused alone.

The cards of `dialects` are always there; those of real programs where somebody has them (see `table`).
"""

import pytest

from tests.corpus import dialects
from tests.corpus.reading import decode, is_complete, lost, read, split
from tests.corpus.table import files_in, folder_of
from tests.corpus.trial import Trial, run_all, why_refused


@pytest.fixture(scope="module")
def own_cards(tmp_path_factory) -> dict[str, list[Trial]]:
    """The trials of our own cards, the broken ones among them, by file."""
    folder = tmp_path_factory.mktemp("dialects")
    files = dialects.write(folder / "cards", dialects.CARDS | dialects.BROKEN)
    found: dict[str, list[Trial]] = {}
    for each in run_all(folder, files, folder / "cards"):
        found.setdefault(each.file, []).append(each)
    return found


@pytest.mark.parametrize("name", dialects.CARDS)
def test_a_card_of_any_program_comes_in_by_every_way_and_says_all_it_said(own_cards, name):
    """PUT as a plain contact, PUT onto a business card, a change in the database afterwards, and `import`."""
    for each in own_cards[name]:
        assert not each.refused
        assert each.lost == {}


def test_only_the_second_name_of_another_language_has_no_place_in_a_business_card(own_cards):
    wrapped = {name: each.wrapped for name, cards in own_cards.items() for each in cards if each.wrapped}
    assert set(wrapped) == {"nextcloud-4.0.vcf"}


@pytest.mark.parametrize("name", dialects.BROKEN)
def test_what_is_no_vcard_is_refused_alone_and_says_why(own_cards, name):
    (card,) = own_cards[name]
    assert set(card.refused) == {"plain", "edit", "import"}
    for way in ("plain", "edit"):
        assert card.refused[way].startswith("403 This is no vCard: no ")
    assert card.refused["import"].startswith("refused: ")


@pytest.fixture(scope="module")
def real_cards(tmp_path_factory) -> list[Trial]:
    """The trials of the cards of real programs."""
    folder = folder_of([])
    files = files_in(folder)
    if not files:
        pytest.skip(f"there are no cards in {folder}; BCM_VCARDS names another folder")
    return run_all(tmp_path_factory.mktemp("real"), files, folder)


@pytest.mark.slow
def test_no_real_card_loses_anything(real_cards):
    assert {f"{each.file} #{each.number}": each.lost for each in real_cards if each.lost} == {}


@pytest.mark.slow
def test_of_real_cards_only_those_that_are_none_are_refused(real_cards):
    refused = [each for each in real_cards if each.refused]
    assert [(each.file, each.number, each.refused) for each in refused if not why_refused(each, real_cards)] == []
    assert len(refused) < len(real_cards) * 0.1


# ---------------------------------------------------------------- the judge himself


def test_the_judge_finds_what_is_missing():
    """A judge who never finds anything would make all these tests worthless."""
    sent = dialects.APPLE.replace("\n", "\r\n")
    assert lost(sent, sent) == []
    for gone in (
        "item1.X-ABLabel:régi cím\r\n",
        "item8.X-ABRELATEDNAMES:Kiss Anna\r\n",
        "EMAIL;type=INTERNET:ili4@posta.example\r\n",
        "X-PHONETIC-LAST-NAME:Varga\r\n",
    ):
        assert len(lost(sent, sent.replace(gone, ""))) == 1, gone
    for old, new in (
        (";type=pref:+36 30", ":+36 30"),
        ("Ili,Ilus", "Ili"),
        ("Erdei út 8\\; hátsó ház", "Erdei út 8; hátsó ház"),
        ("1604-02-29", "1604-02-28"),
        ("/9j/4AAQ", "/9j/4AAR"),
        ("X-ABCROP-RECTANGLE=ABClipRect_1&0&0&1&1&aa==", "X-OTHER=1"),
        ("_$!<Sister>!$_", "_$!<Brother>!$_"),
        ("Második", "Harmadik"),
    ):
        assert sent.count(old) == 1, old
        assert len(lost(sent, sent.replace(old, new))) == 1, old


def test_the_judge_reads_every_encoding_of_the_same_card_alike():
    for name in ("apple.vcf", "apple-utf16.vcf"):
        assert lost(dialects.APPLE, decode(dialects.CARDS[name])) == []
    twice = decode(dialects.CARDS["ios-copied-twice.vcf"])
    assert lost(dialects.IOS, twice) == lost(twice, dialects.IOS) == []
    olena = {each.name: each.value for each in read(decode(dialects.CARDS["android-2.1.vcf"]))}
    assert olena["FN"] == "Олена Коваль"
    assert olena["ADR"] == (("",), ("",), ("вул. Лісова 5",), ("Київ",), ("",), ("01001",))
    assert olena["NOTE"] == "Ряд 1\nРяд 2 =="
    assert olena["PHOTO"] == dialects.JPEG


def test_the_judge_knows_what_is_no_vcard():
    assert [is_complete(text) for text, _ in split(dialects.TWO)] == [True, True]
    assert not any(is_complete(decode(data)) for data in dialects.BROKEN.values())
    assert split("BEGIN:VCARD\nFN:a\nBEGIN:VCARD\nFN:b\nEND:VCARD\n") == [
        ("BEGIN:VCARD\nFN:a\n", 1),
        ("BEGIN:VCARD\nFN:b\nEND:VCARD\n", 3),
    ]
