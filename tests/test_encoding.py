"""base64url without padding: exactly one text for each octet string."""

from __future__ import annotations

import base64
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jwt_wsgi.jose import encoding

ALPHABET = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"

# RFC 4648 §10 and RFC 7515 appendix C.
VECTORS = {
    "": b"",
    "Zg": b"f",
    "Zm8": b"fo",
    "Zm9v": b"foo",
    "Zm9vYg": b"foob",
    "Zm9vYmE": b"fooba",
    "Zm9vYmFy": b"foobar",
    "A-z_4ME": bytes([3, 236, 255, 224, 193]),
}


@pytest.mark.parametrize(("text", "octets"), VECTORS.items())
def test_encode_and_decode_match_the_rfc_vectors(text: str, octets: bytes) -> None:
    assert encoding.encode(octets) == text
    assert encoding.decode(text) == octets


@pytest.mark.conforms(16, 50)
@pytest.mark.parametrize(
    "text",
    [
        pytest.param("Zg==", id="padded"),
        pytest.param("Zg=", id="padded by half"),
        pytest.param("Zm9v=", id="padded where none is due"),
        pytest.param("Zm9v====", id="four signs of padding"),
        pytest.param("=Zm9v", id="padding in front"),
        pytest.param("A+z/4ME", id="the alphabet of plain base64"),
        pytest.param("A-z/4ME", id="both alphabets"),
        pytest.param("Zm9v\n", id="a line end behind"),
        pytest.param("Zm\n9v", id="a line end within"),
        pytest.param(" Zm9v", id="a space in front"),
        pytest.param("Zm9v\x00", id="a NUL"),
        pytest.param("Zm9v!", id="a foreign character"),
        pytest.param("Zm9v!!!!", id="four foreign characters"),
        pytest.param("Zm.9v", id="a dot"),
        pytest.param("Zm9vé", id="a letter outside ASCII"),
        pytest.param("Zm9\uff56", id="a full-width letter"),
        pytest.param("\ud800", id="a lone surrogate"),
        pytest.param("Z", id="one character, six bits of nothing"),
        pytest.param("Zm9vY", id="five characters"),
        pytest.param("Zh", id="trailing bits, of four"),
        pytest.param("Zm9", id="trailing bits, of two"),
    ],
)
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^not (canonical )?base64url$"):
        encoding.decode(text)


def test_one_of_the_texts_that_a_lenient_decoder_accepts_passes() -> None:
    same = [t for c in ALPHABET if base64.urlsafe_b64decode((t := "Z" + c) + "==") == b"f"]
    assert len(same) == 16
    assert [text for text in same if _passes(text)] == ["Zg"]


@pytest.mark.conforms(16)
@pytest.mark.parametrize(("begun", "padding", "canonical"), [("Z", "==", 4), ("Zm", "=", 16)])
def test_only_last_characters_without_stray_bits_pass(
    begun: str, padding: str, canonical: int
) -> None:
    written = [
        c
        for c in ALPHABET
        if encoding.encode(base64.urlsafe_b64decode(begun + c + padding)) == begun + c
    ]
    assert [c for c in ALPHABET if _passes(begun + c)] == written
    assert len(written) == canonical


def _passes(text: str) -> bool:
    try:
        encoding.decode(text)
    except ValueError:
        return False
    return True


@settings(deadline=None)
@given(octets=st.binary(max_size=100))
def test_decode_reverses_encode(octets: bytes) -> None:
    assert encoding.decode(encoding.encode(octets)) == octets


@settings(deadline=None)
@given(text=st.text() | st.text(st.sampled_from("Zm9vA-_+/= \n"), max_size=9))
def test_a_decoded_text_encodes_to_itself(text: str) -> None:
    if _passes(text):
        assert encoding.encode(encoding.decode(text)) == text


@pytest.mark.conforms(16, 50)
@pytest.mark.parametrize("octets", [3, 5, 24, 48, 64, 97, 151])
def test_a_foreign_character_is_refused_at_every_position(octets: int) -> None:
    # A vectorized decoder reads many characters at a time, and must check each of them.
    text = encoding.encode(bytes(range(151, 151 - octets, -1)))
    assert _passes(text)
    for character in {*map(chr, range(256))} - {*ALPHABET}:
        for position in range(len(text)):
            assert not _passes(text[:position] + character + text[position + 1 :])


# --- base64 with its padding


@given(st.binary(max_size=100))
def test_base64_of_any_octets_is_read(octets: bytes) -> None:
    assert encoding.decode_base64(base64.b64encode(octets).decode()) == octets


@given(st.text(ALPHABET + "+/=", max_size=12))
def test_base64_is_read_only_as_it_would_be_written(text: str) -> None:
    try:
        octets = encoding.decode_base64(text)
    except ValueError:
        return
    assert base64.b64encode(octets).decode() == text


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("A-z/4ME=", id="a dash"),
        pytest.param("A+z_4ME=", id="an underscore"),
        pytest.param("A+z/4ME", id="no padding"),
        pytest.param("A+z/4ME==", id="surplus padding"),
        pytest.param("A+z/4MF=", id="stray bits"),
        pytest.param("A+z/ 4ME=", id="a blank"),
        pytest.param("A+z/4ME=\n", id="a line break"),
        pytest.param("A+z/4M\xe9=", id="beyond ASCII"),
    ],
)
def test_other_base64_is_refused(text: str) -> None:
    assert encoding.decode_base64("A+z/4ME=") == VECTORS["A-z_4ME"]
    with pytest.raises(ValueError, match="base64"):
        encoding.decode_base64(text)
