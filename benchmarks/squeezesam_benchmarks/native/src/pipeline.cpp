#include "pipeline.h"

#include <algorithm>
#include <random>
#include <utility>

#include "cleaning.h"
#include "clock.h"
#include "letterbox.h"
#include "looks.h"
#include "prompts.h"
#include "spec.h"

namespace {

bool is(const Tensor &tensor, const char *name, const std::vector<int64_t> &shape) {
  return tensor.name == name && tensor.shape == shape;
}

// Inputs of the network for one look.
struct Inputs {
  std::vector<float> image, maps, tokens;

  Inputs(std::vector<float> pixels, const Asked &asked, const Letterbox &letterbox)
      : image(std::move(pixels)) {
    const auto clicks = in_input(asked.clicks, letterbox);
    maps = prompt_maps(clicks, asked.previous, letterbox.size);
    tokens = prompt_tokens(clicks, letterbox.size);
  }
};

// The logits [size/2, size/2] of the whole object.
std::vector<float> inferred(Network &network, Signature &tensors, const Inputs &inputs) {
  tensors.inputs[0].set(inputs.image);
  tensors.inputs[1].set(inputs.maps);
  tensors.inputs[2].set(inputs.tokens);
  network.infer();
  network.collect();
  const size_t side = tensors.outputs[0].shape.back();
  return tensors.outputs[0].first(side * side);
}

PipelineSample one_click(Network &network, Signature &tensors, const std::vector<uint8_t> &photo,
                         int width, int height) {
  const int size = static_cast<int>(tensors.inputs[0].shape.back());
  const auto began = Clock::now();
  const auto whole = Letterbox::fit(width, height, size);
  const Asked middle{{{width / 2.0f, height / 2.0f, spec::PointLabel::POSITIVE}}, {}, {}};
  const Inputs first(whole.image(photo), middle, whole);
  const auto glance_began = Clock::now();
  const auto glance_logits = inferred(network, tensors, first);
  const auto glance_ended = Clock::now();
  const auto glance = cleaned(glance_logits, middle, whole);
  const auto view = surroundings(glance, middle, whole);
  const auto letterbox = Letterbox::fit(view.width, view.height, size);
  Asked asked = view.moved(middle);
  asked.previous = onto_view(glance, whole, view, letterbox);
  const Inputs second(
      view.is_whole(whole) ? first.image : letterbox.image(view.shown(photo, whole)), asked,
      letterbox);
  const auto look_began = Clock::now();
  const auto logits = inferred(network, tensors, second);
  const auto look_ended = Clock::now();
  const auto answer = cleaned(logits, asked, letterbox);
  const auto mask = photo_mask(answer, view, letterbox, whole);
  const auto previous = onto_photo(answer, view, letterbox, whole);  // of the next click
  const auto ended = Clock::now();
  return {ms_between(began, glance_began) + ms_between(glance_ended, look_began),
          ms_between(glance_began, glance_ended) + ms_between(look_began, look_ended),
          ms_between(look_ended, ended)};
}

}  // namespace

bool has_pipeline(const Signature &tensors) {
  if (tensors.inputs.size() != 3 || tensors.inputs[0].shape.size() != 4) return false;
  const int64_t size = tensors.inputs[0].shape.back(), side = size / spec::MAP_STRIDE;
  return is(tensors.inputs[0], spec::IMAGE, {1, 3, size, size}) &&
         is(tensors.inputs[1], spec::PROMPT_MAPS, {1, spec::MAP_CHANNELS, side, side}) &&
         is(tensors.inputs[2], spec::PROMPT_TOKENS,
            {1, spec::TOKEN_SLOTS, spec::TOKEN_FEATURES}) &&
         is(tensors.outputs[0], spec::LOW_RES_MASKS, {1, spec::NUM_MASKS, side, side});
}

std::vector<PipelineSample> pipeline_samples(Network &network, Signature &tensors, const Job &job) {
  std::vector<uint8_t> photo(static_cast<size_t>(job.photo_width_px) * job.photo_height_px * 3);
  std::mt19937 random(0);
  std::generate(photo.begin(), photo.end(), [&] { return static_cast<uint8_t>(random()); });
  std::vector<PipelineSample> samples;
  for (int i = 0; i <= job.pipeline_runs; i++)
    samples.push_back(
        one_click(network, tensors, photo, job.photo_width_px, job.photo_height_px));
  samples.erase(samples.begin());
  return samples;
}
