#include "tensors.h"

#include <algorithm>
#include <sstream>

#include "usage.h"

namespace {

Tensor tensor(const std::string &word) {
  const UsageError bad("not a tensor such as image=float32:1,3,512,512: " + word);
  const size_t equals = word.find('='), colon = word.find(':');
  if (equals == std::string::npos || colon == std::string::npos || colon < equals) throw bad;
  const std::string type = word.substr(equals + 1, colon - equals - 1);
  if (type != "float32" && type != "float16") throw bad;
  Tensor made{word.substr(0, equals), type == "float16", {}, {}};
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

Signature signature(const std::vector<std::string> &words) {
  const auto dashes = std::find(words.begin(), words.end(), "--");
  if (dashes == words.begin() || words.end() - dashes < 2)
    throw UsageError("give the tensors as TENSOR... -- TENSOR...");
  Signature made;
  for (auto word = words.begin(); word != dashes; ++word) made.inputs.push_back(tensor(*word));
  for (auto word = dashes + 1; word != words.end(); ++word) made.outputs.push_back(tensor(*word));
  return made;
}
