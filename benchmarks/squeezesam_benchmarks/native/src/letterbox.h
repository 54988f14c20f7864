// The way from a photo to the network's image and from a mask back: squeezesam/inference/letterbox.py.
#pragma once

#include <cstdint>
#include <vector>

// A photo fitted into the top left of the square input.
struct Letterbox {
  int width, height;                // of the photo in pixels
  int size;                         // side of the input in pixels
  int inside_width, inside_height;  // that the photo takes up in the input, multiples of MAP_STRIDE

  // Fits a photo so that its long side fills the input.
  static Letterbox fit(int width, int height, int size);

  // RGB bytes [height, width, 3] -> [3, size, size], scaled and padded.
  std::vector<float> image(const std::vector<uint8_t> &photo) const;

  // Mask logits [size/2, size/2] -> [height, width], 1 inside of the mask.
  std::vector<uint8_t> photo_mask(const std::vector<float> &logits) const;
};
