import UIKit

/// What may slow the phone, at this moment.
@MainActor
func currentCondition() -> Condition {
    let device = UIDevice.current
    device.isBatteryMonitoringEnabled = true
    let process = ProcessInfo.processInfo
    return Condition(
        thermalState: name(of: process.thermalState),
        batteryPercent: device.batteryLevel < 0 ? nil : Double(device.batteryLevel) * 100,
        charging: isCharging(device.batteryState),
        powerMode: process.isLowPowerModeEnabled ? "low_power" : "normal"
    )
}

private func name(of state: ProcessInfo.ThermalState) -> String? {
    switch state {
    case .nominal: return "nominal"
    case .fair: return "fair"
    case .serious: return "serious"
    case .critical: return "critical"
    @unknown default: return nil
    }
}

private func isCharging(_ state: UIDevice.BatteryState) -> Bool? {
    switch state {
    case .charging, .full: return true
    case .unplugged: return false
    case .unknown: return nil
    @unknown default: return nil
    }
}

/// The largest physical footprint of this process in its life, by which iOS judges its memory; nil
/// where the kernel does not say. What the Neural Engine holds outside of the process is not in it.
func peakFootprintBytes() -> Int64? {
    var info = task_vm_info_data_t()
    let words = MemoryLayout<task_vm_info_data_t>.size / MemoryLayout<natural_t>.size
    var count = mach_msg_type_number_t(words)
    let status = withUnsafeMutablePointer(to: &info) { pointer in
        pointer.withMemoryRebound(to: integer_t.self, capacity: words) { rebound in
            task_info(mach_task_self_, task_flavor_t(TASK_VM_INFO), rebound, &count)
        }
    }
    return status == KERN_SUCCESS ? info.ledger_phys_footprint_peak : nil
}
