// Confining the process to cores, as many as it has threads.
#pragma once

#include <vector>

// Confines the calling thread and all that it starts. Takes the given cores, or else the fastest of
// those that the process may use, the first ones where they do not tell how fast they are.
//
// Returns the cores in ascending order. Throws std::runtime_error where the system refuses.
std::vector<int> pin(int threads, std::vector<int> cores);
