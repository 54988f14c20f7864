#include "prompts.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "spec.h"

namespace {

constexpr float PI = 3.14159265358979323846f;

// Anti-aliased discs at the clicks of one label, [side, side] in 0..1.
void draw_discs(const std::vector<Click> &clicks, int label, int side, float *to) {
  for (int y = 0; y < side; y++)
    for (int x = 0; x < side; x++) {
      float nearest = std::numeric_limits<float>::infinity();  // squared
      for (const Click &click : clicks) {
        if (click.label != label) continue;
        const float across = x + 0.5f - click.x / spec::MAP_STRIDE;
        const float down = y + 0.5f - click.y / spec::MAP_STRIDE;
        nearest = std::min(nearest, down * down + across * across);
      }
      *to++ = std::clamp(spec::DISC_RADIUS + 0.5f - std::sqrt(nearest), 0.0f, 1.0f);
    }
}

// All sines, then all cosines, of a coordinate over the input size.
float *write_position(float unit, float *to) {
  for (int octave = 0; octave < spec::POSITION_FREQUENCIES; octave++) {
    const float angle = unit * (std::ldexp(1.0f, octave) * PI);
    to[octave] = std::sin(angle);
    to[spec::POSITION_FREQUENCIES + octave] = std::cos(angle);
  }
  return to + 2 * spec::POSITION_FREQUENCIES;
}

}  // namespace

std::vector<Click> in_input(std::vector<Click> clicks, const Letterbox &letterbox) {
  const auto scale = [](int inside, int photo) {
    return static_cast<float>(static_cast<double>(inside) / photo);
  };
  for (Click &click : clicks) {
    click.x = (click.x + 0.5f) * scale(letterbox.inside_width, letterbox.width);
    click.y = (click.y + 0.5f) * scale(letterbox.inside_height, letterbox.height);
  }
  return clicks;
}

std::vector<float> prompt_maps(const std::vector<Click> &clicks,
                               const std::optional<std::vector<float>> &previous, int size) {
  const int side = size / spec::MAP_STRIDE;
  const size_t plane = static_cast<size_t>(side) * side;
  std::vector<float> maps(spec::MAP_CHANNELS * plane);
  draw_discs(clicks, spec::PointLabel::POSITIVE, side, &maps[spec::MapChannel::POSITIVE * plane]);
  draw_discs(clicks, spec::PointLabel::NEGATIVE, side, &maps[spec::MapChannel::NEGATIVE * plane]);
  if (previous)
    std::transform(previous->begin(), previous->end(),
                   &maps[spec::MapChannel::PREVIOUS_MASK * plane],
                   [](float logit) { return std::tanh(logit / 2); });
  return maps;
}

std::vector<float> prompt_tokens(const std::vector<Click> &clicks, int size) {
  std::vector<float> tokens(spec::TOKEN_SLOTS * spec::TOKEN_FEATURES);
  // Clicks fill their slots from behind; box slots come after them.
  const int count = static_cast<int>(clicks.size());
  const int used = std::min(count, spec::POINT_SLOTS);
  float *slot = &tokens[(spec::POINT_SLOTS - used) * spec::TOKEN_FEATURES];
  for (int i = count - used; i < count; i++, slot += spec::TOKEN_FEATURES) {
    float *kinds = write_position(clicks[i].y / size, write_position(clicks[i].x / size, slot));
    kinds[clicks[i].label] = 1;
  }
  return tokens;
}
