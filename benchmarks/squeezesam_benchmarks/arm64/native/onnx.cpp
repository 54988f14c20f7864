// ONNX Runtime through its C interface, with the CPU provider.
//
// The wheels ship the library without its header. The functions of the interface keep their places
// for good, so those used here are declared by place.

#include <memory>
#include <stdexcept>

#include "runner.h"

struct OrtStatus;
struct OrtEnv;
struct OrtSession;
struct OrtSessionOptions;
struct OrtMemoryInfo;
struct OrtValue;

struct OrtApi {
  void *skipped_0_1[2];
  const char *(*GetErrorMessage)(const OrtStatus *);
  OrtStatus *(*CreateEnv)(int log_level, const char *log_id, OrtEnv **);
  void *skipped_4_6[3];
  OrtStatus *(*CreateSession)(const OrtEnv *, const char *path, const OrtSessionOptions *,
                              OrtSession **);
  void *skipped_8;
  OrtStatus *(*Run)(OrtSession *, const void *run_options, const char *const *input_names,
                    const OrtValue *const *inputs, size_t input_count,
                    const char *const *output_names, size_t output_count, OrtValue **outputs);
  OrtStatus *(*CreateSessionOptions)(OrtSessionOptions **);
  void *skipped_11_23[13];
  OrtStatus *(*SetIntraOpNumThreads)(OrtSessionOptions *, int);
  void *skipped_25_48[24];
  OrtStatus *(*CreateTensorWithDataAsOrtValue)(const OrtMemoryInfo *, void *data, size_t size,
                                               const int64_t *shape, size_t rank, int element_type,
                                               OrtValue **);
  void *skipped_50_68[19];
  OrtStatus *(*CreateCpuMemoryInfo)(int allocator, int memory, OrtMemoryInfo **);
};

struct OrtApiBase {
  const OrtApi *(*GetApi)(uint32_t version);
};

extern "C" const OrtApiBase *OrtGetApiBase();

namespace {

constexpr uint32_t API_VERSION = 1;
constexpr int ERRORS_ONLY = 3, ARENA_ALLOCATOR = 1, DEFAULT_MEMORY = 0;
constexpr int FLOAT = 1, FLOAT16 = 10;

struct Model {
  const OrtApi *api = OrtGetApiBase()->GetApi(API_VERSION);
  OrtMemoryInfo *memory = nullptr;
  OrtSession *session = nullptr;

  explicit Model(const char *path) {
    OrtEnv *environment = nullptr;
    OrtSessionOptions *options = nullptr;
    check(api->CreateEnv(ERRORS_ONLY, "runner", &environment));
    check(api->CreateSessionOptions(&options));
    check(api->SetIntraOpNumThreads(options, 1));
    check(api->CreateSession(environment, path, options, &session));
    check(api->CreateCpuMemoryInfo(ARENA_ALLOCATOR, DEFAULT_MEMORY, &memory));
  }

  void check(const OrtStatus *status) const {
    if (status) throw std::runtime_error(api->GetErrorMessage(status));
  }
};

// Values that share the bytes of the tensors. The process ends before releasing them matters.
struct Values {
  std::vector<const char *> names;
  std::vector<OrtValue *> values;

  Values(const Model &model, Tensors &tensors) {
    for (Tensor &one : tensors) {
      names.push_back(one.name.c_str());
      values.push_back(nullptr);
      model.check(model.api->CreateTensorWithDataAsOrtValue(
          model.memory, one.bytes.data(), one.bytes.size(), one.shape.data(), one.shape.size(),
          one.half ? FLOAT16 : FLOAT, &values.back()));
    }
  }
};

}  // namespace

Network load(const char *path) {
  auto model = std::make_shared<Model>(path);
  return [model](Tensors &inputs, Tensors &outputs) {
    Values in(*model, inputs), out(*model, outputs);
    model->check(model->api->Run(model->session, nullptr, in.names.data(), in.values.data(),
                                 in.values.size(), out.names.data(), out.values.size(),
                                 out.values.data()));
  };
}
