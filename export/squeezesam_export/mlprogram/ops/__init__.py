"""Operators by family, as coremltools groups them; importing this fills the table."""

from squeezesam_export.mlprogram.ops import (
    activation,
    constexpr,
    control_flow,
    conv,
    elementwise_binary,
    elementwise_unary,
    image_resizing,
    linear,
    quantization,
    reduction,
    scatter_gather,
    tensor_operation,
    tensor_transformation,
    transformers,
)

MODULES = (
    activation,
    constexpr,
    control_flow,
    conv,
    elementwise_binary,
    elementwise_unary,
    image_resizing,
    linear,
    quantization,
    reduction,
    scatter_gather,
    tensor_operation,
    tensor_transformation,
    transformers,
)
