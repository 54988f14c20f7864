// What the file of a runtime implements; the rest of the program is the same for all.
#pragma once

#include <memory>
#include <string>

#include "tensors.h"

// A loaded model, bound to the tensors that it was loaded with.
class Network {
 public:
  virtual ~Network() = default;

  // Runs once on the bytes of the inputs.
  virtual void infer() = 0;

  // Brings the last answer into the bytes of the outputs, where infer() did not.
  virtual void collect() = 0;
};

// A runtime with its number of threads set and nothing loaded. Failures are std::runtime_error.
class Runtime {
 public:
  virtual ~Runtime() = default;
  virtual std::string name() const = 0;
  virtual std::string version() const = 0;
  virtual std::string backend() const = 0;

  // The tensors must outlive the network and keep their places.
  virtual std::unique_ptr<Network> load(const std::string &model, Tensors &inputs,
                                        Tensors &outputs) = 0;
};

std::unique_ptr<Runtime> open_runtime(int threads);
