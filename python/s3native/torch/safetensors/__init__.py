"""Tensors in the safetensors format, from and to S3 without a copy."""

from s3native.torch.safetensors.load import load_safetensors
from s3native.torch.safetensors.save import save_safetensors

__all__ = ["load_safetensors", "save_safetensors"]
