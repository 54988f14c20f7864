// One inference program for any processor: main.cpp with the file of one runtime.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

// A dense tensor and its bytes in the byte order of the machine.
struct Tensor {
  std::string name;
  bool half;  // float16, else float32
  std::vector<int64_t> shape;
  std::vector<char> bytes;
};

using Tensors = std::vector<Tensor>;

// Fills the bytes of the outputs.
using Network = std::function<void(Tensors &inputs, Tensors &outputs)>;

// A model that runs in the calling thread alone; throws std::runtime_error.
Network load(const char *model);
