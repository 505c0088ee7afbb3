"""`save_safetensors` and `load_safetensors`, and what the safetensors package makes of them."""

from __future__ import annotations

import datetime
import json
import struct
from typing import Any

import pytest
import s3native
from frameworks import needs
from tensors import assert_same

needs("torch")
needs("safetensors")

import safetensors
import safetensors.torch
import torch
from s3native.torch import load_safetensors, save_safetensors
from s3native.torch.safetensors import load as loading

DTYPES = [
    torch.bool,
    torch.uint8,
    torch.int8,
    torch.int16,
    torch.float16,
    torch.bfloat16,
    torch.int32,
    torch.float32,
    torch.int64,
    torch.float64,
    torch.complex64,
    torch.float8_e4m3fn,
    torch.float8_e5m2,
    torch.uint16,
    torch.uint32,
    torch.uint64,
]
TENSORS = {
    f"of {dtype}": torch.arange(2 * 7 * 3).reshape(2, 7, 3).to(dtype) for dtype in DTYPES
} | {
    "large": torch.arange(3_000_000, dtype=torch.float32).reshape(3000, 1000),
    "scalar": torch.tensor(3.5),
    "empty": torch.empty(0, 5),
}


# ---- both ways ----


def test_they_come_back(client: s3native.Client, bucket: str) -> None:
    url = f"s3://{bucket}/model.safetensors"
    save_safetensors(TENSORS, url, metadata={"format": "pt"}, client=client)
    assert_same(
        dict(sorted(load_safetensors(url, client=client).items())), dict(sorted(TENSORS.items()))
    )


def test_the_package_reads_what_is_saved(
    client: s3native.Client, bucket: str, tmp_path: Any
) -> None:
    url = f"s3://{bucket}/model.safetensors"
    save_safetensors(TENSORS, url, metadata={"format": "pt", "step": "7"}, client=client)
    path = tmp_path / "model.safetensors"
    path.write_bytes(client.get(url))
    with safetensors.safe_open(path, "pt") as file:
        assert file.metadata() == {"format": "pt", "step": "7"}
        assert_same({name: file.get_tensor(name) for name in TENSORS}, TENSORS)


def test_what_the_package_saves_is_read(client: s3native.Client, bucket: str) -> None:
    url = f"s3://{bucket}/model.safetensors"
    client.put(url, safetensors.torch.save(TENSORS, metadata={"format": "pt"}))
    loaded = load_safetensors(url, client=client)
    assert_same({name: loaded[name] for name in TENSORS}, TENSORS)


def test_tensors_have_memory_of_their_own(client: s3native.Client, bucket: str) -> None:
    url = f"s3://{bucket}/model.safetensors"
    save_safetensors(TENSORS, url, client=client)
    loaded = load_safetensors(url, client=client)
    for name, tensor in loaded.items():
        assert tensor.untyped_storage().nbytes() == TENSORS[name].nbytes
        assert tensor.data_ptr() % tensor.element_size() == 0
    loaded["large"].mul_(2)
    assert torch.equal(loaded["large"], TENSORS["large"] * 2)
    assert_same(loaded["scalar"], TENSORS["scalar"])


def test_nothing_at_all(client: s3native.Client, bucket: str) -> None:
    save_safetensors({}, f"s3://{bucket}/none", client=client)
    assert load_safetensors(f"s3://{bucket}/none", client=client) == {}


def test_views_and_parameters(client: s3native.Client, bucket: str) -> None:
    url = f"s3://{bucket}/views"
    tensors = {
        "transposed": torch.arange(600.0).reshape(20, 30).T,
        "strided": torch.arange(100)[::3],
        "weight": torch.nn.Parameter(torch.ones(3, 4)),
        "conjugated": torch.tensor([1 + 2j, 3 - 1j], dtype=torch.complex64).conj(),
    }
    save_safetensors(tensors, url, client=client)
    expected = {name: tensor.detach().clone().contiguous() for name, tensor in tensors.items()}
    expected["conjugated"] = expected["conjugated"].resolve_conj()
    loaded = load_safetensors(url, client=client)
    assert_same({name: loaded[name] for name in expected}, expected)


# ---- parts of it ----


def test_only_what_is_named_is_fetched(client: s3native.Client, bucket: str) -> None:
    url = f"s3://{bucket}/model.safetensors"
    tensors = {f"layer{i}": torch.full((500_000,), float(i)) for i in range(8)}
    save_safetensors(tensors, url, client=client)
    before = client.stats()["bytes_received"]
    loaded = load_safetensors(url, names=["layer6", "layer1"], client=client)
    received = client.stats()["bytes_received"] - before
    assert_same(loaded, {name: tensors[name] for name in ("layer6", "layer1")})
    assert received < 2 * tensors["layer1"].nbytes + 100_000
    with pytest.raises(KeyError, match="layer9"):
        load_safetensors(url, names=["layer9"], client=client)


def test_floats_are_converted(client: s3native.Client, bucket: str) -> None:
    url = f"s3://{bucket}/model.safetensors"
    tensors = {"weight": torch.rand(100, 100), "count": torch.arange(5)}
    save_safetensors(tensors, url, client=client)
    loaded = load_safetensors(url, dtype=torch.bfloat16, client=client)
    assert_same(loaded["weight"], tensors["weight"].to(torch.bfloat16))
    assert_same(loaded["count"], tensors["count"])


def test_an_index_of_several_files(client: s3native.Client, bucket: str) -> None:
    shards = [{f"layer{i}.{j}": torch.rand(300, 10) for j in range(4)} for i in range(3)]
    names = [f"model-0000{i}-of-00003.safetensors" for i in range(3)]
    for name, shard in zip(names, shards, strict=True):
        save_safetensors(shard, f"s3://{bucket}/llm/{name}", client=client)
    index = {
        "metadata": {},
        "weight_map": {k: n for n, s in zip(names, shards, strict=True) for k in s},
    }
    url = f"s3://{bucket}/llm/model.safetensors.index.json"
    client.put(url, json.dumps(index).encode())
    expected = {name: tensor for shard in shards for name, tensor in shard.items()}
    assert_same(load_safetensors(url, client=client), expected)
    some = load_safetensors(url, names=["layer2.1", "layer0.3"], client=client)
    assert_same(some, {name: expected[name] for name in ("layer2.1", "layer0.3")})


@pytest.mark.parametrize("text", [b"no json", b"[]", b'{"weight_map": 3}', b"{}"])
def test_what_is_no_index(client: s3native.Client, bucket: str, text: bytes) -> None:
    url = f"s3://{bucket}/model.safetensors.index.json"
    client.put(url, text)
    with pytest.raises(s3native.IntegrityError, match="no index"):
        load_safetensors(url, client=client)


def test_the_way_to_a_device(
    client: s3native.Client, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The CPU stands for a device: the copies are the same, but for pinned memory and streams."""
    url = f"s3://{bucket}/model.safetensors"
    tensors = {f"t{i}": torch.rand(1000, 700 + i) for i in range(12)} | {"none": torch.empty(0)}
    save_safetensors(tensors, url, client=client)
    monkeypatch.setattr(loading, "_received", loading._staged)
    loaded = load_safetensors(url, device="cpu", client=client)
    assert_same({name: loaded[name] for name in tensors}, tensors)
    assert load_safetensors(url, device="meta", client=client)["t3"].shape == (1000, 703)


def test_tensors_that_are_not_aligned(client: s3native.Client, bucket: str) -> None:
    header = json.dumps(
        {
            "a": {"dtype": "U8", "shape": [3], "data_offsets": [0, 3]},
            "b": {"dtype": "F32", "shape": [2], "data_offsets": [3, 11]},
        }
    ).encode()
    data = struct.pack("<Q", len(header)) + header + bytes([1, 2, 3]) + struct.pack("<2f", 1.5, -2)
    client.put(f"s3://{bucket}/odd", data)
    loaded = load_safetensors(f"s3://{bucket}/odd", client=client)
    assert (loaded["a"].tolist(), loaded["b"].tolist()) == ([1, 2, 3], [1.5, -2])


def test_a_header_larger_than_the_first_request(client: s3native.Client, bucket: str) -> None:
    url = f"s3://{bucket}/many"
    tensors = {f"layer.{i:05}.weight": torch.tensor([i]) for i in range(3000)}
    save_safetensors(tensors, url, client=client)
    assert_same(load_safetensors(url, client=client), tensors)


# ---- what goes wrong ----


def file_with(header: Any, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


GOOD = {"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"short",
        struct.pack("<Q", 1 << 62) + b"{}",
        struct.pack("<Q", 50) + b"{}",
        file_with(b"{no json}"),
        file_with([1, 2]),
        file_with({"a": 3}),
        file_with(GOOD, bytes(7)),
        file_with(GOOD, bytes(9)),
        file_with({"a": GOOD["a"] | {"dtype": "F33"}}, bytes(8)),
        file_with({"a": GOOD["a"] | {"shape": [3]}}, bytes(8)),
        file_with({"a": GOOD["a"] | {"shape": [-1, -2]}}, bytes(8)),
        file_with({"a": GOOD["a"] | {"data_offsets": [8, 16]}}, bytes(16)),
        file_with(GOOD | {"b": GOOD["a"]}, bytes(8)),
    ],
)
def test_what_is_no_whole_file(client: s3native.Client, bucket: str, data: bytes) -> None:
    url = f"s3://{bucket}/broken"
    client.put(url, data)
    with pytest.raises(s3native.IntegrityError, match="safetensors file"):
        load_safetensors(url, client=client)


def test_what_is_not_there(client: s3native.Client, bucket: str) -> None:
    with pytest.raises(s3native.NotFoundError):
        load_safetensors(f"s3://{bucket}/missing", client=client)
    with pytest.raises(ValueError, match="s3://"):
        load_safetensors("/local", client=client)
    with pytest.raises(ValueError, match="s3://"):
        save_safetensors({}, "/local", client=client)


def test_what_cannot_be_saved(client: s3native.Client, bucket: str) -> None:
    url = f"s3://{bucket}/refused"
    whole = torch.rand(10, 10)
    refused: list[tuple[dict[str, Any], str]] = [
        ({"a": whole, "b": whole}, "share memory"),
        ({"a": whole, "b": whole[5]}, "share memory"),
        ({"a": torch.ones(2, dtype=torch.complex128)}, "complex128"),
        ({"a": torch.ones(2, 2).to_sparse()}, "sparse"),
        ({"__metadata__": torch.ones(2)}, "__metadata__"),
    ]
    for tensors, message in refused:
        with pytest.raises(ValueError, match=message):
            save_safetensors(tensors, url, client=client)
    save_safetensors({"a": whole[:5], "b": whole[5:]}, url, client=client)  # side by side
    assert torch.equal(load_safetensors(url, client=client)["b"], whole[5:])


def test_a_failed_save_leaves_what_was_there(
    client: s3native.Client, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"s3://{bucket}/model.safetensors"
    save_safetensors({"a": torch.zeros(3)}, url, client=client)
    bad = torch.ones(2_000_000)
    monkeypatch.setattr("s3native.torch.safetensors.save.buffer_of", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        save_safetensors({"a": bad}, url, client=client)
    assert_same(load_safetensors(url, client=client), {"a": torch.zeros(3)})
    stale = datetime.timedelta(days=-1)
    assert client.abort_stale_uploads(f"s3://{bucket}/", older_than=stale) == 0


def test_an_overwrite_while_it_is_loaded(
    client: s3native.Client, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"s3://{bucket}/model.safetensors"
    save_safetensors({"a": torch.zeros(1000)}, url, client=client)
    heads = loading._heads

    def then_overwritten(*arguments: Any) -> Any:
        files = heads(*arguments)
        save_safetensors({"a": torch.ones(1000)}, url, client=client)
        return files

    monkeypatch.setattr(loading, "_heads", then_overwritten)
    with pytest.raises(s3native.PreconditionFailedError, match="overwritten"):
        load_safetensors(url, client=client)
