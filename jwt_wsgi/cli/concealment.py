"""Concealing tokens in what the command line prints. Pure.

A token may stand where it does not belong: as the name of a file, as the value of an option, inside
a claim. It is recognized by its form, whatever its header is, or because the command was given it.
"""

import re
from base64 import urlsafe_b64decode
from collections.abc import Iterable, Sequence

#: What is printed in place of a token.
MARK = "[token not shown]"
#: Shorter parts of a token that was given are not searched for.
MIN_SEGMENT_CHARACTERS = 16

# Segments of base64url, with dots between them.
_RUN = re.compile(r"[A-Za-z0-9_-]+={0,2}(?:\.[A-Za-z0-9_-]*={0,2})*")
# In base64url, an octet `{`, a whitespace or the first octet of a BOM begins with one of these.
_FIRST_CHARACTER = re.compile("[eIC7]")
# A JSON object that has a member, after a BOM and whitespace. Whitespace without end is one, too.
_OBJECT_WITH_MEMBER = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:\{\s*(?:\"|\Z)|(?<=\s{12})\Z)")
_OBJECT = re.compile(rb"(?:\xef\xbb\xbf)?\s*\{\s*[\"}]")
# So many characters of a segment are decoded, to see how it begins.
_DECODED_CHARACTERS = 64
_MIN_OBJECT_CHARACTERS = 9
_JWS_SEGMENTS, _JWE_SEGMENTS = 3, 5
# A segment of at least so many characters, of both cases and with digits, is no name.
_MIN_RANDOM_CHARACTERS = 32
_MIN_LONE_RANDOM_CHARACTERS = 40


def split_token(token: str) -> tuple[str, ...]:
    """Return the parts of a token that are long enough to be recognized, the longest first."""
    parts = {part for part in re.split(r"[.\s]", token) if len(part) >= MIN_SEGMENT_CHARACTERS}
    return tuple(sorted(parts, key=len, reverse=True))


def conceal_tokens(text: str, given: Sequence[str] = ()) -> str:
    """Return `text` with `MARK` in place of every token.

    Args:
        text: The text to print.
        given: The parts of the token that the command was given (`split_token`).
    """
    for part in given:
        text = text.replace(part, MARK)
    return _RUN.sub(_conceal_token, text)


def conceal_secrets(text: str, given: Sequence[str] = ()) -> str:
    """Return `text` with `MARK` in place of every token and of long random words.

    An error text quotes what the user wrote. That may be a part of a token, or an opaque token.
    """
    return _RUN.sub(_conceal_random_word, conceal_tokens(text, given))


def _conceal_token(run: re.Match[str]) -> str:
    return MARK if _is_token(run.group()) else run.group()


def _conceal_random_word(run: re.Match[str]) -> str:
    segments = run.group().split(".")
    return MARK if _has_random(segments, _MIN_LONE_RANDOM_CHARACTERS) else run.group()


def _is_token(run: str) -> bool:
    segments = [segment.rstrip("=") for segment in run.split(".")]
    if any(map(_contains_object_with_member, segments)):
        return True
    if len(segments) in (_JWS_SEGMENTS, _JWE_SEGMENTS) and _OBJECT.match(_decode(segments[0])):
        return True
    return len(segments) >= _JWS_SEGMENTS and _has_random(segments, _MIN_RANDOM_CHARACTERS)


def _contains_object_with_member(segment: str) -> bool:
    """Return True if the segment, or what follows a prefix of it, encodes a JSON object."""
    for first in _FIRST_CHARACTER.finditer(segment):
        start = first.start()
        if len(segment) - start < _MIN_OBJECT_CHARACTERS:
            return False
        if _OBJECT_WITH_MEMBER.match(_decode(segment[start : start + _DECODED_CHARACTERS])):
            return True
    return False


def _has_random(segments: Iterable[str], min_characters: int) -> bool:
    return any(len(segment) >= min_characters and _is_random(segment) for segment in segments)


def _is_random(segment: str) -> bool:
    has_upper = any(character.isupper() for character in segment)
    has_lower = any(character.islower() for character in segment)
    return has_upper and has_lower and any(character.isdigit() for character in segment)


def _decode(characters: str) -> bytes:
    """Return the octets that whole groups of four characters encode, and as much of the last."""
    remainder = len(characters) % 4
    if remainder == 1:
        characters = characters[:-1]
    elif remainder:
        characters += "=" * (4 - remainder)
    return urlsafe_b64decode(characters)
