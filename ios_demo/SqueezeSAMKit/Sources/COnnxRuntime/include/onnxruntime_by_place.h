// The part of ONNX Runtime's C interface that the kit uses.
//
// The functions of the interface keep their places for good (onnxruntime_c_api.h says: "All APIs
// exported below are listed in the order"), so those used here are declared by place, and the kit
// needs neither the header nor the library to be built.

#ifndef SQUEEZESAM_ONNXRUNTIME_BY_PLACE_H
#define SQUEEZESAM_ONNXRUNTIME_BY_PLACE_H

#include <stddef.h>
#include <stdint.h>

typedef struct OrtStatus OrtStatus;
typedef struct OrtEnv OrtEnv;
typedef struct OrtSession OrtSession;
typedef struct OrtSessionOptions OrtSessionOptions;
typedef struct OrtMemoryInfo OrtMemoryInfo;
typedef struct OrtAllocator OrtAllocator;
typedef struct OrtValue OrtValue;
typedef struct OrtTensorTypeAndShapeInfo OrtTensorTypeAndShapeInfo;

typedef struct SqueezeSAMOrtApi {
  const void *skipped_0_1[2];
  const char *(*GetErrorMessage)(const OrtStatus *);
  OrtStatus *(*CreateEnv)(int log_level, const char *log_id, OrtEnv **);
  const void *skipped_4_6[3];
  OrtStatus *(*CreateSession)(const OrtEnv *, const char *path, const OrtSessionOptions *,
                              OrtSession **);
  const void *skipped_8;
  OrtStatus *(*Run)(OrtSession *, const void *run_options, const char *const *input_names,
                    OrtValue *const *inputs, size_t input_count, const char *const *output_names,
                    size_t output_count, OrtValue **outputs);
  OrtStatus *(*CreateSessionOptions)(OrtSessionOptions **);
  const void *skipped_11_23[13];
  OrtStatus *(*SetIntraOpNumThreads)(OrtSessionOptions *, int);
  const void *skipped_25_29[5];
  OrtStatus *(*SessionGetInputCount)(const OrtSession *, size_t *);
  OrtStatus *(*SessionGetOutputCount)(const OrtSession *, size_t *);
  const void *skipped_32_35[4];
  OrtStatus *(*SessionGetInputName)(const OrtSession *, size_t index, OrtAllocator *, char **);
  OrtStatus *(*SessionGetOutputName)(const OrtSession *, size_t index, OrtAllocator *, char **);
  const void *skipped_38_48[11];
  OrtStatus *(*CreateTensorWithDataAsOrtValue)(const OrtMemoryInfo *, void *data, size_t bytes,
                                               const int64_t *shape, size_t rank, int element_type,
                                               OrtValue **);
  const void *skipped_50;
  OrtStatus *(*GetTensorMutableData)(OrtValue *, void **);
  const void *skipped_52_59[8];
  OrtStatus *(*GetTensorElementType)(const OrtTensorTypeAndShapeInfo *, int *);
  const void *skipped_61_63[3];
  OrtStatus *(*GetTensorShapeElementCount)(const OrtTensorTypeAndShapeInfo *, size_t *);
  OrtStatus *(*GetTensorTypeAndShape)(const OrtValue *, OrtTensorTypeAndShapeInfo **);
  const void *skipped_66_68[3];
  OrtStatus *(*CreateCpuMemoryInfo)(int allocator, int memory, OrtMemoryInfo **);
  const void *skipped_70_75[6];
  OrtStatus *(*AllocatorFree)(OrtAllocator *, void *);
  const void *skipped_77;
  OrtStatus *(*GetAllocatorWithDefaultOptions)(OrtAllocator **);
  const void *skipped_79_91[13];
  void (*ReleaseEnv)(OrtEnv *);
  void (*ReleaseStatus)(OrtStatus *);
  void (*ReleaseMemoryInfo)(OrtMemoryInfo *);
  void (*ReleaseSession)(OrtSession *);
  void (*ReleaseValue)(OrtValue *);
  const void *skipped_97_98[2];
  void (*ReleaseTensorTypeAndShapeInfo)(OrtTensorTypeAndShapeInfo *);
  void (*ReleaseSessionOptions)(OrtSessionOptions *);
} SqueezeSAMOrtApi;

typedef struct SqueezeSAMOrtApiBase {
  const SqueezeSAMOrtApi *(*GetApi)(uint32_t version);
  const char *(*GetVersionString)(void);
} SqueezeSAMOrtApiBase;

#endif
