// The verb `time`: one model in this fresh process, as worker.py does it for Python.

#include <algorithm>
#include <cstdio>
#include <random>

#include "clock.h"
#include "cores.h"
#include "job.h"
#include "json.h"
#include "pipeline.h"
#include "runtime.h"
#include "system.h"
#include "usage.h"
#include "verbs.h"

namespace {

// One inference after another: at least so many, and on until the budget is spent.
std::vector<double> samples_ms(Network &network, size_t at_least, double budget_s) {
  const auto budget = std::chrono::duration<double>(budget_s);
  std::vector<double> samples;
  const auto began = Clock::now();
  while (samples.size() < at_least || Clock::now() - began < budget)
    samples.push_back(elapsed_ms([&] { network.infer(); }));
  return samples;
}

// Latency does not depend on the values.
void fill_with_noise(Tensors &tensors) {
  std::mt19937 random(0);
  std::uniform_real_distribution<float> values(-1, 1);
  for (Tensor &one : tensors) {
    std::vector<float> noise(one.size());
    std::generate(noise.begin(), noise.end(), [&] { return values(random); });
    one.set(noise);
  }
}

std::string as_json(const std::vector<PipelineSample> &samples) {
  std::vector<std::string> items;
  for (const PipelineSample &one : samples)
    items.push_back(json::object({
        {"preprocess_ms", json::number(one.preprocess_ms)},
        {"model_ms", json::number(one.model_ms)},
        {"postprocess_ms", json::number(one.postprocess_ms)},
    }));
  return json::array(items);
}

}  // namespace

void time_model(const Words &words) {
  const auto dashes = std::find(words.begin(), words.end(), "--");
  if (dashes == words.begin() || dashes == words.end())
    throw UsageError("give MODEL SETTING=VALUE... -- TENSOR... -- TENSOR...");
  const std::string model = words[0];
  const Job asked = job({words.begin() + 1, dashes});
  Signature tensors = signature({dashes + 1, words.end()});
  const std::vector<int> cores = pin(asked.threads, asked.cores);  // before the runtime has threads
  const auto runtime = open_runtime(asked.threads);
  fill_with_noise(tensors.inputs);

  drop_from_page_cache(model);
  std::unique_ptr<Network> network;
  const double load_ms =
      elapsed_ms([&] { network = runtime->load(model, tensors.inputs, tensors.outputs); });
  const double first_inference_ms = elapsed_ms([&] { network->infer(); });
  for (int i = 0; i < asked.warm_up_inferences; i++) network->infer();
  const auto warm = samples_ms(*network, asked.timed_inferences, asked.time_budget_s);
  std::vector<PipelineSample> pipeline;
  if (asked.pipeline_runs && has_pipeline(tensors))
    pipeline = pipeline_samples(*network, tensors, asked);
  const auto sustained = samples_ms(*network, 0, asked.sustained_s);
  const auto peak = peak_rss_bytes();

  const std::string measurement = json::object({
      {"runtime", json::string(runtime->name())},
      {"runtime_version", json::string(runtime->version())},
      {"backend", json::string(runtime->backend())},
      {"threads", json::number(asked.threads)},
      {"pinned_cores", json::numbers(cores)},
      {"load_ms", json::number(load_ms)},
      {"first_inference_ms", json::number(first_inference_ms)},
      {"warm_samples_ms", json::numbers(warm)},
      {"pipeline_samples", as_json(pipeline)},
      {"sustained_samples_ms", json::numbers(sustained)},
      {"peak_memory_bytes", peak ? json::number(*peak) : "null"},
      {"memory_kind", peak ? json::string("rss") : "null"},
  });
  std::printf("%s\n", measurement.c_str());
}
