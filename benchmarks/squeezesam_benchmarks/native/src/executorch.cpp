// ExecuTorch with the XNNPACK delegate.

#include <cstring>
#include <stdexcept>

#include <executorch/extension/module/module.h>
#include <executorch/extension/tensor/tensor.h>

#include "runtime.h"

namespace executorch::extension::threadpool {

// The wheels ship this library without its header.
class ThreadPool {
 public:
  bool _unsafe_reset_threadpool(uint32_t threads);
};
ThreadPool *get_threadpool();

}  // namespace executorch::extension::threadpool

using executorch::aten::ScalarType;
using executorch::extension::from_blob;
using executorch::extension::Module;
using executorch::extension::TensorPtr;
using executorch::runtime::Error;
using executorch::runtime::EValue;

namespace {

class Program : public Network {
 public:
  Program(const std::string &path, Tensors &inputs, Tensors &outputs)
      : module_(path), outputs_(outputs) {
    if (module_.load_forward() != Error::Ok)
      throw std::runtime_error("ExecuTorch does not load " + path);
    for (Tensor &one : inputs) {
      tensors_.push_back(from_blob(one.bytes.data(), {one.shape.begin(), one.shape.end()},
                                   one.half ? ScalarType::Half : ScalarType::Float));
      values_.emplace_back(*tensors_.back());
    }
  }

  void infer() override {
    auto answer = module_.forward(values_);
    if (!answer.ok() || answer->size() != outputs_.size())
      throw std::runtime_error("the program does not run on these inputs");
    answer_ = std::move(answer.get());
  }

  void collect() override {
    for (size_t i = 0; i < outputs_.size(); i++) {
      const auto &given = answer_[i].toTensor();
      if (given.nbytes() != outputs_[i].bytes.size())
        throw std::runtime_error("the program answers in another shape: " + outputs_[i].name);
      std::memcpy(outputs_[i].bytes.data(), given.const_data_ptr(), given.nbytes());
    }
  }

 private:
  Module module_;
  Tensors &outputs_;
  std::vector<TensorPtr> tensors_;
  std::vector<EValue> values_, answer_;
};

class Executorch : public Runtime {
 public:
  explicit Executorch(int threads) {
    executorch::extension::threadpool::get_threadpool()->_unsafe_reset_threadpool(threads);
  }
  std::string name() const override { return "executorch"; }
  std::string version() const override { return EXECUTORCH_VERSION; }
  std::string backend() const override { return "XNNPACK"; }
  std::unique_ptr<Network> load(const std::string &model, Tensors &inputs,
                                Tensors &outputs) override {
    return std::make_unique<Program>(model, inputs, outputs);
  }
};

}  // namespace

std::unique_ptr<Runtime> open_runtime(int threads) { return std::make_unique<Executorch>(threads); }
