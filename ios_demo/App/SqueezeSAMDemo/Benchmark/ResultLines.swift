import Foundation

/// `protocol.py`'s Protocol, as the benchmark screen does it: no pipelines, gates or rests.
struct WholeProtocol: Encodable {
    let warmUpInferences: Int
    let timedInferences: Int
    let timeBudgetS: Double
    let pipelineRuns = 0
    let photoWidthPx = 1
    let photoHeightPx = 1
    let sustainedS: Double
    let rounds: Int
    let coolDownS = 0.0
    let thermalGateS = 0.0
}

/// DeviceFacts of `results/records.py`.
struct Device: Encodable {
    let place = "ios"
    let model: OrNull<String>
    let soc = OrNull<String>(value: nil)
    let cpu = OrNull<String>(value: nil)
    let cores: OrNull<Int>
    let os: OrNull<String>
    let browser = OrNull<String>(value: nil)

    /// The phone at hand.
    static func current() -> Device {
        var system = utsname()
        uname(&system)
        let model = withUnsafeBytes(of: &system.machine) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        let process = ProcessInfo.processInfo
        return Device(
            model: OrNull(value: model), cores: OrNull(value: process.processorCount),
            os: OrNull(value: "iOS " + process.operatingSystemVersionString))
    }
}

/// TimedFile of `results/records.py`.
struct TimedArtifact: Encodable {
    let name: String
    let sha256: String
    let sizeBytes: Int
    let variant: OrNull<String>
    let precision: OrNull<String>
    let opsOutsideDelegate = OrNull<[String: Int]>(value: nil)
    let manifest = OrNull<String>(value: nil)
}

/// `results/records.py`'s Result: one line of a results file.
struct ResultLine: Encodable {
    let schemaVersion = 2
    let harnessVersion = "demo app"
    let runId: String
    let roundIndex: Int
    let startedAt: String
    let command = "the benchmark screen of the demo app, all in one process"
    let `protocol`: WholeProtocol
    let device: Device
    let artifact: TimedArtifact
    let measurement: Measurement
    let detector = OrNull<String>(value: nil)

    /// The line of JSON, with its end.
    func text() throws -> String {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        return String(decoding: try encoder.encode(self), as: UTF8.self) + "\n"
    }
}
