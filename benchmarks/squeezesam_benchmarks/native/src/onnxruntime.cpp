// ONNX Runtime through its C interface, with the CPU provider.
//
// The wheels ship the library without its header. The functions of the interface keep their places
// for good, so those used here are declared by place.

#include <stdexcept>

#include "runtime.h"

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
  OrtStatus *(*SetInterOpNumThreads)(OrtSessionOptions *, int);
  void *skipped_26_48[23];
  OrtStatus *(*CreateTensorWithDataAsOrtValue)(const OrtMemoryInfo *, void *data, size_t size,
                                               const int64_t *shape, size_t rank, int element_type,
                                               OrtValue **);
  void *skipped_50_68[19];
  OrtStatus *(*CreateCpuMemoryInfo)(int allocator, int memory, OrtMemoryInfo **);
};

struct OrtApiBase {
  const OrtApi *(*GetApi)(uint32_t version);
  const char *(*GetVersionString)();
};

extern "C" const OrtApiBase *OrtGetApiBase();

namespace {

constexpr uint32_t API_VERSION = 1;
constexpr int ERRORS_ONLY = 3, ARENA_ALLOCATOR = 1, DEFAULT_MEMORY = 0;
constexpr int FLOAT = 1, FLOAT16 = 10;

const OrtApi &api() {
  static const OrtApi *const found = OrtGetApiBase()->GetApi(API_VERSION);
  return *found;
}

void check(const OrtStatus *status) {
  if (status) throw std::runtime_error(api().GetErrorMessage(status));
}

// Values that share the bytes of the tensors. The process ends before releasing them matters.
struct Values {
  std::vector<const char *> names;
  std::vector<OrtValue *> values;

  Values(const OrtMemoryInfo *memory, Tensors &tensors) {
    for (Tensor &one : tensors) {
      names.push_back(one.name.c_str());
      values.push_back(nullptr);
      check(api().CreateTensorWithDataAsOrtValue(memory, one.bytes.data(), one.bytes.size(),
                                                 one.shape.data(), one.shape.size(),
                                                 one.half ? FLOAT16 : FLOAT, &values.back()));
    }
  }
};

class Session : public Network {
 public:
  Session(OrtSession *session, const OrtMemoryInfo *memory, Tensors &inputs, Tensors &outputs)
      : session_(session), in_(memory, inputs), out_(memory, outputs) {}

  void infer() override {
    check(api().Run(session_, nullptr, in_.names.data(), in_.values.data(), in_.values.size(),
                    out_.names.data(), out_.values.size(), out_.values.data()));
  }

  void collect() override {}

 private:
  OrtSession *session_;
  Values in_, out_;
};

class OnnxRuntime : public Runtime {
 public:
  explicit OnnxRuntime(int threads) {
    check(api().CreateEnv(ERRORS_ONLY, "runner", &environment_));
    check(api().CreateSessionOptions(&options_));
    check(api().SetIntraOpNumThreads(options_, threads));
    check(api().SetInterOpNumThreads(options_, 1));
    check(api().CreateCpuMemoryInfo(ARENA_ALLOCATOR, DEFAULT_MEMORY, &memory_));
  }
  std::string name() const override { return "onnxruntime"; }
  std::string version() const override { return OrtGetApiBase()->GetVersionString(); }
  std::string backend() const override { return "CPUExecutionProvider"; }
  std::unique_ptr<Network> load(const std::string &model, Tensors &inputs,
                                Tensors &outputs) override {
    OrtSession *session = nullptr;
    check(api().CreateSession(environment_, model.c_str(), options_, &session));
    return std::make_unique<Session>(session, memory_, inputs, outputs);
  }

 private:
  OrtEnv *environment_ = nullptr;
  OrtSessionOptions *options_ = nullptr;
  OrtMemoryInfo *memory_ = nullptr;
};

}  // namespace

std::unique_ptr<Runtime> open_runtime(int threads) {
  return std::make_unique<OnnxRuntime>(threads);
}
