// The closer look: squeezesam/inference/looks.py, with the same views and masks that are the same in every bit.
#pragma once

#include <cstdint>
#include <vector>

#include "cleaning.h"
#include "letterbox.h"

// A part of a photo, in photo pixels.
struct View {
  int left, top, width, height;

  // Where it is all of the photo.
  bool is_whole(const Letterbox &photo) const;

  // What a photo, RGB bytes [height, width, 3], has there.
  std::vector<uint8_t> shown(const std::vector<uint8_t> &pixels, const Letterbox &photo) const;

  // Clicks and box on the photo as those on this part, without a previous mask; clicks beside it
  // are left out.
  Asked moved(const Asked &asked) const;
};

// The view around a mask, logits [size/2, size/2] of the whole photo, and what was asked.
View surroundings(const std::vector<float> &logits, const Asked &asked, const Letterbox &photo);

// A mask [size/2, size/2] of the photo as the previous mask of a view, as large as the letterbox
// of the view says.
std::vector<float> onto_view(const std::vector<float> &logits, const Letterbox &photo,
                             const View &view, const Letterbox &letterbox);

// A mask [size/2, size/2] of a view as one of the photo; both letterboxes are of one size.
std::vector<float> onto_photo(const std::vector<float> &logits, const View &view,
                              const Letterbox &letterbox, const Letterbox &photo);

// A mask [size/2, size/2] of a view -> [height, width] of the photo, 1 inside of the mask.
std::vector<uint8_t> photo_mask(const std::vector<float> &logits, const View &view,
                                const Letterbox &letterbox, const Letterbox &photo);
