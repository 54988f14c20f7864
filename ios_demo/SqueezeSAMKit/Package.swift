// swift-tools-version: 6.0
import PackageDescription

let package = Package(
    name: "SqueezeSAMKit",
    platforms: [.iOS(.v17), .macOS(.v14)],
    products: [
        .library(name: "SqueezeSAMKit", targets: ["SqueezeSAMKit"]),
        .library(name: "SqueezeSAMONNX", targets: ["SqueezeSAMONNX"]),
    ],
    targets: [
        .target(name: "SqueezeSAMKit"),
        .target(name: "COnnxRuntime"),
        .target(name: "SqueezeSAMONNX", dependencies: ["SqueezeSAMKit", "COnnxRuntime"]),
        .executableTarget(name: "kit-inputs", dependencies: ["SqueezeSAMKit"]),
        .testTarget(
            name: "SqueezeSAMKitTests", dependencies: ["SqueezeSAMKit", "SqueezeSAMONNX"]),
    ],
    swiftLanguageModes: [.v6]
)
