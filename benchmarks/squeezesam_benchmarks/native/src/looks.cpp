#include "looks.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "spec.h"

namespace {

// From the least to the greatest edge along one axis.
struct Extent {
  int64_t low = std::numeric_limits<int64_t>::max();
  int64_t high = std::numeric_limits<int64_t>::min();

  void take(int64_t from, int64_t to) {
    low = std::min(low, from);
    high = std::max(high, to);
  }

  // Of a part of so many cells, which divide a side of the photo evenly.
  void take_cells(int64_t first, int64_t end, int64_t side, int64_t cells) {
    take(first * side / cells, (end * side + cells - 1) / cells);
  }

  void take_pixel(float place) {
    const auto pixel = static_cast<int64_t>(std::floor(place));
    take(pixel, pixel + 1);
  }

  void take_edges(float from, float to) {
    take(static_cast<int64_t>(std::floor(from)), static_cast<int64_t>(std::ceil(to)));
  }

  // Where a part of a side begins that has this span in its middle, as far as the side allows.
  int start(int64_t length, int64_t side) const {
    const int64_t middle = std::max<int64_t>((low + high - length) / 2, 0);
    return static_cast<int>(std::min(middle, side - length));
  }
};

// Between which values along an axis the results lie, and how near they are to the second one.
struct Steps {
  std::vector<int> low, high;
  std::vector<float> share;

  // Of places along so many values.
  Steps(const std::vector<double> &places, int count) {
    const double last = count - 1;
    for (double place : places) {
      place = std::min(std::max(place, 0.0), last);
      const int before = static_cast<int>(place);
      low.push_back(before);
      high.push_back(std::min(before + 1, count - 1));
      share.push_back(static_cast<float>(place - before));
    }
  }

  int count() const { return static_cast<int>(low.size()); }
};

float between(float before, float after, float share) { return before + (after - before) * share; }

// The first rows and columns of a mask with so many columns in all, at other places.
std::vector<float> resampled(const std::vector<float> &mask, int pitch, int columns,
                             const Steps &across, const Steps &down) {
  std::vector<float> lowered, made;
  for (int y = 0; y < down.count(); y++)
    for (int x = 0; x < columns; x++)
      lowered.push_back(between(mask[down.low[y] * pitch + x], mask[down.high[y] * pitch + x],
                                down.share[y]));
  for (int y = 0; y < down.count(); y++)
    for (int x = 0; x < across.count(); x++)
      made.push_back(between(lowered[y * columns + across.low[x]],
                             lowered[y * columns + across.high[x]], across.share[x]));
  return made;
}

int columns_of(const Letterbox &letterbox) { return letterbox.inside_width / spec::MAP_STRIDE; }

int rows_of(const Letterbox &letterbox) { return letterbox.inside_height / spec::MAP_STRIDE; }

// How long the view is along one axis: at least one cell of the photo's mask, at most the photo.
int64_t side_of_view(int64_t wanted, int64_t side, int64_t cells) {
  return std::min(std::max(wanted, (side + cells - 1) / cells), side);
}

// Where the centre of a cell lies, of some that divide a length evenly.
double centre(int cell, int cells, int length) { return (cell + 0.5) * length / cells; }

// The centres of a view's cells in the cells of the photo, along one axis.
std::vector<double> places_on_photo(int start, int length, int cells, int side, int side_cells) {
  std::vector<double> places;
  for (int cell = 0; cell < cells; cell++)
    places.push_back((start + centre(cell, cells, length)) * side_cells / side - 0.5);
  return places;
}

// The cells of the photo that have their centre in a view, along one axis.
struct Inside {
  int first = 0;
  std::vector<double> places;  // of each of them, in the cells of the view

  Inside(int start, int length, int cells, int side, int side_cells) {
    for (int cell = 0; cell < side_cells; cell++) {
      const double place = centre(cell, side_cells, side) - start;
      if (place < 0) first = cell + 1;
      if (place >= 0 && place < length) places.push_back(place * cells / length - 0.5);
    }
  }
};

}  // namespace

bool View::is_whole(const Letterbox &photo) const {
  return width == photo.width && height == photo.height;
}

std::vector<uint8_t> View::shown(const std::vector<uint8_t> &pixels,
                                 const Letterbox &photo) const {
  std::vector<uint8_t> part;
  part.reserve(static_cast<size_t>(width) * height * 3);
  for (int y = top; y < top + height; y++) {
    const auto row = pixels.begin() + (static_cast<size_t>(y) * photo.width + left) * 3;
    part.insert(part.end(), row, row + static_cast<size_t>(width) * 3);
  }
  return part;
}

Asked View::moved(const Asked &asked) const {
  Asked made;
  for (Click click : asked.clicks) {
    click.x -= left;
    click.y -= top;
    if (click.x >= 0 && click.x < width && click.y >= 0 && click.y < height)
      made.clicks.push_back(click);
  }
  if (asked.box) {
    const auto &[x0, y0, x1, y1] = *asked.box;
    made.box = {x0 - left, y0 - top, x1 - left, y1 - top};
  }
  return made;
}

View surroundings(const std::vector<float> &logits, const Asked &asked, const Letterbox &photo) {
  const int columns = columns_of(photo), rows = rows_of(photo);
  const int pitch = photo.size / spec::MAP_STRIDE;
  Extent across, down;
  for (int y = 0; y < rows; y++)
    for (int x = 0; x < columns; x++)
      if (logits[y * pitch + x] > spec::MASK_THRESHOLD) {
        across.take_cells(x, x + 1, photo.width, columns);
        down.take_cells(y, y + 1, photo.height, rows);
      }
  for (const Click &click : asked.clicks)
    if (click.label == spec::PointLabel::POSITIVE) {
      across.take_pixel(click.x);
      down.take_pixel(click.y);
    }
  if (asked.box) {
    const auto &[x0, y0, x1, y1] = *asked.box;
    across.take_edges(x0, x1);
    down.take_edges(y0, y1);
  }
  if (across.low > across.high) return {0, 0, photo.width, photo.height};
  const int64_t longest = std::max(across.high - across.low, down.high - down.low);
  const int64_t wanted = std::max<int64_t>((longest * spec::SURROUNDINGS + 99) / 100,
                                           spec::SMALLEST_VIEW);
  const int64_t width = side_of_view(wanted, photo.width, columns);
  const int64_t height = side_of_view(wanted, photo.height, rows);
  return {across.start(width, photo.width), down.start(height, photo.height),
          static_cast<int>(width), static_cast<int>(height)};
}

std::vector<float> onto_view(const std::vector<float> &logits, const Letterbox &photo,
                             const View &view, const Letterbox &letterbox) {
  const int columns = columns_of(letterbox), rows = rows_of(letterbox);
  const int from_columns = columns_of(photo), from_rows = rows_of(photo);
  const auto x = places_on_photo(view.left, view.width, columns, photo.width, from_columns);
  const auto y = places_on_photo(view.top, view.height, rows, photo.height, from_rows);
  const auto moved = resampled(logits, photo.size / spec::MAP_STRIDE, from_columns,
                               Steps(x, from_columns), Steps(y, from_rows));
  const int side = letterbox.size / spec::MAP_STRIDE;
  std::vector<float> square(static_cast<size_t>(side) * side, spec::OUTSIDE_LOGIT);
  for (int row = 0; row < rows; row++)
    std::copy_n(&moved[row * columns], columns, &square[row * side]);
  return square;
}

std::vector<float> onto_photo(const std::vector<float> &logits, const View &view,
                              const Letterbox &letterbox, const Letterbox &photo) {
  const int from_columns = columns_of(letterbox), from_rows = rows_of(letterbox);
  const Inside across(view.left, view.width, from_columns, photo.width, columns_of(photo));
  const Inside down(view.top, view.height, from_rows, photo.height, rows_of(photo));
  const int side = letterbox.size / spec::MAP_STRIDE;
  const auto moved = resampled(logits, side, from_columns, Steps(across.places, from_columns),
                               Steps(down.places, from_rows));
  std::vector<float> square(logits.size(), spec::OUTSIDE_LOGIT);
  const size_t columns = across.places.size();
  for (size_t row = 0; columns && row < down.places.size(); row++)
    std::copy_n(&moved[row * columns], columns, &square[(down.first + row) * side + across.first]);
  return square;
}

std::vector<uint8_t> photo_mask(const std::vector<float> &logits, const View &view,
                                const Letterbox &letterbox, const Letterbox &photo) {
  auto part = letterbox.photo_mask(logits);
  if (view.is_whole(photo)) return part;
  std::vector<uint8_t> whole(static_cast<size_t>(photo.width) * photo.height);
  for (int row = 0; row < view.height; row++)
    std::copy_n(&part[static_cast<size_t>(row) * view.width], view.width,
                &whole[static_cast<size_t>(view.top + row) * photo.width + view.left]);
  return whole;
}
