// The whole way of one click through both looks, timed in its three parts, as pipelines.py does it
// for Python.
#pragma once

#include <vector>

#include "job.h"
#include "runtime.h"

// What comes before the first inference and between the two; both inferences; what comes after.
struct PipelineSample {
  double preprocess_ms, model_ms, postprocess_ms;
};

// Whether a model has the inputs and outputs of squeezesam/spec.py.
bool has_pipeline(const Signature &tensors);

// Runs on a random photo with a click in its middle, after an untimed one. The network is one that
// was loaded with these tensors.
std::vector<PipelineSample> pipeline_samples(Network &network, Signature &tensors, const Job &job);
