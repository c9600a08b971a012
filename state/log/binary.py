"""Integers, texts and amounts as few bytes: the alphabet that the records of the log are written in."""

from __future__ import annotations

import re

# The sixteen half-bytes of an amount: its fifteen characters, and "f" to fill the last byte.
_PACK = str.maketrans("0123456789.-+eE", "0123456789abcde")
_UNPACK = str.maketrans("0123456789abcde", "0123456789.-+eE")
_PACKABLE = re.compile(r"[0-9.+\-eE]+").fullmatch

_SEVEN_BITS = 0x7F
_MORE = 0x80
_UNKNOWN, _EMPTY, _ZERO, _FIRST_LENGTH = 0, 1, 2, 3


def put_number(out: bytearray, number: int) -> None:
    """A non-negative integer, seven bits a byte, the lowest first."""
    while number > _SEVEN_BITS:
        out.append(number & _SEVEN_BITS | _MORE)
        number >>= 7
    out.append(number)


def put_signed(out: bytearray, number: int) -> None:
    """Any integer; those near zero, of either sign, are short."""
    number = number << 1 if number >= 0 else (-number << 1) - 1
    if number <= _SEVEN_BITS:
        out.append(number)
    else:
        put_number(out, number)


def put_text(out: bytearray, text: str) -> None:
    """Any text, its length in bytes before it."""
    data = text.encode()
    put_number(out, len(data))
    out += data


def put_amount(out: bytearray, amount: str | None) -> None:
    """One quantity exactly as the venue wrote it; two characters take one byte where it is a plain number."""
    if amount is None:
        out.append(_UNKNOWN)
    elif amount == "0":
        out.append(_ZERO)
    elif not amount:
        out.append(_EMPTY)
    elif _PACKABLE(amount):
        put_number(out, _FIRST_LENGTH + (len(amount) << 1))
        digits = amount.translate(_PACK)
        out += bytes.fromhex(digits + "f" if len(digits) & 1 else digits)
    else:
        data = amount.encode()
        put_number(out, _FIRST_LENGTH + (len(data) << 1 | 1))
        out += data


class Cursor:
    """Reads back, in the same order, what the functions above wrote. Raises IndexError beyond the end."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def done(self) -> bool:
        return self._at >= len(self._data)

    def number(self) -> int:
        result = shift = 0
        while True:
            byte = self._data[self._at]
            self._at += 1
            result |= (byte & _SEVEN_BITS) << shift
            if byte <= _SEVEN_BITS:
                return result
            shift += 7

    def signed(self) -> int:
        number = self.number()
        return -((number + 1) >> 1) if number & 1 else number >> 1

    def bytes(self, length: int) -> bytes:
        end = self._at + length
        if end > len(self._data):
            raise IndexError("the record ends early")
        taken = self._data[self._at : end]
        self._at = end
        return taken

    def text(self) -> str:
        return self.bytes(self.number()).decode()

    def amount(self) -> str | None:
        code = self.number()
        if code < _FIRST_LENGTH:
            return (None, "", "0")[code]
        length, plain = divmod(code - _FIRST_LENGTH, 2)
        if plain:
            return self.bytes(length).decode()
        return self.bytes((length + 1) // 2).hex()[:length].translate(_UNPACK)
