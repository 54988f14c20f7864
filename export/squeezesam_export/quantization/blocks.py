"""The network's blocks: what is quantized, or kept in float, as one piece."""

import dataclasses
from collections.abc import Iterable

from torch import nn

from squeezesam.errors import ConfigError
from squeezesam_export.quantization.schemes import Quantized, Scheme

FUSION = "fusion"
"""The operators between the named modules: concatenations, sums and the pooling of the mean."""


def block_names(model: nn.Module) -> tuple[str, ...]:
    """Blocks in the order of the network: its children, and the children of its lists."""
    names = []
    for name, child in model.named_children():
        is_list = isinstance(child, nn.ModuleList | nn.Sequential)
        names += [f"{name}.{inner}" for inner, _ in child.named_children()] if is_list else [name]
    return (*names, FUSION)


def block_of(module_path: str, names: Iterable[str]) -> str:
    """The block that a module belongs to, such as encoder.0 for encoder.0.1.conv1."""
    for name in names:
        if module_path == name or module_path.startswith(f"{name}."):
            return name
    return FUSION


def check_blocks(keep_float: Iterable[str], models: Iterable[nn.Module]) -> None:
    """See that blocks exist, each in one of the networks at least.

    Raises:
        ConfigError: one does not.
    """
    names = list(dict.fromkeys(name for model in models for name in block_names(model)))
    for block in keep_float:
        if block not in names:
            raise ConfigError(
                f"unknown block {block!r} to keep in float; choose {', '.join(names)}"
            )


def with_blocks_of(scheme: Scheme, model: nn.Module) -> Scheme:
    """The scheme, of whose blocks to keep in float only those of a network are left."""
    if not isinstance(scheme, Quantized):
        return scheme
    known = block_names(model)
    kept = tuple(name for name in scheme.keep_float if name in known)
    return dataclasses.replace(scheme, keep_float=kept)
