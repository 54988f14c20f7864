#include "letterbox.h"

#include <algorithm>
#include <cmath>

#include "resize.h"
#include "spec.h"

// Photo pixels that are upsampled at once; bounds the memory for large photos.
static constexpr int BAND_PIXELS = 1 << 20;

Letterbox Letterbox::fit(int width, int height, int size) {
  const double whole = 1.0 * spec::MAP_STRIDE * std::max(width, height);
  const auto side = [&](int pixels) {
    // One division of whole numbers, so that a half is met exactly; in the default rounding mode
    // it goes to the even neighbour.
    const int mask_pixels = static_cast<int>(std::nearbyint(1.0 * pixels * size / whole));
    return spec::MAP_STRIDE * std::max(1, mask_pixels);
  };
  return {width, height, size, side(width), side(height)};
}

std::vector<float> Letterbox::image(const std::vector<uint8_t> &photo) const {
  const auto scaled = [](uint8_t byte) { return (byte - spec::PIXEL_MEAN) * spec::PIXEL_SCALE; };
  const size_t plane = static_cast<size_t>(size) * size;
  std::vector<float> made(3 * plane, scaled(spec::PAD_BYTE));
  const auto inside = resized(photo, width, height, inside_width, inside_height);
  const uint8_t *byte = inside.data();
  for (int y = 0; y < inside_height; y++)
    for (int x = 0; x < inside_width; x++)
      for (int channel = 0; channel < 3; channel++)
        made[channel * plane + static_cast<size_t>(y) * size + x] = scaled(*byte++);
  return made;
}

std::vector<uint8_t> Letterbox::photo_mask(const std::vector<float> &logits) const {
  const int side = size / spec::MAP_STRIDE;
  const int columns = inside_width / spec::MAP_STRIDE, rows = inside_height / spec::MAP_STRIDE;
  std::vector<float> inside;
  for (int row = 0; row < rows; row++)
    inside.insert(inside.end(), &logits[row * side], &logits[row * side] + columns);
  std::vector<uint8_t> made;
  made.reserve(static_cast<size_t>(width) * height);
  const int step = std::max(1, BAND_PIXELS / width);
  for (int top = 0; top < height; top += step) {
    const int bottom = std::min(top + step, height);
    const auto edge = [&](int y) {
      return static_cast<float>(static_cast<double>(y) * rows / height);
    };
    const auto band = resized(inside, columns, rows, {0, static_cast<float>(columns)},
                              {edge(top), edge(bottom)}, width, bottom - top);
    for (float logit : band) made.push_back(logit > spec::MASK_THRESHOLD);
  }
  return made;
}
