// Wall time from a clock that never goes back (CLOCK_MONOTONIC).
#pragma once

#include <chrono>

using Clock = std::chrono::steady_clock;

inline double ms_between(Clock::time_point began, Clock::time_point ended) {
  return std::chrono::duration<double, std::milli>(ended - began).count();
}

template <class Action>
double elapsed_ms(Action action) {
  const auto began = Clock::now();
  action();
  return ms_between(began, Clock::now());
}
