#include "tensors.h"

#include <algorithm>
#include <cstring>
#include <sstream>

#include "half.h"
#include "usage.h"

namespace {

Tensor tensor(const std::string &word) {
  const UsageError bad("not a tensor such as image=float32:1,3,512,512: " + word);
  const size_t equals = word.find('='), colon = word.find(':');
  if (equals == std::string::npos || colon == std::string::npos || colon < equals) throw bad;
  const std::string type = word.substr(equals + 1, colon - equals - 1);
  Tensor made{word.substr(0, equals), is_half(type), {}, {}};
  std::istringstream sides(word.substr(colon + 1));
  size_t size = made.half ? 2 : 4;
  for (std::string side; std::getline(sides, side, ',');) {
    if (side.empty() || side.size() > 9 || side.find_first_not_of("0123456789") != side.npos)
      throw bad;
    made.shape.push_back(std::stoll(side));
    size *= made.shape.back();
  }
  made.bytes.resize(size);
  return made;
}

}  // namespace

bool is_half(const std::string &type) {
  if (type != "float32" && type != "float16")
    throw UsageError("neither float32 nor float16: " + type);
  return type == "float16";
}

void Tensor::set(const std::vector<float> &values) {
  if (half)
    std::transform(values.begin(), values.end(), reinterpret_cast<uint16_t *>(bytes.data()),
                   half_of);
  else
    std::memcpy(bytes.data(), values.data(), bytes.size());
}

std::vector<float> Tensor::first(size_t count) const {
  std::vector<float> values(count);
  if (half)
    std::transform(reinterpret_cast<const uint16_t *>(bytes.data()),
                   reinterpret_cast<const uint16_t *>(bytes.data()) + count, values.begin(),
                   float_of);
  else
    std::memcpy(values.data(), bytes.data(), count * sizeof(float));
  return values;
}

Signature signature(const std::vector<std::string> &words) {
  const auto dashes = std::find(words.begin(), words.end(), "--");
  if (dashes == words.begin() || words.end() - dashes < 2)
    throw UsageError("give the tensors as TENSOR... -- TENSOR...");
  Signature made;
  for (auto word = words.begin(); word != dashes; ++word) made.inputs.push_back(tensor(*word));
  for (auto word = dashes + 1; word != words.end(); ++word) made.outputs.push_back(tensor(*word));
  return made;
}
