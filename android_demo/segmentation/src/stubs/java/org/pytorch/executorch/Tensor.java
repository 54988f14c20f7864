package org.pytorch.executorch;

/** The part of the official class that `ExecuTorchRuntime.kt` uses; for type checking alone. */
public abstract class Tensor {
  public static native Tensor fromBlob(float[] data, long[] shape);

  public native long[] shape();

  public native float[] getDataAsFloatArray();
}
