// A stand-in for Apple's PhotosUI, by which sources are type-checked where there is none. It proves
// agreement with these declarations only. They cite Apple's documentation.

import SwiftUI

/// https://developer.apple.com/documentation/photokit/photospickeritem
public struct PhotosPickerItem: Equatable, Sendable {
    /// https://developer.apple.com/documentation/photokit/photospickeritem/loadtransferable(type:)
    public func loadTransferable<T: Sendable>(type: T.Type) async throws -> T? { fatalError() }
}

/// https://developer.apple.com/documentation/photokit/phpickerfilter
public struct PHPickerFilter: Sendable {
    public static var images: PHPickerFilter { fatalError() }
}

/// https://developer.apple.com/documentation/photokit/photospicker
public struct PhotosPicker<Label: View>: Primitive {
    public init(
        selection: Binding<PhotosPickerItem?>, matching filter: PHPickerFilter? = nil,
        @ViewBuilder label: () -> Label
    ) {}
}
