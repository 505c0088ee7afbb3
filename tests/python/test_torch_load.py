"""`save` and `load`, with tensors that are fetched when they are used."""

from __future__ import annotations

import copy
import datetime
import io
import pickle
import threading
from collections import OrderedDict, namedtuple
from typing import Any

import pytest
import s3native
from frameworks import needs
from tensors import assert_same

needs("torch")

import torch
from s3native.torch import load, save
from s3native.torch.lazy import LazyTensor

STALE = datetime.timedelta(days=-1)
Pair = namedtuple("Pair", ["left", "right"])


def state() -> dict[str, Any]:
    """Of about 12 MB."""
    weight = torch.arange(2_000_000, dtype=torch.float32).reshape(2000, 1000)
    return {
        "model": OrderedDict(
            weight=weight,
            tied=weight[3:5],
            transposed=torch.arange(600.0).reshape(20, 30).T,
            parameter=torch.nn.Parameter(torch.ones(5)),
            float8=torch.ones(7).to(torch.float8_e4m3fn),
        ),
        "optimizer": [{"momentum": torch.full((1_000_000,), 0.5)}, (torch.tensor(3), "text")],
        "empty": torch.empty(0, 4),
        "step": 17,
    }


@pytest.fixture
def url(client: s3native.Client, bucket: str) -> str:
    """Where the state is saved."""
    save(state(), f"s3://{bucket}/state.pt", client=client)
    return f"s3://{bucket}/state.pt"


class Received:
    """Bytes since it was made."""

    def __init__(self, client: s3native.Client) -> None:
        self._client = client
        self._before = client.stats()["bytes_received"]

    def __call__(self) -> int:
        return self._client.stats()["bytes_received"] - self._before


# ---- all of it ----


def test_a_state_comes_back(client: s3native.Client, url: str) -> None:
    loaded = load(url, client=client)
    assert_same(loaded, state())
    assert loaded["model"]["tied"].data_ptr() == loaded["model"]["weight"][3].data_ptr()


def test_torch_reads_what_is_saved_and_the_other_way(
    client: s3native.Client, bucket: str, url: str
) -> None:
    assert_same(torch.load(io.BytesIO(client.get(url))), state())
    file = io.BytesIO()
    torch.save(state(), file)
    client.put(f"s3://{bucket}/theirs.pt", file.getvalue())
    assert_same(load(f"s3://{bucket}/theirs.pt", client=client), state())


def test_the_default_client(environment: dict[str, str], bucket: str) -> None:
    save({"a": torch.ones(3)}, f"s3://{bucket}/a.pt")
    assert_same(load(f"s3://{bucket}/a.pt"), {"a": torch.ones(3)})


def test_only_weights_unless_it_is_said(client: s3native.Client, bucket: str) -> None:
    url = f"s3://{bucket}/object.pt"
    save({"when": datetime.timedelta(1)}, url, client=client)
    for mmap in (False, True):
        with pytest.raises(pickle.UnpicklingError, match="weights_only"):
            load(url, mmap=mmap, client=client)
        loaded = load(url, weights_only=False, mmap=mmap, client=client)
        assert loaded == {"when": datetime.timedelta(1)}


def test_map_location(client: s3native.Client, url: str) -> None:
    assert load(url, map_location="meta", client=client)["model"]["weight"].is_meta
    assert load(url, map_location=lambda s, _: s, client=client)["step"] == 17
    with pytest.raises(ValueError, match="a device"):
        load(url, map_location=lambda s, _: s, mmap=True, client=client)


def test_the_old_format(client: s3native.Client, bucket: str) -> None:
    url = f"s3://{bucket}/old.pt"
    save({"a": torch.ones(3)}, url, client=client, _use_new_zipfile_serialization=False)
    assert_same(load(url, client=client), {"a": torch.ones(3)})
    with pytest.raises(ValueError, match=r"since 1\.6"):
        load(url, mmap=True, client=client)


@pytest.mark.parametrize("mmap", [False, True])
def test_what_is_not_there(client: s3native.Client, bucket: str, mmap: bool) -> None:
    with pytest.raises(s3native.NotFoundError):
        load(f"s3://{bucket}/missing", mmap=mmap, client=client)
    with pytest.raises(ValueError, match="s3://"):
        load("/local", mmap=mmap, client=client)
    with pytest.raises(ValueError, match="s3://"):
        save({}, "/local", client=client)


class Unpicklable:
    def __reduce__(self) -> Any:
        raise RuntimeError("half")


def test_a_failed_save_leaves_what_was_there(client: s3native.Client, url: str) -> None:
    with pytest.raises(RuntimeError, match="half"):
        save([torch.ones(2_000_000), Unpicklable()], url, client=client)
    assert_same(load(url, client=client), state())
    assert client.abort_stale_uploads(url, older_than=STALE) == 0


def test_a_refused_save_raises(client: s3native.Client, bucket: str) -> None:
    with pytest.raises(s3native.NotFoundError, match="NoSuchBucket"):
        save(state(), "s3://no-such-bucket-here/a.pt", client=client)


# ---- when it is needed ----


def test_tensors_are_fetched_when_they_are_used(client: s3native.Client, url: str) -> None:
    received = Received(client)
    loaded = load(url, mmap=True, client=client)
    before = received()
    assert before < 1_000_000
    weight, momentum = loaded["model"]["weight"], loaded["optimizer"][0]["momentum"]
    assert (weight.shape, weight.dtype, weight.device.type) == ((2000, 1000), torch.float32, "cpu")
    assert (len(weight), weight.numel(), weight.stride()) == (2000, 2_000_000, (1000, 1))
    assert repr(weight) == "LazyTensor(shape=(2000, 1000), dtype=torch.float32, device='cpu')"
    assert received() == before
    assert float(momentum.sum()) == 500_000
    assert received() - before == momentum.nbytes
    assert (momentum.is_fetched, weight.is_fetched) == (True, False)
    assert float(momentum.sum()) == 500_000
    assert received() - before == momentum.nbytes


def test_all_of_it_lazily(client: s3native.Client, url: str) -> None:
    loaded = load(url, mmap=True, client=client)
    plain = load(url, mmap=True, client=client)
    plain["model"] = OrderedDict((name, t.fetched()) for name, t in plain["model"].items())
    assert_same(loaded, state())
    assert all(type(tensor) is torch.Tensor for tensor in plain["model"].values())
    assert_same(plain["model"]["weight"], state()["model"]["weight"])
    assert isinstance(loaded["model"]["parameter"], torch.nn.Parameter)


def test_a_model_takes_what_it_needs(client: s3native.Client, url: str) -> None:
    received = Received(client)
    loaded = load(url, mmap=True, client=client)
    before = received()
    model = torch.nn.Linear(1000, 2000, bias=False)
    model.load_state_dict({"weight": loaded["model"]["weight"]})
    assert torch.equal(model.weight, state()["model"]["weight"])
    assert received() - before == model.weight.nbytes


def test_views_share_what_is_fetched(client: s3native.Client, url: str) -> None:
    received = Received(client)
    loaded = load(url, mmap=True, client=client)
    before = received()
    tied = loaded["model"]["tied"]
    assert float(tied[0, 0]) == 3000
    loaded["model"]["weight"].mul_(2)
    assert float(tied[0, 0]) == 6000
    assert received() - before == loaded["model"]["weight"].nbytes


OPERATIONS: dict[str, Any] = {
    "add": lambda t: t + 1,
    "radd": lambda t: 1 + t,
    "matmul": lambda t: t @ torch.ones(1000),
    "index": lambda t: t[5, 7:9],
    "item": lambda t: t[0, 1].item(),
    "iterate": lambda t: next(iter(t)),
    "list": lambda t: t[:2, :2].tolist(),
    "numpy": lambda t: torch.from_numpy(t.numpy()),
    "stack": lambda t: torch.stack([t, t]),
    "clone": lambda t: t.clone(),
    "detach": lambda t: t.detach() * 1,
    "to": lambda t: t.to(torch.float64),
    "bytes": lambda t: t.untyped_storage()[4],
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda t: pickle.loads(pickle.dumps(t)),
    "share": lambda t: t.share_memory_(),
    "bool": lambda t: bool((t >= 0).all()),
    "format": lambda t: f"{t[0, 1]:.1f}",
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_what_is_done_with_a_tensor(client: s3native.Client, url: str, name: str) -> None:
    lazy = load(url, mmap=True, client=client)["model"]["weight"]
    found, expected = (OPERATIONS[name](tensor) for tensor in (lazy, state()["model"]["weight"]))
    assert lazy.is_fetched
    assert not isinstance(found, LazyTensor)
    assert_same(found, expected)


def test_gradients(client: s3native.Client, url: str) -> None:
    parameter = load(url, mmap=True, client=client)["model"]["parameter"]
    assert (parameter.requires_grad, parameter.is_leaf) == (True, True)
    (parameter * 3).sum().backward()
    assert parameter.grad.tolist() == [3.0] * 5


@pytest.mark.parametrize("assign", [False, True])
@pytest.mark.parametrize("optimizer", [torch.optim.SGD, torch.optim.Adam])
def test_a_model_is_trained(
    client: s3native.Client, bucket: str, assign: bool, optimizer: Any
) -> None:
    torch.manual_seed(1)
    trained, plain = torch.nn.Linear(6, 4), torch.nn.Linear(6, 4)
    save(plain.state_dict(), f"s3://{bucket}/model.pt", client=client)
    loaded = load(f"s3://{bucket}/model.pt", mmap=True, client=client)
    trained.load_state_dict(loaded, assign=assign)
    inputs = torch.rand(5, 6)
    for model in (trained, plain):
        steps = optimizer(model.parameters(), lr=0.1)
        for _ in range(3):
            steps.zero_grad()
            (model(inputs) ** 2).sum().backward()
            steps.step()
    assert torch.equal(trained(inputs), plain(inputs))
    assert_same(dict(trained.state_dict()), dict(plain.state_dict()))


def test_threads_fetch_once(client: s3native.Client, url: str) -> None:
    received = Received(client)
    weight = load(url, mmap=True, client=client)["model"]["weight"]
    before = received()
    threads = [threading.Thread(target=weight.sum) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert received() - before == weight.nbytes


def test_saving_what_was_never_fetched(client: s3native.Client, bucket: str, url: str) -> None:
    loaded = load(url, mmap=True, client=client)
    save(loaded, f"s3://{bucket}/again.pt", client=client)
    assert_same(load(f"s3://{bucket}/again.pt", client=client), state())


def test_an_object_that_was_overwritten(client: s3native.Client, url: str) -> None:
    loaded = load(url, mmap=True, client=client)
    save({"other": torch.ones(2_000_000)}, url, client=client)
    with pytest.raises(s3native.PreconditionFailedError):
        loaded["model"]["weight"].sum()


class Holder:
    """An object with a tensor inside, where nobody looks."""

    def __init__(self) -> None:
        self.tensor = torch.ones(3)


def test_tensors_that_are_not_found(client: s3native.Client, bucket: str) -> None:
    url = f"s3://{bucket}/held.pt"
    save({"held": Holder(), "pair": Pair(torch.ones(1), 2)}, url, client=client)
    with pytest.raises(ValueError, match="other objects than dicts"):
        load(url, weights_only=False, mmap=True, client=client)
    loaded = load(url, weights_only=False, client=client)
    assert_same(loaded["held"].tensor, torch.ones(3))
    save({"pair": Pair(torch.ones(1), 2)}, url, client=client)
    pair = load(url, weights_only=False, mmap=True, client=client)["pair"]
    assert (type(pair), pair.left.tolist(), pair.right) == (Pair, [1.0], 2)
