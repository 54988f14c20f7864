// The verb `answer`: a model's answers to given inputs.

#include <fstream>
#include <stdexcept>

#include "runtime.h"
#include "usage.h"
#include "verbs.h"

static bool read(std::ifstream &file, Tensors &tensors) {
  for (Tensor &one : tensors) {
    file.read(one.bytes.data(), one.bytes.size());
    if (file.gcount() == 0 && &one == &tensors.front()) return false;
    if (!file) throw std::runtime_error("the inputs end within a case");
  }
  return true;
}

void answer(const Words &words) {
  if (words.size() < 3) throw UsageError("give MODEL INPUTS OUTPUTS TENSOR... -- TENSOR...");
  Signature tensors = signature({words.begin() + 3, words.end()});
  std::ifstream cases(words[1], std::ios::binary);
  if (!cases) throw std::runtime_error("cannot read " + words[1]);
  std::ofstream answers(words[2], std::ios::binary);
  const auto runtime = open_runtime(1);
  const auto network = runtime->load(words[0], tensors.inputs, tensors.outputs);
  while (read(cases, tensors.inputs)) {
    network->infer();
    network->collect();
    for (const Tensor &one : tensors.outputs) answers.write(one.bytes.data(), one.bytes.size());
  }
  answers.close();
  if (!answers) throw std::runtime_error("cannot write " + words[2]);
}
