import CoreML
import SqueezeSAMKit

/// Does the protocol once: load, first inference, warm-up, timed inferences, sustained mode.
///
/// Not async on purpose: in async code Swift picks Core ML's async `prediction`, which may overlap.
/// The model is compiled already, so `loadMs` is from the `.mlmodelc` to a model that is ready.
func measure(_ compiled: URL, _ job: Job, condition: Condition) throws -> Measurement {
    guard let units = ComputeUnits(rawValue: job.computeUnits) else {
        throw BenchmarkError.unknownComputeUnits(job.computeUnits)
    }
    let configuration = units.configuration
    let loadStarted = DispatchTime.now()
    let model = try MLModel(contentsOf: compiled, configuration: configuration)
    let loadMs = millisecondsSince(loadStarted)
    let inputs = try randomInputs(for: model)
    let inference = { try elapsedMs { _ = try model.prediction(from: inputs) } }

    let firstInferenceMs = try inference()
    for _ in 0..<job.protocol.warmUpInferences {
        _ = try inference()
    }
    let atLeast = job.protocol.timedInferences
    let warm = try samples(of: inference, atLeast: atLeast, budgetS: job.protocol.timeBudgetS)
    let sustained = try samples(of: inference, atLeast: 0, budgetS: job.protocol.sustainedS)
    let coreML = Bundle(for: MLModel.self).infoDictionary?["CFBundleVersion"] as? String
    return Measurement(
        runtimeVersion: OrNull(value: coreML),
        backend: "CoreML \(job.computeUnits)",
        loadMs: loadMs,
        firstInferenceMs: firstInferenceMs,
        warmSamplesMs: warm,
        sustainedSamplesMs: sustained,
        peakMemoryBytes: OrNull(value: peakFootprintBytes()),
        before: condition,
        after: condition
    )
}

/// One sample after another: `atLeast` so many, and on until the budget is spent.
private func samples(
    of inference: () throws -> Double, atLeast: Int, budgetS: Double
) throws -> [Double] {
    var taken: [Double] = []
    let started = DispatchTime.now()
    while taken.count < atLeast || millisecondsSince(started) < budgetS * 1000 {
        taken.append(try inference())
    }
    return taken
}

/// Wall time of one call; what it leaves to be released is released outside of it.
private func elapsedMs(_ action: () throws -> Void) throws -> Double {
    try autoreleasepool {
        let started = DispatchTime.now()
        try action()
        return millisecondsSince(started)
    }
}

private func millisecondsSince(_ start: DispatchTime) -> Double {
    Double(DispatchTime.now().uptimeNanoseconds - start.uptimeNanoseconds) / 1_000_000
}
