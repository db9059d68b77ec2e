"""E-mail: headers, body, attachments."""

from __future__ import annotations

import pytest

from rag.loaders.errors import LoadError
from rag.loaders.results import Failed


def test_message_and_attachments(read_all, maker):
    data = maker.eml({"list.csv": b"ship,flag\nGretel,DE\n", "photo.heic": b"\x89PNG", "inner.eml": maker.eml()})
    mail, *rest = read_all(data, "m.eml")
    assert mail.title == "Träume"
    assert mail.text == (
        "From: Ada <ada@example.org>\nTo: bob@example.org\nDate: Tue, 02 Jan 2024 03:04:05 +0000\n\n"
        "See the attached sheet.\n\nAda"
    )
    assert mail.metadata["from"] == "Ada <ada@example.org>"
    assert [(i.member, getattr(i, "text", "")) for i in rest] == [
        ("list.csv", "ship: Gretel | flag: DE"),
        ("photo.heic", ""),
        ("inner.eml", mail.text),
    ]
    assert isinstance(rest[1], Failed)
    assert rest[1].reason_class == "type"
    assert rest[0].type == "csv"


def test_html_only_and_unknown_charset(read):
    data = b"Subject: x\nContent-Type: text/html; charset=klingon\n\n<h1>Hi</h1><p>caf\xe9 au lait</p>"
    assert read(data, "m.eml").text == "Hi\n\ncafé au lait"


def plain(charset: str, body: bytes, header: bytes = b"Subject: Keys") -> bytes:
    kind = b"Content-Type: text/plain; charset=" + charset.encode()
    return header + b"\nContent-Transfer-Encoding: 8bit\n" + kind + b"\n\n" + body


@pytest.mark.parametrize(
    ("declared", "true", "words"),
    [
        ("us-ascii", "utf-8", "Der Fährmann wohnt über dem Süßwarenladen."),
        ("iso-8859-1", "cp1252", "The “tide” – 3 € – isn’t in."),
        ("iso-8859-1", "utf-8", "Übermorgen – geöffnet."),
        ("iso-8859-1", "cp1251", "Ключи от северных ворот лежат у сторожа до вечера."),
        ("gb2312", "gbk", "会议由王珺主持，在镕城举行。"),
        ("windows-1251", "koi8-r", "Ключи от северных ворот лежат у сторожа до вечера."),
        ("utf-8", "cp1252", "Käse für fünf Gäste, bitte."),
        ("shift_jis", "cp932", "①番の鍵は事務所にあります。"),
        ("iso-2022-jp", "iso-2022-jp", "鍵は事務所にあります。"),
        ("ks_c_5601-1987", "cp949", "열쇠는 사무실에 있습니다."),
        ("nonsense", "utf-8", "Übermorgen."),
    ],
)
def test_the_charset_is_doubted(read, declared, true, words):
    assert read(plain(declared, words.encode(true)), "m.eml").text == words


def test_headers_of_any_charset(read):
    raw = read(plain("utf-8", b"x", "Subject: Schlüssel\nFrom: Jörg <j@e.org>".encode()), "m.eml")
    assert (raw.title, raw.metadata["from"]) == ("Schlüssel", "Jörg <j@e.org>")
    word = read(plain("utf-8", b"x", b"Subject: =?iso-8859-1?Q?3_=80_=96?= =?utf-8?B?IGvDvGhs?="), "m.eml")
    assert word.title == "3 € – kühl"


@pytest.mark.parametrize(
    ("header", "date"),
    [
        ("Tue, 02 Jan 2024 03:04:05 +0000", "2024-01-02T03:04:05+00:00"),
        ("Fri, 5 Apr 2019 23:00:00 -0700 (PDT)", "2019-04-05T23:00:00-07:00"),
        ("Fri, 5 Apr 2019 23:00:00 -0000", "2019-04-05T23:00:00+00:00"),
        ("sometime in May", None),
    ],
)
def test_dates_compare(read, header, date):
    assert read(plain("utf-8", b"x", f"Date: {header}".encode()), "m.eml").metadata.get("date") == date


PARTS = b"""Subject: Boats
Content-Type: multipart/mixed; boundary=A

--A
Content-Type: multipart/alternative; boundary=B

--B
Content-Type: text/plain

See HTML.
--B
Content-Type: multipart/related; boundary=C

--C
Content-Type: text/html; charset=utf-8

<p>The long story of the boat, told in full, with all of its masts and oars.</p>
--C
Content-Type: text/csv; name="=?utf-8?Q?gr=C3=B6=C3=9Fe.csv?="

boat,fee
Canoe,10
--C--
--B--
--A
Content-Type: application/json

{"oar": "ash wood"}
--A
Content-Type: message/rfc822
Content-Transfer-Encoding: base64

U3ViamVjdDogSW5uZXIKClRoZSBpbm5lciBtYWlsLg==
--A
Content-Type: message/delivery-status

Final-Recipient: rfc822; ida@e.org
--A
Content-Type: application/pgp-signature; name=s.asc

x
--A--
"""


def test_parts_of_any_shape(read_all):
    mail, *rest = read_all(PARTS, "m.eml")
    assert mail.text.startswith("The long story of the boat")
    assert "ida@e.org" in mail.text
    assert mail.account.left_out == {"duplicated": 2}
    assert [(item.member, item.text) for item in rest] == [
        ("größe.csv", "boat: Canoe | fee: 10"),
        ("attachment.json", "oar: ash wood"),
        ("message.eml", "The inner mail."),
    ]


def test_flowed_text_and_uuencoded_files(read_all):
    data = (
        b"Subject: x\nContent-Type: text/plain; format=flowed\n\nA line \nthat flows.\n\n"
        b"begin 644 n.txt\n$4VEL;```\n`\nend\n"
    )
    mail, note = read_all(data, "m.eml")
    assert (mail.text, note.member, note.text) == ("A line that flows.", "n.txt", "Sill")


def test_mailboxes(read_all):
    box = (
        b"From a@e.org Mon May  6 10:00:00 2024\nSubject: One\n\nTide.\n\n"
        b"From b@e.org Tue May  7 10:00:00 2024\nSubject: Two\n\nFrom here on.\n"
    )
    found = [(m.member, m.title, m.text) for m in read_all(box, "a.mbox")]
    assert found == [("1.eml", "One", "Tide."), ("2.eml", "Two", "From here on.")]


def test_utf16_file(read, maker):
    assert read(maker.eml().decode().encode("utf-16"), "m.eml").title == "Träume"


@pytest.mark.parametrize("data", [b"just words", b"\n\n", b"X-Other: 1\n\nbody"])
def test_no_message(read, data):
    with pytest.raises(LoadError, match="no headers"):
        read(data, "m.eml")


def test_broken_headers_do_not_stop_it(read):
    assert "body" in read(b"From: \xff\xfe<@\nDate: [\nSubject: =?x?q?=?=\nTo: a@b\n\nbody", "m.eml").text
