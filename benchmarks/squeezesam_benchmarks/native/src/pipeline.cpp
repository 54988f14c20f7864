#include "pipeline.h"

#include <algorithm>
#include <random>

#include "cleaning.h"
#include "clock.h"
#include "letterbox.h"
#include "prompts.h"
#include "spec.h"

namespace {

bool is(const Tensor &tensor, const char *name, const std::vector<int64_t> &shape) {
  return tensor.name == name && tensor.shape == shape;
}

PipelineSample one_click(Network &network, Signature &tensors, const std::vector<uint8_t> &photo,
                         int width, int height) {
  const int size = static_cast<int>(tensors.inputs[0].shape.back());
  const auto began = Clock::now();
  const auto letterbox = Letterbox::fit(width, height, size);
  const auto image = letterbox.image(photo);
  const Click middle{width / 2.0f, height / 2.0f, spec::PointLabel::POSITIVE};
  const auto clicks = in_input({middle}, letterbox);
  const auto maps = prompt_maps(clicks, size);
  const auto tokens = prompt_tokens(clicks, size);
  const auto model_began = Clock::now();
  tensors.inputs[0].set(image);
  tensors.inputs[1].set(maps);
  tensors.inputs[2].set(tokens);
  network.infer();
  network.collect();
  const int side = size / spec::MAP_STRIDE;
  const auto logits = tensors.outputs[0].first(static_cast<size_t>(side) * side);
  const auto model_ended = Clock::now();
  const auto mask = letterbox.photo_mask(cleaned(logits, {{middle}, {}, {}}, letterbox));
  const auto ended = Clock::now();
  return {ms_between(began, model_began), ms_between(model_began, model_ended),
          ms_between(model_ended, ended)};
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
