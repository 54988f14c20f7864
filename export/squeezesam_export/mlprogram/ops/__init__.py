"""Operators by family, as coremltools groups them; importing this fills the table."""

from squeezesam_export.mlprogram.ops import (  # noqa: F401 - each registers its operators
    compression,
    elementwise,
    image_resizing,
    normalization,
    reduction,
    scatter_gather,
    tensor_operation,
    tensor_transformation,
    windows,
)
