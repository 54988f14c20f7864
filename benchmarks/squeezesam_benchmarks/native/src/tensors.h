// Dense tensors, named and shaped by words of the command line.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

// A tensor and its bytes in the byte order of the machine.
struct Tensor {
  std::string name;
  bool half;  // float16, else float32
  std::vector<int64_t> shape;
  std::vector<char> bytes;

  // Number of elements.
  size_t size() const { return bytes.size() / (half ? 2 : 4); }

  // Takes as many numbers as it has elements.
  void set(const std::vector<float> &values);

  // The first so many elements.
  std::vector<float> first(size_t count) const;
};

using Tensors = std::vector<Tensor>;

// Of float32 or float16. Throws UsageError.
bool is_half(const std::string &type);

// What a model takes and gives.
struct Signature {
  Tensors inputs, outputs;
};

// From the words `TENSOR... -- TENSOR...`, where a TENSOR is name=float32:1,3,512,512, inputs
// before and outputs behind the --. Throws UsageError.
Signature signature(const std::vector<std::string> &words);
