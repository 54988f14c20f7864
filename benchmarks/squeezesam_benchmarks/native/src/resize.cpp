#include "resize.h"

#include <algorithm>
#include <cmath>

namespace {

// For each pixel of the result: the source pixels that it is made of, and their weights.
struct Taps {
  std::vector<int> first, count;
  std::vector<double> weights;  // a row of `most` for each pixel
  int most;
};

double triangle(double x) { return std::max(0.0, 1 - std::fabs(x)); }

Taps taps(int source_size, Span span, int size) {
  // The difference is one of floats, as in Pillow.
  const double scale = static_cast<double>(span.high - span.low) / size;
  const double support = std::max(scale, 1.0);
  Taps made;
  made.most = static_cast<int>(std::ceil(support)) * 2 + 1;
  made.weights.resize(static_cast<size_t>(size) * made.most);
  for (int i = 0; i < size; i++) {
    const double centre = span.low + (i + 0.5) * scale;
    const int first = std::max(0, static_cast<int>(centre - support + 0.5));
    const int end = std::min(source_size, static_cast<int>(centre + support + 0.5));
    double *weights = &made.weights[static_cast<size_t>(i) * made.most];
    double sum = 0;
    for (int x = first; x < end; x++)
      sum += weights[x - first] = triangle((x - centre + 0.5) * (1 / support));
    for (int x = first; x < end; x++)
      if (sum != 0) weights[x - first] /= sum;
    made.first.push_back(first);
    made.count.push_back(end - first);
  }
  return made;
}

// Pillow sums bytes in fixed point.
struct Bytes {
  using Value = uint8_t;
  using Weight = int32_t;
  using Sum = int32_t;
  static constexpr int FRACTION_BITS = 32 - 8 - 2;
  static constexpr Sum START = 1 << (FRACTION_BITS - 1);
  static Weight weight(double exact) {
    return static_cast<Weight>(exact * (1 << FRACTION_BITS) + (exact < 0 ? -0.5 : 0.5));
  }
  static Value value(Sum sum) {
    return static_cast<Value>(std::clamp(sum >> FRACTION_BITS, 0, 255));
  }
};

struct Floats {
  using Value = float;
  using Weight = double;
  using Sum = double;
  static constexpr Sum START = 0;
  static Weight weight(double exact) { return exact; }
  static Value value(Sum sum) { return static_cast<Value>(sum); }
};

template <class Kind>
std::vector<typename Kind::Weight> weights_of(const Taps &taps) {
  std::vector<typename Kind::Weight> weights(taps.weights.size());
  std::transform(taps.weights.begin(), taps.weights.end(), weights.begin(), Kind::weight);
  return weights;
}

// Rows of pixels of some channels, from the first of `pixels` on.
template <class Kind, int CHANNELS>
std::vector<typename Kind::Value> resized_across(const typename Kind::Value *pixels, int width,
                                                 int rows, const Taps &taps) {
  const auto weights = weights_of<Kind>(taps);
  const size_t to_width = taps.first.size();
  std::vector<typename Kind::Value> made(rows * to_width * CHANNELS);
  auto *to = made.data();
  for (int row = 0; row < rows; row++, pixels += static_cast<size_t>(width) * CHANNELS)
    for (size_t x = 0; x < to_width; x++, to += CHANNELS) {
      const auto *weight = &weights[x * taps.most];
      const auto *from = pixels + static_cast<size_t>(taps.first[x]) * CHANNELS;
      typename Kind::Sum sums[CHANNELS];
      std::fill_n(sums, CHANNELS, Kind::START);
      for (int i = 0; i < taps.count[x]; i++, from += CHANNELS)
        for (int channel = 0; channel < CHANNELS; channel++)
          sums[channel] += from[channel] * weight[i];
      std::transform(sums, sums + CHANNELS, to, Kind::value);
    }
  return made;
}

// Rows of so many numbers, of which the first one is row `skipped` of the source.
template <class Kind>
std::vector<typename Kind::Value> resized_down(const std::vector<typename Kind::Value> &pixels,
                                               size_t row_size, int skipped, const Taps &taps) {
  const auto weights = weights_of<Kind>(taps);
  std::vector<typename Kind::Value> made(taps.first.size() * row_size);
  std::vector<typename Kind::Sum> sums(row_size);
  for (size_t y = 0; y < taps.first.size(); y++) {
    std::fill(sums.begin(), sums.end(), Kind::START);
    for (int i = 0; i < taps.count[y]; i++) {
      const auto weight = weights[y * taps.most + i];
      const auto *from = &pixels[(taps.first[y] + i - skipped) * row_size];
      for (size_t x = 0; x < row_size; x++) sums[x] += from[x] * weight;
    }
    std::transform(sums.begin(), sums.end(), &made[y * row_size], Kind::value);
  }
  return made;
}

// The order of the passes shows in the last digit. It is that of Pillow 13; older ones always go
// across first.
template <class Kind, int CHANNELS>
std::vector<typename Kind::Value> resized_both(const std::vector<typename Kind::Value> &pixels,
                                               int width, int height, const Taps &across,
                                               const Taps &down) {
  const int to_width = across.first.size(), to_height = down.first.size();
  if (to_height < height && height - to_height > 2 * (width - to_width)) {
    const auto lowered = resized_down<Kind>(pixels, width * CHANNELS, 0, down);
    return resized_across<Kind, CHANNELS>(lowered.data(), width, to_height, across);
  }
  const int first = down.first.front(), end = down.first.back() + down.count.back();
  const auto *start = &pixels[static_cast<size_t>(first) * width * CHANNELS];
  const auto narrowed = resized_across<Kind, CHANNELS>(start, width, end - first, across);
  return resized_down<Kind>(narrowed, to_width * CHANNELS, first, down);
}

}  // namespace

std::vector<uint8_t> resized(const std::vector<uint8_t> &pixels, int width, int height,
                             int to_width, int to_height) {
  const Span across{0, static_cast<float>(width)}, down{0, static_cast<float>(height)};
  return resized_both<Bytes, 3>(pixels, width, height, taps(width, across, to_width),
                                taps(height, down, to_height));
}

std::vector<float> resized(const std::vector<float> &pixels, int width, int height, Span across,
                           Span down, int to_width, int to_height) {
  return resized_both<Floats, 1>(pixels, width, height, taps(width, across, to_width),
                                 taps(height, down, to_height));
}
