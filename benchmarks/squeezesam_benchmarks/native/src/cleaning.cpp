#include "cleaning.h"

#include <algorithm>
#include <cmath>

#include "spec.h"

namespace {

// The part of a mask that lies on the photo, row by row.
struct Mask {
  int columns, rows;
  std::vector<char> inside;

  Mask(const std::vector<float> &logits, const Letterbox &letterbox)
      : columns(letterbox.inside_width / spec::MAP_STRIDE),
        rows(letterbox.inside_height / spec::MAP_STRIDE) {
    const int side = letterbox.size / spec::MAP_STRIDE;
    for (int y = 0; y < rows; y++)
      for (int x = 0; x < columns; x++)
        inside.push_back(logits[y * side + x] > spec::MASK_THRESHOLD);
  }
};

// Pieces of equal pixels that hang together: 1, 2, ... in reading order, 0 for all other pixels.
struct Pieces {
  std::vector<int> numbers;
  std::vector<int> areas;  // by number; what is no piece counts as piece 0

  Pieces(const Mask &mask, bool inside, bool corners) : numbers(mask.inside.size()), areas(1) {
    std::vector<int> open;
    for (int first = 0; first < static_cast<int>(numbers.size()); first++) {
      if (numbers[first] || bool(mask.inside[first]) != inside) continue;
      const int number = static_cast<int>(areas.size());
      areas.push_back(0);
      numbers[first] = number;
      open.push_back(first);
      while (!open.empty()) {
        const int x = open.back() % mask.columns, y = open.back() / mask.columns;
        open.pop_back();
        areas[number]++;
        for (int row = std::max(y - 1, 0); row <= std::min(y + 1, mask.rows - 1); row++)
          for (int column = std::max(x - 1, 0); column <= std::min(x + 1, mask.columns - 1);
               column++) {
            const int next = row * mask.columns + column;
            if (!corners && row != y && column != x) continue;
            if (numbers[next] || bool(mask.inside[next]) != inside) continue;
            numbers[next] = number;
            open.push_back(next);
          }
      }
    }
    areas[0] = static_cast<int>(std::count(numbers.begin(), numbers.end(), 0));
  }

  int count() const { return static_cast<int>(areas.size()); }
};

// The mask pixel under the centre of a photo pixel, along one axis.
int mask_pixel(float place, int side, int inside) {
  const double at = std::floor((2.0 * place + 1) * inside / (2.0 * side));
  return static_cast<int>(std::min(at, inside - 1.0));
}

// The first mask pixel whose centre does not lie before an edge.
int first_behind(float edge, int side, int inside) {
  return static_cast<int>(std::max(0.0, std::ceil((2.0 * edge * inside - side) / (2.0 * side))));
}

// Notes the numbers of pieces under the clicks of one label.
void note(const Asked &asked, int label, const Mask &mask, const Letterbox &letterbox,
          const Pieces &pieces, std::vector<char> &noted, char value) {
  for (const Click &click : asked.clicks) {
    if (click.label != label) continue;
    const int x = mask_pixel(click.x, letterbox.width, mask.columns);
    const int y = mask_pixel(click.y, letterbox.height, mask.rows);
    noted[pieces.numbers[y * mask.columns + x]] = value;
  }
}

// Notes the pieces that have at least half of their pixels where `is_in` says so.
template <class IsIn>
void note_by_half(const Mask &mask, const Pieces &pieces, std::vector<char> &noted, IsIn is_in) {
  std::vector<int> counts(pieces.areas.size());
  for (int y = 0, i = 0; y < mask.rows; y++)
    for (int x = 0; x < mask.columns; x++, i++)
      if (is_in(x, y)) counts[pieces.numbers[i]]++;
  for (int number = 1; number < pieces.count(); number++)
    if (2 * counts[number] >= pieces.areas[number]) noted[number] = true;
}

void fill_pinholes(Mask &mask, const Asked &asked, const Letterbox &letterbox) {
  const Pieces gaps(mask, false, false);
  std::vector<char> small(gaps.count());
  for (int number = 1; number < gaps.count(); number++)
    small[number] = gaps.areas[number] < spec::PINHOLE_AREA;
  for (int y = 0, i = 0; y < mask.rows; y++)
    for (int x = 0; x < mask.columns; x++, i++)
      if (x == 0 || y == 0 || x == mask.columns - 1 || y == mask.rows - 1)
        small[gaps.numbers[i]] = false;
  note(asked, spec::PointLabel::NEGATIVE, mask, letterbox, gaps, small, false);
  for (size_t i = 0; i < mask.inside.size(); i++)
    if (small[gaps.numbers[i]]) mask.inside[i] = true;
}

void drop_unasked(Mask &mask, const Asked &asked, const Letterbox &letterbox) {
  const Pieces regions(mask, true, true);
  std::vector<char> clicked(regions.count()), denied(regions.count()), wanted(regions.count());
  note(asked, spec::PointLabel::POSITIVE, mask, letterbox, regions, clicked, true);
  note(asked, spec::PointLabel::NEGATIVE, mask, letterbox, regions, denied, true);
  if (asked.box) {
    const auto &[x0, y0, x1, y1] = *asked.box;
    const int left = first_behind(x0, letterbox.width, mask.columns);
    const int right = first_behind(x1, letterbox.width, mask.columns);
    const int top = first_behind(y0, letterbox.height, mask.rows);
    const int bottom = first_behind(y1, letterbox.height, mask.rows);
    note_by_half(mask, regions, wanted, [&](int x, int y) {
      return left <= x && x < right && top <= y && y < bottom;
    });
  }
  if (asked.previous) {
    const Mask previous(*asked.previous, letterbox);
    note_by_half(mask, regions, wanted, [&](int x, int y) {
      return previous.inside[y * mask.columns + x];
    });
  }
  const bool is_positive = std::any_of(
      asked.clicks.begin(), asked.clicks.end(),
      [](const Click &click) { return click.label == spec::PointLabel::POSITIVE; });
  if (!is_positive && !asked.box) std::fill(wanted.begin(), wanted.end(), true);
  std::vector<char> stay(regions.count()), large(regions.count());
  for (int number = 1; number < regions.count(); number++)
    stay[number] = clicked[number] || (wanted[number] && !denied[number]);
  if (std::count(stay.begin(), stay.end(), true) == 0)
    std::fill(stay.begin() + 1, stay.end(), true);
  for (int number = 1; number < regions.count(); number++)
    large[number] =
        stay[number] && (clicked[number] || regions.areas[number] >= spec::SPECK_AREA);
  const auto &kept = std::count(large.begin(), large.end(), true) ? large : stay;
  for (size_t i = 0; i < mask.inside.size(); i++) mask.inside[i] = kept[regions.numbers[i]];
}

}  // namespace

std::vector<float> cleaned(const std::vector<float> &logits, const Asked &asked,
                           const Letterbox &letterbox) {
  const Mask before(logits, letterbox);
  Mask after = before;
  fill_pinholes(after, asked, letterbox);
  drop_unasked(after, asked, letterbox);
  const int side = letterbox.size / spec::MAP_STRIDE;
  std::vector<float> made = logits;
  for (int y = 0, i = 0; y < after.rows; y++)
    for (int x = 0; x < after.columns; x++, i++) {
      if (after.inside[i] == before.inside[i]) continue;
      float &logit = made[y * side + x];
      const float size = std::max(std::abs(logit), spec::FLIPPED_LOGIT);
      logit = after.inside[i] ? size : -size;
    }
  return made;
}
