package org.pytorch.executorch;

/** The part of the official class that `ExecuTorchRuntime.kt` uses; for type checking alone. */
public class Module {
  public static final int LOAD_MODE_FILE = 0;

  public static native Module load(String modelPath, int loadMode, int numThreads);

  public native void loadMethod(String methodName);

  public native EValue[] forward(EValue... inputs);

  public native void destroy();
}
