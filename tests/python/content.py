"""Bytes to store and to compare."""

from __future__ import annotations

import base64
import random


def content(size: int, seed: int = 0) -> bytes:
    """The same `size` bytes for the same `seed`; no two parts of them are alike."""
    return random.Random(seed).randbytes(size)


def _crc_table() -> list[int]:
    table = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = (value >> 1) ^ (0x9A6C9329AC4BC9B5 if value & 1 else 0)
        table.append(value)
    return table


def crc64nvme(data: bytes) -> str:
    """CRC64NVME as S3 writes it, by the definition; slow."""
    table, value = _crc_table(), (1 << 64) - 1
    for byte in data:
        value = table[(value ^ byte) & 0xFF] ^ (value >> 8)
    return base64.b64encode((value ^ ((1 << 64) - 1)).to_bytes(8, "big")).decode()
