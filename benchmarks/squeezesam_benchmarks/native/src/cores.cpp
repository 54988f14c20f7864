#include "cores.h"

#include <sched.h>

#include <algorithm>
#include <fstream>
#include <stdexcept>
#include <string>

namespace {

std::vector<int> usable_cores() {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
    throw std::runtime_error("the system does not tell which cores may be used");
  std::vector<int> cores;
  for (int core = 0; core < CPU_SETSIZE; core++)
    if (CPU_ISSET(core, &allowed)) cores.push_back(core);
  return cores;
}

// In kHz; 0 where the system does not tell.
long highest_frequency(int core) {
  std::ifstream file("/sys/devices/system/cpu/cpu" + std::to_string(core) +
                     "/cpufreq/cpuinfo_max_freq");
  long frequency = 0;
  return file >> frequency ? frequency : 0;
}

std::vector<int> fastest_cores(size_t count) {
  std::vector<int> cores = usable_cores();
  if (cores.size() < count)
    throw std::runtime_error(std::to_string(count) + " threads would not have a core each; " +
                             std::to_string(cores.size()) + " may be used");
  std::stable_sort(cores.begin(), cores.end(),
                   [](int a, int b) { return highest_frequency(a) > highest_frequency(b); });
  cores.resize(count);
  return cores;
}

}  // namespace

std::vector<int> pin(int threads, std::vector<int> cores) {
  if (cores.empty()) cores = fastest_cores(threads);
  std::sort(cores.begin(), cores.end());
  cpu_set_t chosen;
  CPU_ZERO(&chosen);
  for (int core : cores)
    if (core < CPU_SETSIZE) CPU_SET(core, &chosen);
  if (sched_setaffinity(0, sizeof chosen, &chosen) != 0) {
    std::string listed;
    for (int core : cores) listed += " " + std::to_string(core);
    throw std::runtime_error("the system does not confine the process to the cores" + listed);
  }
  return cores;
}
