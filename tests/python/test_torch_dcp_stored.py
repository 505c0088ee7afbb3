"""`parse_head`: where `torch.save` put a tensor's bytes."""

from __future__ import annotations

import io
from typing import Any

import pytest
from frameworks import needs
from hypothesis import given
from hypothesis import strategies as st
from tensors import raw

needs("torch")

import torch
from s3native.torch.dcp.stored import HEAD, Stored, parse_head


def saved(value: Any, **options: Any) -> bytes:
    file = io.BytesIO()
    torch.save(value, file, **options)
    return file.getvalue()


TENSORS = {
    **{
        str(dtype): torch.arange(60).reshape(3, 4, 5).to(dtype)
        for dtype in (
            *(torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64),
            *(torch.float16, torch.bfloat16, torch.float32, torch.float64),
            *(torch.complex64, torch.complex128, torch.float8_e4m3fn, torch.float8_e5m2),
            *(torch.uint16, torch.uint32, torch.uint64),
        )
    },
    "scalar": torch.tensor(5.5),
    "transposed": torch.arange(12.0).reshape(3, 4).T,
    "channels last": torch.rand(2, 3, 4, 5).to(memory_format=torch.channels_last),
    "parameter of a graph": torch.rand(3, requires_grad=True),
}


@pytest.mark.parametrize("name", TENSORS)
def test_the_tensor_is_found(name: str) -> None:
    tensor, data = TENSORS[name], saved(TENSORS[name])
    stored = parse_head(data[:HEAD])
    assert stored is not None
    assert (stored.dtype, stored.shape, stored.stride) == (
        tensor.dtype,
        tuple(tensor.shape),
        tensor.stride(),
    )
    size = tensor.untyped_storage().nbytes()
    found = torch.frombuffer(
        bytearray(data[stored.start : stored.start + size]), dtype=tensor.dtype
    )
    assert raw(found.as_strided(stored.shape, stored.stride)) == raw(tensor)


@pytest.mark.parametrize(
    "value",
    [
        {"a": torch.ones(3)},
        [1, 2],
        torch.ones(3).to_sparse(),
        torch.arange(10)[3:],
        torch.nn.Parameter(torch.ones(3)),
    ],
    ids=["dict", "list", "sparse", "inside a storage", "parameter"],
)
def test_what_is_no_plain_tensor(value: Any) -> None:
    assert parse_head(saved(value)[:HEAD]) is None


def test_other_formats() -> None:
    assert parse_head(saved(torch.ones(3), _use_new_zipfile_serialization=False)) is None
    assert parse_head(b"") is None
    data = saved(torch.ones(3))
    assert b"little" in data
    assert parse_head(data.replace(b"little", b"big   ")) is None


@given(st.data())
def test_damaged_heads(drawn: st.DataObject) -> None:
    head = bytearray(saved(TENSORS["torch.float32"])[:HEAD])
    for _ in range(drawn.draw(st.integers(1, 4))):
        head[drawn.draw(st.integers(0, len(head) - 1))] = drawn.draw(st.integers(0, 255))
    del head[drawn.draw(st.integers(0, len(head))) :]
    parse_head(bytes(head))


def test_parts() -> None:
    stored = Stored(torch.float32, (10, 20), (20, 1), 100)
    assert stored.span((0, 0), (10, 20)) == (100, 900)
    assert stored.span((3, 0), (2, 20)) == (340, 500)
    assert stored.span((3, 5), (2, 4)) == (360, 456)
    assert stored.span((3, 5), (0, 4)) == (100, 100)
    assert stored.is_packed((10, 20))
    assert stored.is_packed((3, 20))
    assert stored.is_packed((1, 7))
    assert not stored.is_packed((2, 19))
    assert not Stored(torch.float32, (20, 10), (1, 20), 0).is_packed((20, 10))
    assert Stored(torch.float32, (), (), 64).span((), ()) == (64, 68)
