"""Operators by family, as coremltools groups them; importing this fills the table."""

from squeezesam_export.mlprogram.ops import (
    activation,
    classify,
    constexpr,
    conv,
    elementwise_binary,
    elementwise_unary,
    image_resizing,
    linear,
    normalization,
    pool,
    quantization,
    reduction,
    tensor_operation,
    tensor_transformation,
)

MODULES = (
    activation,
    classify,
    constexpr,
    conv,
    elementwise_binary,
    elementwise_unary,
    image_resizing,
    linear,
    normalization,
    pool,
    quantization,
    reduction,
    tensor_operation,
    tensor_transformation,
)
