// Prompts as the network's inputs: squeezesam/inference/prompts.py, without boxes.
#pragma once

#include <optional>
#include <vector>

#include "letterbox.h"

// In photo pixels; the label is one of spec::PointLabel.
struct Click {
  float x, y;
  int label;
};

// Clicks laid out in pixels of the input, at the centres of their photo pixels.
std::vector<Click> in_input(std::vector<Click> clicks, const Letterbox &letterbox);

// prompt_maps [4, size/2, size/2]; clicks in pixels of the input, and the logits [size/2, size/2]
// of the mask so far.
std::vector<float> prompt_maps(const std::vector<Click> &clicks,
                               const std::optional<std::vector<float>> &previous, int size);

// prompt_tokens [16, 28]; of more clicks than slots, the latest.
std::vector<float> prompt_tokens(const std::vector<Click> &clicks, int size);
