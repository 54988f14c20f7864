package org.squeezesam.segmentation

import java.io.File
import java.io.IOException
import org.pytorch.executorch.EValue
import org.pytorch.executorch.Module
import org.pytorch.executorch.Tensor

/**
 * ExecuTorch with the XNNPACK delegate (`org.pytorch:executorch-android`).
 *
 * UNRUN: no such library can be loaded where this project is tested, so that this file agrees with
 * the types of the library and no more than that is known.
 *
 * @param folder of the app's own; ExecuTorch reads programs from files, which lie here while they
 *   are loaded
 */
class ExecuTorchRuntime(private val folder: File) : Runtime {
    override val target = "executorch"
    override val name = "executorch"
    override val backend = "XnnpackBackend"
    override val version: String? = null

    override fun load(bytes: ByteArray, network: Network, threads: Int): LoadedNetwork {
        RuntimeErrors.checkThreads(threads)
        val file = try {
            File.createTempFile("squeezesam", ".pte", folder).also { it.writeBytes(bytes) }
        } catch (error: IOException) {
            throw OutputError("the program cannot be written (${reason(error)}); make room on the phone", error)
        }
        try {
            val module = Module.load(file.path, Module.LOAD_MODE_FILE, threads)
            try {
                module.loadMethod(METHOD)
                return ExecuTorchNetwork(module, network)
            } catch (error: RuntimeException) {
                module.destroy()
                throw error
            }
        } catch (error: LinkageError) {
            throw RuntimeErrors.noLibrary("ExecuTorch")
        } catch (error: RuntimeException) {
            throw RuntimeErrors.cannotLoad(network, error)
        } finally {
            file.delete() // LOAD_MODE_FILE has read all of it
        }
    }

    private companion object {
        const val METHOD = "forward"
    }
}

private class ExecuTorchNetwork(private val module: Module, private val network: Network) : LoadedNetwork {
    override val kind = network.kind
    override val inputSize = network.inputSize

    override fun run(inputs: Map<String, FloatArray>): Map<String, FloatArray> {
        val values = network.inputs.map { EValue.from(Tensor.fromBlob(inputs.getValue(it.name), it.shape)) }
        val given = try {
            module.forward(*values.toTypedArray())
        } catch (error: RuntimeException) {
            throw RuntimeErrors.cannotRun(network, error)
        }
        val tensors = given.map { if (it.isTensor) it.toTensor() else null }
        val found = tensors.joinToString(" ") { it?.shape()?.joinToString(",", "[", "]") ?: "no tensor" }
        val wanted = network.outputs.joinToString(" ") { it.shape.joinToString(",", "[", "]") }
        if (found != wanted) throw RuntimeErrors.otherTensors(network, found, wanted)
        return network.outputs.zip(tensors) { spec, tensor -> spec.name to tensor!!.dataAsFloatArray }.toMap()
    }

    override fun close() = module.destroy()
}
