// RUNNER MODEL INPUTS OUTPUTS TENSOR... -- TENSOR...
//
// INPUTS holds any number of cases, each the raw input tensors one after another; OUTPUTS gets the
// raw outputs of each. A TENSOR is name=float32:1,3,512,512; inputs stand before --, outputs behind.

#include <cstdio>
#include <cstring>
#include <exception>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "runner.h"

static Tensor tensor(const std::string &text) {
  const size_t equals = text.find('='), colon = text.find(':');
  if (equals == std::string::npos || colon == std::string::npos)
    throw std::runtime_error("not a tensor: " + text);
  Tensor made;
  made.name = text.substr(0, equals);
  made.half = text.substr(equals + 1, colon - equals - 1) == "float16";
  std::istringstream sides(text.substr(colon + 1));
  size_t size = made.half ? 2 : 4;
  for (std::string side; std::getline(sides, side, ',');) {
    made.shape.push_back(std::stoll(side));
    size *= made.shape.back();
  }
  made.bytes.resize(size);
  return made;
}

static bool read(std::ifstream &file, Tensors &tensors) {
  for (Tensor &one : tensors) {
    file.read(one.bytes.data(), one.bytes.size());
    if (file.gcount() == 0 && &one == &tensors.front()) return false;
    if (!file) throw std::runtime_error("the inputs end within a case");
  }
  return true;
}

int main(int count, char **words) try {
  if (count < 4) throw std::runtime_error("give MODEL INPUTS OUTPUTS TENSOR... -- TENSOR...");
  Tensors inputs, outputs;
  Tensors *side = &inputs;
  for (int i = 4; i < count; i++) {
    if (std::strcmp(words[i], "--") == 0)
      side = &outputs;
    else
      side->push_back(tensor(words[i]));
  }
  std::ifstream cases(words[2], std::ios::binary);
  std::ofstream answers(words[3], std::ios::binary);
  const Network network = load(words[1]);
  while (read(cases, inputs)) {
    network(inputs, outputs);
    for (const Tensor &one : outputs) answers.write(one.bytes.data(), one.bytes.size());
  }
  answers.close();
  if (!answers) throw std::runtime_error(std::string("cannot write ") + words[3]);
  return 0;
} catch (const std::exception &error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
