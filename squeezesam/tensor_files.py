"""Safetensors files: equal content gives equal bytes, and a hostile header ends in an error."""

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from squeezesam.errors import WeightsError

LENGTH_BYTES = 8
"""Bytes of the header's length; the header is padded to a multiple of as many."""
MAX_FILE_BYTES = 400_000_000
"""Several times the largest network of this project, in float32."""
MAX_HEADER_BYTES = 1 << 20
MAX_METADATA_BYTES = 1 << 16
SHOWN = 80


def write_tensors(tensors: Mapping[str, Tensor], path: Path, metadata: Mapping[str, str]) -> None:
    """Write a safetensors file whose bytes depend on nothing but tensors and metadata.

    The library keeps metadata in a hash map of random order, so the header is written anew.
    """
    content = save(dict(tensors), dict(metadata))
    end = LENGTH_BYTES + int.from_bytes(content[:LENGTH_BYTES], "little")
    fields = json.loads(content[LENGTH_BYTES:end])
    fields["__metadata__"] = dict(sorted(metadata.items()))
    header = json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode()
    header += b" " * (-len(header) % LENGTH_BYTES)
    with path.open("wb") as file:
        file.write(len(header).to_bytes(LENGTH_BYTES, "little"))
        file.write(header)
        file.write(memoryview(content)[end:])


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata of a safetensors file; all numbers are finite.

    Raises:
        WeightsError: missing or damaged, a size, header or metadata beyond the bounds of this
            module, or a tensor that holds NaN or infinity.
    """
    if not path.is_file():
        raise WeightsError(f"no weights file {path}; give a .safetensors file")
    try:
        with path.open("rb") as start:
            size = int.from_bytes(start.read(LENGTH_BYTES), "little")
        whole = path.stat().st_size
        if whole > MAX_FILE_BYTES:
            raise WeightsError(
                f"{path} has {whole} bytes, more than weights of squeezesam; give another file"
            )
        if size > MAX_HEADER_BYTES:
            raise WeightsError(
                f"{path} is not a safetensors file of weights: it declares a header of {size} "
                f"bytes, more than {MAX_HEADER_BYTES}; download it again"
            )
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except WeightsError:
        raise
    except (SafetensorError, OSError, ValueError, TypeError, RuntimeError, AttributeError) as error:
        raise WeightsError(
            f"{path} is not a safetensors file ({str(error)[:SHOWN]}); download it again"
        ) from error
    for name, value in metadata.items():
        if len(value.encode()) > MAX_METADATA_BYTES:
            raise WeightsError(
                f"{path} holds {len(value)} characters of metadata {name[:SHOWN]!r}, more than "
                f"{MAX_METADATA_BYTES} bytes; it is no weights file of squeezesam"
            )
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor.float()).all()):
            raise WeightsError(
                f"{path} holds NaN or infinity in {name[:SHOWN]!r}; use other weights"
            )
    return tensors, metadata
