// ExecuTorch with the XNNPACK delegate.

#include <cstring>
#include <memory>
#include <stdexcept>

#include <executorch/extension/module/module.h>
#include <executorch/extension/tensor/tensor.h>

#include "runner.h"

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
using executorch::runtime::EValue;

Network load(const char *path) {
  executorch::extension::threadpool::get_threadpool()->_unsafe_reset_threadpool(1);
  auto model = std::make_shared<Module>(path);
  if (model->load_forward() != executorch::runtime::Error::Ok)
    throw std::runtime_error(std::string("ExecuTorch does not load ") + path);
  return [model](Tensors &inputs, Tensors &outputs) {
    std::vector<executorch::extension::TensorPtr> tensors;
    std::vector<EValue> values;
    for (Tensor &one : inputs) {
      tensors.push_back(from_blob(one.bytes.data(), {one.shape.begin(), one.shape.end()},
                                  one.half ? ScalarType::Half : ScalarType::Float));
      values.emplace_back(*tensors.back());
    }
    const auto answer = model->forward(values);
    if (!answer.ok() || answer->size() != outputs.size())
      throw std::runtime_error("the program does not run on these inputs");
    for (size_t i = 0; i < outputs.size(); i++) {
      const auto &given = (*answer)[i].toTensor();
      if (given.nbytes() != outputs[i].bytes.size())
        throw std::runtime_error("the program answers in another shape: " + outputs[i].name);
      std::memcpy(outputs[i].bytes.data(), given.const_data_ptr(), given.nbytes());
    }
  };
}
