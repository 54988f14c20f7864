package org.squeezesam.segmentation

import ai.onnxruntime.OnnxJavaType
import ai.onnxruntime.OnnxTensor
import ai.onnxruntime.OrtEnvironment
import ai.onnxruntime.OrtException
import ai.onnxruntime.OrtSession
import ai.onnxruntime.NodeInfo
import ai.onnxruntime.TensorInfo
import java.nio.FloatBuffer

/** ONNX Runtime on the processor (`com.microsoft.onnxruntime:onnxruntime-android`). */
class OnnxRuntime : Runtime {
    override val target = "onnx"
    override val name = "onnxruntime"
    override val backend = "CPUExecutionProvider"
    override val version: String? get() = environment().version

    override fun load(bytes: ByteArray, network: Network, threads: Int): LoadedNetwork {
        RuntimeErrors.checkThreads(threads)
        val environment = environment()
        try {
            val session = OrtSession.SessionOptions().use { options ->
                options.setIntraOpNumThreads(threads)
                options.setInterOpNumThreads(1)
                environment.createSession(bytes, options)
            }
            try {
                checkTensors(network, session)
                return OnnxNetwork(environment, session, network)
            } catch (error: Exception) {
                session.close()
                throw error
            }
        } catch (error: OrtException) {
            throw RuntimeErrors.cannotLoad(network, error)
        }
    }

    private fun environment(): OrtEnvironment = try {
        OrtEnvironment.getEnvironment()
    } catch (error: LinkageError) {
        throw RuntimeErrors.noLibrary("ONNX Runtime")
    }

    private fun checkTensors(network: Network, session: OrtSession) {
        fun said(name: String, shape: LongArray) = "$name${shape.joinToString(",", "[", "]")}"
        fun said(nodes: Map<String, NodeInfo>) = nodes.entries.joinToString(" ") { (name, node) ->
            val info = node.info as? TensorInfo
            if (info?.type == OnnxJavaType.FLOAT) said(name, info.shape) else "$name: ${node.info.javaClass.simpleName}"
        }
        val found = "${said(session.inputInfo)} -> ${said(session.outputInfo)}"
        fun said(tensors: List<TensorSpec>) = tensors.joinToString(" ") { said(it.name, it.shape) }
        val wanted = "${said(network.inputs)} -> ${said(network.outputs)}"
        if (found != wanted) throw RuntimeErrors.otherTensors(network, found, wanted)
    }
}

private class OnnxNetwork(
    private val environment: OrtEnvironment,
    private val session: OrtSession,
    private val network: Network,
) : LoadedNetwork {
    override val kind = network.kind
    override val inputSize = network.inputSize

    override fun run(inputs: Map<String, FloatArray>): Map<String, FloatArray> {
        val feeds = LinkedHashMap<String, OnnxTensor>()
        try {
            for (spec in network.inputs) {
                val values = FloatBuffer.wrap(inputs.getValue(spec.name))
                feeds[spec.name] = OnnxTensor.createTensor(environment, values, spec.shape)
            }
            session.run(feeds).use { result ->
                return network.outputs.associate { spec -> spec.name to values(result, spec) }
            }
        } catch (error: OrtException) {
            throw RuntimeErrors.cannotRun(network, error)
        } finally {
            feeds.values.forEach { it.close() }
        }
    }

    private fun values(result: OrtSession.Result, spec: TensorSpec): FloatArray {
        val buffer = (result.get(spec.name).get() as OnnxTensor).floatBuffer
        return FloatArray(buffer.remaining()).also { buffer.get(it) }
    }

    override fun close() = session.close()
}
