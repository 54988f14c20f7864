// Pillow's antialiased bilinear resize, number for number; squeezesam/inference/letterbox.py is within two levels
// of it.
#pragma once

#include <cstdint>
#include <vector>

// The part of one axis of the source that is resized, in its pixels; float, as in Pillow.
struct Span {
  float low, high;
};

// RGB bytes [height, width, 3] -> [to_height, to_width, 3].
std::vector<uint8_t> resized(const std::vector<uint8_t> &pixels, int width, int height,
                             int to_width, int to_height);

// Part of an image [height, width] of floats -> [to_height, to_width].
std::vector<float> resized(const std::vector<float> &pixels, int width, int height, Span across,
                           Span down, int to_width, int to_height);
