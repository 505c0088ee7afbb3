"""Tensors of a checkpoint whose bytes are fetched when they are needed."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import torch
from torch.utils._pytree import tree_map_only

from s3native.torch.archive import Stored, fetch_storages, filled, of_kind

if TYPE_CHECKING:
    from s3native import Client

_OF_MEMORY = {
    torch.Tensor.__array__,
    torch.Tensor.__dlpack__,
    torch.Tensor.data_ptr,
    torch.Tensor.numpy,
    torch.Tensor.share_memory_,
    torch.Tensor.storage,
    torch.Tensor.tolist,
    torch.Tensor.untyped_storage,
}
"""What looks at a tensor's memory itself, and is no operation that could be sent on to another."""
_DETACHING = (torch.ops.aten.detach.default, torch.ops.aten.alias.default)


class LazyStorage:
    """A storage of an object: its bytes are fetched once, whoever asks first."""

    def __init__(self, client: Client, url: str, etag: str, place: Stored) -> None:
        self._from = (client, url, etag)
        self._place = place
        self._lock = threading.Lock()
        self._storage: torch.UntypedStorage | None = None

    def get(self) -> torch.UntypedStorage:
        """Return the storage. Raises S3Error; PreconditionFailedError: it was overwritten."""
        with self._lock:
            if self._storage is None:
                found = fetch_storages(*self._from, frozenset([self._place]))
                self._storage = found[self._place]
            return self._storage


class LazyTensor(torch.Tensor):
    """A tensor that knows its shape, dtype and place, and fetches its bytes at its first use.

    What is done with it is done with the tensor that is fetched then; results are plain tensors.
    Gradients are its own. Using it raises S3Error as `s3native.Client.get` does.
    """

    _source: _Source

    @staticmethod
    def like(tensor: torch.Tensor, device: torch.device, storage: LazyStorage) -> LazyTensor:
        """Return one for a tensor without bytes, of the "meta" device, whose bytes are there."""
        lazy = _made(tensor, _Source(tensor, device, storage), device, tensor.requires_grad)
        if isinstance(tensor, torch.nn.Parameter):
            lazy._is_param = True  # as PyTorch marks parameters that are of another class
        return lazy

    @property
    def is_fetched(self) -> bool:
        """Whether the bytes are here."""
        return self._source.tensor is not None

    def fetched(self) -> torch.Tensor:
        """Return the plain tensor, the same each time."""
        return self._source.get()

    @classmethod
    def __torch_function__(
        cls, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        with torch._C.DisableTorchFunctionSubclass():
            if function in _OF_MEMORY:
                return function(*_plain(args), **_plain(kwargs or {}))
            return function(*args, **(kwargs or {}))

    @classmethod
    def __torch_dispatch__(
        cls, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        if function in _DETACHING:
            (lazy,) = args
            return _made(lazy, lazy._source, lazy.device, False)
        changed: dict[int, LazyTensor] = {}

        def plain(lazy: LazyTensor) -> torch.Tensor:
            changed[id(lazy.fetched())] = lazy
            return lazy.fetched()

        args, kwargs = tree_map_only(LazyTensor, plain, (args, kwargs or {}))
        # Operations in place return what they were given.
        return tree_map_only(
            torch.Tensor, lambda each: changed.get(id(each), each), function(*args, **kwargs)
        )

    def __repr__(self, **_options: Any) -> str:
        if self.is_fetched:
            return repr(self._as_plain())
        return f"LazyTensor(shape={tuple(self.shape)}, dtype={self.dtype}, device='{self.device}')"

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self._as_plain().__reduce_ex__(protocol)

    def __deepcopy__(self, memo: Any) -> Any:
        return self._as_plain().__deepcopy__(memo)

    def _as_plain(self) -> torch.Tensor:
        """The same kind of tensor, of no class of ours."""
        return of_kind(self.fetched().detach(), self)


class _Source:
    """Where the plain tensor comes from."""

    def __init__(self, like: torch.Tensor, device: torch.device, storage: LazyStorage) -> None:
        self.tensor: torch.Tensor | None = None
        self._like = like
        self._device = device
        self._storage = storage
        self._lock = threading.Lock()

    def get(self) -> torch.Tensor:
        with self._lock:
            if self.tensor is None:
                self.tensor = filled(self._like, self._storage.get(), self._device)
            return self.tensor


def _made(
    like: torch.Tensor, source: _Source, device: torch.device, requires_grad: bool
) -> LazyTensor:
    lazy: LazyTensor = torch.Tensor._make_wrapper_subclass(
        LazyTensor,
        like.size(),
        strides=like.stride(),
        storage_offset=like.storage_offset(),
        dtype=like.dtype,
        device=device,
        requires_grad=requires_grad,
    )
    lazy._source = source
    return lazy


def _plain(values: Any) -> Any:
    return tree_map_only(LazyTensor, LazyTensor.fetched, values)
