// Clean masks: squeezesam/inference/mask_cleanup.py, pixel for pixel.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "letterbox.h"
#include "prompts.h"

// What a mask answers, in photo pixels.
struct Asked {
  std::vector<Click> clicks;
  std::optional<std::array<float, 4>> box;     // x0, y0, x1, y1
  std::optional<std::vector<float>> previous;  // logits [size/2, size/2] of the mask so far
};

// Mask logits [size/2, size/2] -> the same, of the cleaned mask.
std::vector<float> cleaned(const std::vector<float> &logits, const Asked &asked,
                           const Letterbox &letterbox);
