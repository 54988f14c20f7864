"""Operators by family, as coremltools groups them; importing this fills the table."""

from squeezesam_export.mlprogram.ops import (  # noqa: F401 - each registers its operators
    activation,
    classify,
    constexpr,
    control_flow,
    conv,
    elementwise_binary,
    elementwise_unary,
    image_resizing,
    linear,
    normalization,
    pool,
    quantization,
    reduction,
    scatter_gather,
    tensor_operation,
    tensor_transformation,
    transformers,
)
