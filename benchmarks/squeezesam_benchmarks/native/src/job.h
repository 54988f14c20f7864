// What the verb `time` is asked to do: schema.Measurement's words and protocol.Protocol's numbers.
#pragma once

#include <string>
#include <vector>

struct Job {
  int threads;
  std::vector<int> cores;  // to pin to; empty for the fastest
  int warm_up_inferences;
  int timed_inferences;
  double time_budget_s;
  int pipeline_runs;
  int photo_width_px;
  int photo_height_px;
  double sustained_s;
};

// From words such as threads=2 time_budget_s=0.5 cores=4,5; all but `cores` must be there.
// Throws UsageError.
Job job(const std::vector<std::string> &words);
