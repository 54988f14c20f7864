// A stand-in for the part of UIKit and Darwin that the demo uses, by which sources are type-checked
// where there is none. It proves agreement with these declarations only. They cite Apple's
// documentation.

@_exported import CoreGraphics

/// https://developer.apple.com/documentation/uikit/uiapplication
@MainActor public class UIApplication {
    public static var shared: UIApplication { fatalError() }
    public var isIdleTimerDisabled: Bool = false
}

/// https://developer.apple.com/documentation/uikit/uiimage, which is Sendable.
public final class UIImage: Sendable {
    public init(cgImage: CGImage) {}
    public var cgImage: CGImage? { fatalError() }
    public func pngData() -> Data? { fatalError() }
    public func jpegData(compressionQuality: CGFloat) -> Data? { fatalError() }
}

/// https://developer.apple.com/documentation/uikit/uipasteboard
@MainActor public class UIPasteboard {
    public class var general: UIPasteboard { fatalError() }
    public func setData(_ data: Data, forPasteboardType pasteboardType: String) {}
}

/// https://developer.apple.com/documentation/uikit/uidevice
@MainActor public class UIDevice {
    public class var current: UIDevice { fatalError() }
    public var isBatteryMonitoringEnabled: Bool = false
    public var batteryLevel: Float { fatalError() }
    public var batteryState: BatteryState { fatalError() }
    public enum BatteryState: Int, Sendable {
        case unknown
        case unplugged
        case charging
        case full
    }
}

/// https://developer.apple.com/documentation/uikit/uiviewcontroller
@MainActor open class UIViewController: NSObject {}

/// https://developer.apple.com/documentation/uikit/uinavigationcontrollerdelegate
@MainActor public protocol UINavigationControllerDelegate: AnyObject {}

/// https://developer.apple.com/documentation/uikit/uiimagepickercontrollerdelegate, of which the
/// functions are optional.
@MainActor public protocol UIImagePickerControllerDelegate: AnyObject {
    func imagePickerController(
        _ picker: UIImagePickerController,
        didFinishPickingMediaWithInfo info: [UIImagePickerController.InfoKey: Any])
    func imagePickerControllerDidCancel(_ picker: UIImagePickerController)
}

/// https://developer.apple.com/documentation/uikit/uiimagepickercontroller
@MainActor open class UIImagePickerController: UIViewController {
    public enum SourceType: Int, Sendable { case camera }
    public struct InfoKey: Hashable, Sendable {
        public static let originalImage = InfoKey()
    }
    public class func isSourceTypeAvailable(_ sourceType: SourceType) -> Bool { fatalError() }
    public var sourceType: SourceType = .camera
    public weak var delegate:
        (any UIImagePickerControllerDelegate & UINavigationControllerDelegate)?
}

/// https://developer.apple.com/documentation/foundation/nsitemprovider
public class NSItemProvider: @unchecked Sendable {
    public init() {}
    public func registerDataRepresentation(
        forTypeIdentifier typeIdentifier: String,
        visibility: NSItemProviderRepresentationVisibility,
        loadHandler: @escaping @Sendable (
            @escaping @Sendable (Data?, (any Error)?) -> Void
        ) -> Progress?
    ) {}
}
public enum NSItemProviderRepresentationVisibility: Int, Sendable { case all }

/// https://developer.apple.com/documentation/foundation/processinfo/thermalstate
extension ProcessInfo {
    public enum ThermalState: Int, Sendable {
        case nominal
        case fair
        case serious
        case critical
    }
    public var thermalState: ThermalState { fatalError() }
    public var isLowPowerModeEnabled: Bool { fatalError() }
}

/// https://developer.apple.com/documentation/kernel/1537934-task_info
public typealias natural_t = UInt32
public typealias integer_t = Int32
public typealias mach_msg_type_number_t = UInt32
public typealias task_flavor_t = UInt32
public let TASK_VM_INFO: Int32 = 22
public let KERN_SUCCESS: Int32 = 0
public var mach_task_self_: UInt32 { fatalError() }
public struct task_vm_info_data_t {
    public init() {}
    public var ledger_phys_footprint_peak: Int64 = 0
}
public func task_info(
    _ target: UInt32, _ flavor: task_flavor_t, _ info: UnsafeMutablePointer<integer_t>,
    _ count: UnsafeMutablePointer<mach_msg_type_number_t>
) -> Int32 { fatalError() }
