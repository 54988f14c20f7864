package org.pytorch.executorch;

/** The part of the official class that `ExecuTorchRuntime.kt` uses; for type checking alone. */
public class EValue {
  public static native EValue from(Tensor tensor);

  public native boolean isTensor();

  public native Tensor toTensor();
}
