# SPDX-License-Identifier: GPL-3.0-or-later
"""Cards as the programs of this world write them: same habits, other people. All are invented here."""

import base64
from pathlib import Path

# A picture of one grey pixel.
JPEG = base64.b64decode(
    "/9j/4AAQSkZJRgABAQEASABIAAD/2wBDAAMCAgICAgMCAgIDAwMDBAYEBAQEBAgGBgUGCQgKCgkICQkKDA8MCgsOCwkJDRENDg8QEBEQCgwSExIQEw8Q"
    "EBD/wAALCAABAAEBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAACf/EABQQAQAAAAAAAAAAAAAAAAAAAAD/2gAIAQEAAD8AVN//2Q=="
)


def photo(indent: str, width: int, *, last: str = "") -> str:
    """The picture in base64, in lines of a width."""
    text = base64.b64encode(JPEG).decode()
    return f"\n{indent}".join(text[at : at + width] for at in range(0, len(text), width)) + last


APPLE = f"""BEGIN:VCARD
VERSION:3.0
PRODID:-//Apple Inc.//macOS 14.4//EN
N:Varga;Ilka;Mária;Dr.;MSc
FN:Dr. Ilka Mária Varga MSc
NICKNAME:Ili,Ilus
ORG:Pagony Kft.;Szerkesztőség;
TITLE:Vezető szerkesztő
EMAIL;type=INTERNET;type=WORK;type=pref:ilka@pagony.example
EMAIL;type=INTERNET;type=HOME:ilka.varga@posta.example
item1.EMAIL;type=INTERNET:ili@regi.example
item1.X-ABLabel:régi cím
EMAIL;type=INTERNET:ili4@posta.example
TEL;type=CELL;type=VOICE;type=pref:+36 30 555 0101
TEL;type=IPHONE;type=CELL;type=VOICE:+36 30 555 0102
TEL;type=MAIN:+36 1 555 0100
item2.TEL:+36 1 555 0199
item2.X-ABLabel:_$!<WorkFAX>!$_
item3.ADR;type=WORK;type=pref:;;Fő utca 5.\\nIII. emelet;Budapest;;1011;Magyarország
item3.X-ABADR:hu
item4.ADR;type=HOME:Pf. 12;;Erdei út 8\\; hátsó ház;Szentendre;Pest;2000;Magyarország
item4.X-ABADR:hu
item5.URL;type=pref:https\\://pagony.example/munkatarsak?id=7\\;nyelv=hu
item5.X-ABLabel:_$!<HomePage>!$_
BDAY;X-APPLE-OMIT-YEAR=1604:1604-02-29
item6.X-ABDATE;type=pref:2010-06-19
item6.X-ABLabel:_$!<Anniversary>!$_
item7.X-ABRELATEDNAMES;type=pref:Varga Péter
item7.X-ABLabel:_$!<Spouse>!$_
item8.X-ABRELATEDNAMES:Kiss Anna
item8.X-ABLabel:_$!<Sister>!$_
item9.IMPP;X-SERVICE-TYPE=Jabber;type=HOME;type=pref:xmpp:ilka@beszel.example
X-SOCIALPROFILE;type=twitter;x-user=ilka_v:http\\://twitter.example/ilka_v
X-PHONETIC-LAST-NAME:Varga
NOTE:Első sor\\nMásodik sor\\, vesszővel
PHOTO;ENCODING=b;TYPE=JPEG;X-ABCROP-RECTANGLE=ABClipRect_1&0&0&1&1&aa==:
 {photo(" ", 74)}
X-ABUID:5A1C0F10-0000-4000-8000-00000000000A\\:ABPerson
UID:apple-ilka
END:VCARD
"""

IOS = f"""BEGIN:VCARD
VERSION:3.0
PRODID:-//Apple Inc.//iPhone OS 17.5//EN
N:O'Connell;Síle;;;
FN: Síle  O'Connell
ORG:Cló na Trá;
EMAIL;type=INTERNET;type=WORK;type=pref:sile@clo.example
TEL;type=IPHONE;type=CELL;type=VOICE;type=pref:+353 85 555 0111
TEL;type=HOME;type=FAX:+353 1 555 0112
TEL;type=APPLEWATCH:+353 85 555 0113
item1.ADR;type=WORK;type=pref:;;1 Sráid an Chuain;Gaillimh;;H91 0000;Éire
item1.X-ABADR:ie
item2.X-ABDATE;type=pref:2016-05-01
item2.X-ABLabel:Lá oscailte
BDAY:1979-12-08
X-ADDRESSBOOKSERVER-KIND:individual
PHOTO;ENCODING=b;TYPE=JPEG:{photo("  ", 60)}
REV:2024-05-01T10:11:12Z
UID:ios-sile
END:VCARD
"""

GOOGLE = """BEGIN:VCARD
VERSION:3.0
FN:Tomáš Krátký
N:Krátký;Tomáš;;;
EMAIL;TYPE=INTERNET;TYPE=WORK:tomas@kratky.example
EMAIL;TYPE=INTERNET:tk@posta.example
item1.EMAIL;TYPE=INTERNET:stary@posta.example
item1.X-ABLabel:starý
TEL;TYPE=CELL:+420 555 010 120
item2.TEL:555 010 121
item2.X-ABLabel:chata
ADR;TYPE=WORK:;;Dlouhá 1;Praha;;110 00;CZ;Dlouhá 1\\n110 00 Praha
item3.URL:https\\://kratky.example
item3.X-ABLabel:PROFILE
ORG:Krátký a syn
TITLE:majitel
BDAY:--0704
item4.X-ABDATE:1999-09-09
item4.X-ABLabel:Anniversary
item5.X-ABRELATEDNAMES:Jana
item5.X-ABLabel:sestra
NOTE:poznámka\\, dvě
CATEGORIES:myContacts,Zákazníci\\, staří
X-GOOGLE-TALK:tk@posta.example
END:VCARD
"""

ANDROID_21 = f"""BEGIN:VCARD
VERSION:2.1
N;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:=D0=9A=D0=BE=D0=B2=D0=B0=D0=BB=D1=8C;=D0=9E=D0=BB=D0=B5=D0=BD=D0=B0;;;
FN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:=D0=9E=D0=BB=D0=B5=D0=BD=D0=B0=20=D0=9A=D0=BE=D0=B2=D0=B0=D0=BB=D1=8C
X-PHONETIC-FIRST-NAME;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:=D0=9E
TEL;CELL;PREF:+380-50-555-01-30
TEL;WORK;FAX:+380-44-555-01-31
TEL;X-=D0=94=D0=B0=D1=87=D0=B0:0445550132
EMAIL;WORK:olena@koval.example
ADR;HOME;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:;;=D0=B2=D1=83=D0=BB. =D0=9B=D1=96=D1=81=D0=BE=D0=B2=D0=B0 5;=
=D0=9A=D0=B8=D1=97=D0=B2;;01001;
ORG;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:=D0=A4=D0=B0=D0=B1=D1=80=D0=B8=D0=BA=D0=B0
TITLE:Inzhener
URL:www.koval.example
NOTE;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:=D0=A0=D1=8F=D0=B4 1=0D=0A=D0=A0=D1=8F=D0=B4 2=
 =3D=3D
BDAY:1985-01-31
X-ANDROID-CUSTOM;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:vnd.android.cursor.item/nickname;=D0=9B=D0=B5=D0=BD=D0=B0;1;;;;;;;;;;;;;
PHOTO;ENCODING=BASE64;JPEG:{photo(" ", 73)}

END:VCARD
"""

OUTLOOK_21 = f"""BEGIN:VCARD
VERSION:2.1
N;LANGUAGE=de;CHARSET=Windows-1252:Größner;Jürgen;Karl,Otto;Dr.;jun.
FN;CHARSET=Windows-1252:Dr. Jürgen Größner
NICKNAME:Jogi
ORG;CHARSET=Windows-1252:Böhm & Söhne;Verkauf;Zimmer 4
TITLE:Leiter
NOTE;ENCODING=QUOTED-PRINTABLE:Zeile eins=0D=0A=
Zeile zwei, mit Komma; und Strichpunkt=0D=0A
TEL;WORK;VOICE:+49 (30) 555 0140
TEL;HOME;VOICE:+49 (30) 555 0141
TEL;CELL;VOICE:+49 (170) 555 0142
TEL;PAGER;VOICE:555 0143
TEL;WORK;FAX:+49 (30) 555 0144
TEL;CAR;VOICE:555 0145
ADR;WORK;PREF;CHARSET=Windows-1252:;Haus B;Königsstraße 7;Düsseldorf;NRW;40212;Deutschland
LABEL;WORK;PREF;ENCODING=QUOTED-PRINTABLE;CHARSET=Windows-1252:Haus B=0D=0AK=F6nigsstra=DFe 7=0D=0A=
40212 D=FCsseldorf
X-MS-OL-DEFAULT-POSTAL-ADDRESS:2
URL;WORK:http://www.boehm.example
ROLE:Einkauf
BDAY:19700229
KEY;X509;ENCODING=BASE64:
 {photo(" ", 72)}

X-MS-ANNIVERSARY:19950630
EMAIL;PREF;INTERNET:jg@boehm.example
PHOTO;TYPE=JPEG;ENCODING=BASE64:
 {photo(" ", 72)}

X-MS-OL-DESIGN;CHARSET=utf-8:<card xmlns="http://schemas.example/outlook" ver="1.0" layout="left"></card>
REV:20240501T101112Z
END:VCARD
"""

OUTLOOK_30 = """BEGIN:VCARD
VERSION:3.0
PRODID:-//Microsoft Corporation//Outlook 16.0 MIMEDIR//EN
N:Pires;Joana;;;
FN:Joana Pires
ORG:Pires e Filhos;Compras
TITLE:Compradora
TEL;TYPE=WORK,VOICE:+351 21 555 0150
TEL;TYPE=X-CALLBACK:+351 21 555 0151
X-MS-TEL;TYPE=VOICE,ASSISTANT:+351 21 555 0152
EMAIL;TYPE=INTERNET,PREF:joana@pires.example
ADR;TYPE=WORK,PREF:;Loja 3;Rua Nova 9;Lisboa;;1100-000;Portugal
LABEL;TYPE=WORK,PREF:Loja 3\\nRua Nova 9\\n1100-000 Lisboa
X-MS-OL-DEFAULT-POSTAL-ADDRESS:2
X-MS-IMADDRESS:joana@conversa.example
X-MS-SPOUSE;N:Pires;Rui
X-MS-MANAGER:Ana Lopes
X-MS-CHILD:Tiago
X-MS-CARDPICTURE;TYPE=JPEG;ENCODING=b:AAECAwQ=
CLASS:PUBLIC
UID:outlook-joana
END:VCARD
"""

THUNDERBIRD_40 = f"""BEGIN:VCARD
VERSION:4.0
N:Lindqvist;Åke;;;
FN:Åke Lindqvist
NICKNAME:Åke L
EMAIL;PREF=1;TYPE=work:ake@lindqvist.example
EMAIL:ake@post.example
TEL;TYPE=cell;VALUE=TEXT:070-555 01 60
TEL;TYPE=work;VALUE=uri:tel:+46-8-555-0161;ext=12
ADR;TYPE=work:;;Storgatan 1;Umeå;;903 26;Sverige
URL;TYPE=work;VALUE=URL:https://lindqvist.example/om,oss
BDAY;VALUE=DATE:19771231
ANNIVERSARY;VALUE=DATE:--0615
TZ;VALUE=TEXT:Europe/Stockholm
IMPP;PREF=1:xmpp:ake@prat.example
ORG:Lindqvist AB;Lager
ROLE:lagerchef
X-CUSTOM1;VALUE=TEXT:ett
PHOTO;VALUE=URI:data:image/jpeg;base64\\,{base64.b64encode(JPEG).decode()}
NOTE:rad ett\\nrad två
UID:2f9d2d8c-0000-4000-8000-000000000160
END:VCARD
"""

EVOLUTION = """BEGIN:VCARD
VERSION:3.0
UID:pas-id-5F00000000000170
N:Moreau;Aurélie;;Mme;
FN:Mme Aurélie Moreau
X-EVOLUTION-FILE-AS:Moreau\\, Aurélie
NICKNAME:Lili
EMAIL;TYPE=WORK;X-EVOLUTION-UI-SLOT=1:aurelie@moreau.example
EMAIL;TYPE=HOME;X-EVOLUTION-UI-SLOT=2:lili@courrier.example
EMAIL;TYPE=OTHER;X-EVOLUTION-UI-SLOT=3:a3@courrier.example
EMAIL;TYPE=OTHER;X-EVOLUTION-UI-SLOT=4:a4@courrier.example
TEL;X-EVOLUTION-E164=0155501701,"+33";TYPE=WORK,VOICE;X-EVOLUTION-UI-SLOT=1:01 55 50 17 01
TEL;TYPE="X-EVOLUTION-CALLBACK";X-EVOLUTION-UI-SLOT=2:01 55 50 17 02
TEL;TYPE=X-EVOLUTION-ASSISTANT;X-EVOLUTION-UI-SLOT=3:01 55 50 17 03
X-JABBER;TYPE=HOME;X-EVOLUTION-UI-SLOT=1:lili@jabber.example
X-SKYPE;TYPE=HOME;X-EVOLUTION-UI-SLOT=2:lili.moreau
ADR;TYPE=WORK:BP 9;Bât. C;12 rue de l’Été;Nantes;;44000;France
LABEL;TYPE=WORK:12 rue de l’Été\\nBP 9
ORG:Moreau SA;Études;B12
ROLE:Ingénieure
X-EVOLUTION-MANAGER:Luc
X-EVOLUTION-SPOUSE:Jean
X-EVOLUTION-ANNIVERSARY:2001-02-03
X-EVOLUTION-VIDEO-URL:http://video.example/lili
X-EVOLUTION-BLOG-URL:http://blog.example/lili
CALURI:http://moreau.example/cal
FBURL:http://moreau.example/fb
X-MOZILLA-HTML:TRUE
X-EVOLUTION-WEBDAV-ETAG:abc
CATEGORIES:Clients,Amis
REV:2024-05-01T00:00:00Z(1)
END:VCARD
"""

NOKIA_21 = """BEGIN:VCARD
VERSION:2.1
N;ENCODING=QUOTED-PRINTABLE;CHARSET=UTF-8:M=C3=A4kinen;Aino
TEL;PREF;VOICE;CELL:+358405550180
TEL;HOME;VOICE:095550181
EMAIL:aino@makinen.example
ADR;HOME:;;Katu 1;Oulu;;90100;Suomi
X-CLASS:private
X-ESI:1=1\\;2=0
NOTE;ENCODING=8BIT;CHARSET=UTF-8:muistiinpano
AGENT:
BEGIN:VCARD
VERSION:2.1
N:Apulainen;Anu
TEL:0955501829
END:VCARD
END:VCARD
"""

KDE = """BEGIN:VCARD
VERSION:3.0
EMAIL;TYPE=PREF:hans@beispiel.example
FN:Hans Beispiel
GEO:52.500000;13.400000
KEY;TYPE=PGP;VALUE=URI:https://beispiel.example/schluessel.asc
LABEL;TYPE=home:Hauptstraße 1\\n10827 Berlin
LOGO;VALUE=URI:https://beispiel.example/logo.png
MAILER:KMail
N:Beispiel;Hans;;;
NAME:Hans B.
PRODID:-//K Desktop Environment//NONSGML libkabc 4.14//EN
SORT-STRING:Beispiel Hans
TZ:+01:00
UID:Ab12Cd34Ef
X-KADDRESSBOOK-BlogFeed:https://beispiel.example/feed
X-KADDRESSBOOK-X-AssistantsName:Ute
X-KADDRESSBOOK-X-IMAddress:hans@chat.example
X-KADDRESSBOOK-X-ManagersName:Kurt
X-KADDRESSBOOK-CRYPTOPROTOPREF:openpgp/mime,openpgp/inline
X-messaging/xmpp-All:hans@chat.example
ADR;GEO="geo:52.5,13.4";TYPE=dom,home,postal:;;Hauptstraße 1;Berlin;;10827;Deutschland
END:VCARD
"""

NEXTCLOUD_40 = """BEGIN:VCARD
VERSION:4.0
PRODID:-//Sabre//Sabre VObject 4.5.4//EN
UID:nc-0190
FN:田中 美咲
N:田中;美咲;;;
N;ALTID=1;LANGUAGE=jp-Latn:Tanaka;Misaki;;;
ADR;TYPE="HOME,PREF":;;桜丘町1-2-3;渋谷区;東京都;150-0031;日本
ADR;TYPE=WORK;LABEL="〒150-0031 東京都^n渋谷区":;;道玄坂1;渋谷区;東京都;150-0043;日本
EMAIL;TYPE="HOME,INTERNET":misaki@example.jp
TEL;TYPE="HOME,VOICE":+81-3-5550-1901
TEL;TYPE=CELL;PREF=1:+81-90-5550-1902
IMPP;X-SERVICE-TYPE=LINE:line:misaki
X-SOCIALPROFILE;TYPE=MASTODON:https://social.example/@misaki
RELATED;TYPE=friend;VALUE=text:Hanako
RELATED;TYPE=spouse:urn:uuid:00000000-0000-4000-8000-000000000191
BDAY:19530214T093000Z
GENDER:F
LANG;PREF=1:ja
CATEGORIES:友達,仕事
GEO:geo:35.65,139.70
X-ADDRESSING;CUSTOM="a^'b^'c":です
REV;VALUE=DATE-AND-OR-TIME:20240501T101112Z
END:VCARD
"""

# Neither UID nor FN, and characters that no XML answer may carry.
ODD = "BEGIN:VCARD\nVERSION:3.0\nN:Kowalska;Ewa;;;\nNOTE:dzwonek\x07 i koniec\x00\nTEL:112\nEND:VCARD\n"
TWO = GOOGLE.replace("END:VCARD", "UID:two-1\nEND:VCARD") + "\n" + KDE.replace("UID:Ab12Cd34Ef", "UID:two-2")


def _crlf(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode()


CARDS: dict[str, bytes] = {
    "apple.vcf": _crlf(APPLE),
    "apple-utf16.vcf": b"\xfe\xff"
    + APPLE.replace("apple-ilka", "apple-utf16").replace("\n", "\r\n").encode("utf-16-be"),
    "ios.vcf": _crlf(IOS),
    "ios-copied-twice.vcf": IOS.replace("ios-sile", "ios-twice").replace("\n", "\r\r\n").encode(),
    "google.vcf": _crlf(GOOGLE),
    "android-2.1.vcf": _crlf(ANDROID_21),
    "outlook-2.1.vcf": OUTLOOK_21.replace("\n", "\r\n").encode("cp1252"),
    "outlook-3.0.vcf": b"\xef\xbb\xbf" + _crlf(OUTLOOK_30),
    "thunderbird-4.0.vcf": _crlf(THUNDERBIRD_40),
    "evolution.vcf": _crlf(EVOLUTION),
    "nokia-2.1.vcf": _crlf(NOKIA_21),
    "kde.vcf": KDE.encode(),
    "nextcloud-4.0.vcf": _crlf(NEXTCLOUD_40),
    "odd.vcf": ODD.encode(),
    "two.vcf": _crlf(TWO),
}

# What a person would call no vCard: each must be refused alone.
BROKEN: dict[str, bytes] = {
    "cut-off.vcf": _crlf(GOOGLE)[:-20],
    "nothing-said.vcf": b"BEGIN:VCARD\r\nEND:VCARD\r\n",
}


def write(folder: Path, files: dict[str, bytes]) -> list[Path]:
    """Write cards as files; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return [folder / name for name in files]
