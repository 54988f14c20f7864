// A stand-in for the part of SwiftUI that the demo uses, by which sources are type-checked where
// there is none. It proves agreement with these declarations only. They are as Apple documents them
// at https://developer.apple.com/documentation/swiftui, under the name of each type; the page of a
// modifier is https://developer.apple.com/documentation/swiftui/view/NAME.

import CoreGraphics
@_exported import Foundation
import UIKit
import UniformTypeIdentifiers

// MARK: State (State, Binding, StateObject, ObservedObject, Environment; Combine's Published)

public protocol ObservableObject: AnyObject {}

@propertyWrapper public struct Published<Value> {
    public init(wrappedValue: Value) { self.wrappedValue = wrappedValue }
    public var wrappedValue: Value
}

@propertyWrapper public struct State<Value> {
    public init(wrappedValue: Value) {}
    public var wrappedValue: Value {
        get { fatalError() }
        nonmutating set {}
    }
    public var projectedValue: Binding<Value> { fatalError() }
}

extension State where Value: ExpressibleByNilLiteral {
    public init() {}
}

@MainActor @propertyWrapper public struct GestureState<Value> {
    public init(wrappedValue: Value) {}
    public var wrappedValue: Value { fatalError() }
    public var projectedValue: GestureState<Value> { self }
}

@propertyWrapper public struct Binding<Value> {
    public init(get: @escaping () -> Value, set: @escaping (Value) -> Void) {}
    public init(wrappedValue: Value) {}
    public var wrappedValue: Value {
        get { fatalError() }
        nonmutating set {}
    }
    public var projectedValue: Binding<Value> { self }
}

@MainActor @propertyWrapper public struct ObservedObject<Object: ObservableObject> {
    public init(wrappedValue: Object) {}
    public var wrappedValue: Object { fatalError() }
    public var projectedValue: Wrapper { fatalError() }

    @MainActor @dynamicMemberLookup public struct Wrapper {
        public subscript<Value>(
            dynamicMember path: ReferenceWritableKeyPath<Object, Value>
        ) -> Binding<Value> { fatalError() }
    }
}

@MainActor @propertyWrapper public struct StateObject<Object: ObservableObject> {
    public init(wrappedValue: @autoclosure @escaping () -> Object) {}
    public var wrappedValue: Object { fatalError() }
    public var projectedValue: ObservedObject<Object>.Wrapper { fatalError() }
}

public struct EnvironmentValues {
    public var accessibilityReduceMotion: Bool { fatalError() }
}

@propertyWrapper public struct Environment<Value> {
    public init(_ keyPath: KeyPath<EnvironmentValues, Value>) {}
    public var wrappedValue: Value { fatalError() }
}

// MARK: App

@MainActor public protocol App {
    associatedtype Body: Scene
    @SceneBuilder var body: Body { get }
    init()
}
extension App {
    public static func main() {}
}
@MainActor public protocol Scene {}
@resultBuilder public enum SceneBuilder {
    public static func buildBlock<Content: Scene>(_ content: Content) -> Content { content }
}
public struct WindowGroup<Content: View>: Scene {
    public init(@ViewBuilder content: () -> Content) {}
}

// MARK: Views

@MainActor public protocol View {
    associatedtype Body: View
    @ViewBuilder var body: Body { get }
}
extension Never: View {
    public var body: Never { fatalError() }
}
/// A view of the system's own; no part of SwiftUI.
public protocol Primitive: View where Body == Never {}
extension Primitive {
    public var body: Never { fatalError() }
}
extension Optional: View where Wrapped: View {
    public var body: Never { fatalError() }
}
public struct TupleView<Content>: Primitive {}
public struct EmptyView: Primitive { public nonisolated init() {} }

@resultBuilder public enum ViewBuilder {
    public static func buildExpression<Content: View>(_ content: Content) -> Content { content }
    public static func buildBlock() -> EmptyView { EmptyView() }
    public static func buildBlock<Content: View>(_ content: Content) -> Content { content }
    @MainActor public static func buildBlock<each Content: View>(
        _ content: repeat each Content
    ) -> TupleView<(repeat each Content)> { TupleView() }
    public static func buildIf<Content: View>(_ content: Content?) -> Content? { content }
    @MainActor public static func buildEither<One: View, Other: View>(
        first: One
    ) -> TupleView<(One, Other?)> { TupleView() }
    @MainActor public static func buildEither<One: View, Other: View>(
        second: Other
    ) -> TupleView<(One, Other?)> { TupleView() }
}

public struct LocalizedStringKey: ExpressibleByStringInterpolation {
    public init(stringLiteral value: String) {}
}
public struct Text: Primitive {
    public init(_ key: LocalizedStringKey) {}
    @_disfavoredOverload public init<S: StringProtocol>(_ content: S) {}
    public func font(_ font: Font?) -> Text { self }
    public func monospacedDigit() -> Text { self }
}
public struct Font: Sendable {
    public static let footnote = Font()
    public static let largeTitle = Font()
}
public struct Image: Primitive {
    public init(uiImage: UIImage) {}
    public init(systemName: String) {}
    public init(decorative cgImage: CGImage, scale: CGFloat) {}
    public func resizable() -> Image { self }
}
public struct Spacer: Primitive { public init() {} }
public struct ProgressView: Primitive { public init() {} }

public struct VStack<Content: View>: Primitive {
    public init(
        alignment: HorizontalAlignment = .center, spacing: CGFloat? = nil,
        @ViewBuilder content: () -> Content
    ) {}
}
public struct HStack<Content: View>: Primitive {
    public init(spacing: CGFloat? = nil, @ViewBuilder content: () -> Content) {}
}
public struct ZStack<Content: View>: Primitive {
    public init(alignment: Alignment = .center, @ViewBuilder content: () -> Content) {}
}
public struct Alignment: Sendable {
    public static let center = Alignment()
    public static let topLeading = Alignment()
}
public struct HorizontalAlignment: Sendable {
    public static let center = HorizontalAlignment()
    public static let leading = HorizontalAlignment()
}
public struct ViewThatFits<Content: View>: Primitive {
    public init(in axes: Axis.Set = [.horizontal, .vertical], @ViewBuilder content: () -> Content) {
    }
}
public enum Axis: Sendable {
    public struct Set: OptionSet, Sendable {
        public let rawValue: Int8
        public init(rawValue: Int8) { self.rawValue = rawValue }
        public static let horizontal = Set(rawValue: 1)
        public static let vertical = Set(rawValue: 2)
    }
}
public struct NavigationStack<Content: View>: Primitive {
    public init(@ViewBuilder root: () -> Content) {}
}
public struct NavigationLink<Label: View, Destination: View>: Primitive {
    public init(
        @ViewBuilder destination: () -> Destination, @ViewBuilder label: () -> Label
    ) {}
    public init(
        _ titleKey: LocalizedStringKey, @ViewBuilder destination: () -> Destination
    ) where Label == Text {}
}
public struct Form<Content: View>: Primitive {
    public init(@ViewBuilder content: () -> Content) {}
}
public struct List<Content: View>: Primitive {
    public init(@ViewBuilder content: () -> Content) {}
}
public struct Section<Content: View>: Primitive {
    public init(_ titleKey: LocalizedStringKey, @ViewBuilder content: () -> Content) {}
}
public struct ForEach<Content: View>: Primitive {
    public init<Data: RandomAccessCollection>(
        _ data: Data, @ViewBuilder content: @escaping (Data.Element) -> Content
    ) where Data.Element: Identifiable {}
    public init<Data: RandomAccessCollection, ID: Hashable>(
        _ data: Data, id: KeyPath<Data.Element, ID>,
        @ViewBuilder content: @escaping (Data.Element) -> Content
    ) {}
}
public struct Picker<Content: View>: Primitive {
    public init<Value: Hashable>(
        _ titleKey: LocalizedStringKey, selection: Binding<Value>,
        @ViewBuilder content: () -> Content
    ) {}
}
public struct Toggle: Primitive {
    public init(_ titleKey: LocalizedStringKey, isOn: Binding<Bool>) {}
}
public struct Button<Label: View>: Primitive {
    public init(_ titleKey: LocalizedStringKey, action: @escaping @MainActor () -> Void)
    where Label == Text {}
    public init(action: @escaping @MainActor () -> Void, @ViewBuilder label: () -> Label) {}
}
public struct Label<Title: View, Icon: View>: Primitive {
    public init(@ViewBuilder title: () -> Title, @ViewBuilder icon: () -> Icon) {}
}
extension Label where Title == Text, Icon == Image {
    public init(_ titleKey: LocalizedStringKey, systemImage name: String) {}
}
public struct GeometryReader<Content: View>: Primitive {
    public init(@ViewBuilder content: @escaping (GeometryProxy) -> Content) {}
}
public struct GeometryProxy {
    public var size: CGSize { fatalError() }
}
public struct TimelineViewDefaultContext { public let date: Date }
public struct TimelineView<Content: View>: Primitive {
    public init(
        _ schedule: AnimationTimelineSchedule,
        @ViewBuilder content: @escaping (TimelineViewDefaultContext) -> Content
    ) {}
}
public struct AnimationTimelineSchedule: Sendable {
    public static func animation(
        minimumInterval: Double? = nil, paused: Bool = false
    ) -> AnimationTimelineSchedule { fatalError() }
}

// MARK: Drawing

public struct Color: Primitive, Sendable {
    public static let accentColor = Color()
    public static let black = Color()
    public static let white = Color()
}
public struct StrokeStyle: Sendable {
    public init(
        lineWidth: CGFloat = 1, dash: [CGFloat] = [], dashPhase: CGFloat = 0
    ) {}
}
public protocol Shape: View {}
extension Shape {
    public var body: Never { fatalError() }
    public func stroke(_ content: Color, lineWidth: CGFloat = 1) -> some View { EmptyView() }
    public func stroke(_ content: Color, style: StrokeStyle) -> some View { EmptyView() }
}
public struct Rectangle: Shape { public nonisolated init() {} }
public struct Path: Shape {
    public init(_ callback: (inout Path) -> Void) {}
    public mutating func addLines(_ lines: [CGPoint]) {}
    public mutating func closeSubpath() {}
}

// MARK: Gestures

@MainActor public protocol Gesture<Value> {
    associatedtype Value
}
public enum CoordinateSpace: Sendable { case local }
public struct DragGesture: Gesture {
    public struct Value: Sendable {
        public var time: Date
        public var location: CGPoint
        public var startLocation: CGPoint
    }
    public init(minimumDistance: CGFloat = 10, coordinateSpace: CoordinateSpace = .local) {}
}
public struct ObservedGesture<Value>: Gesture {}
public struct Transaction {}
extension Gesture {
    public func updating<State>(
        _ state: GestureState<State>,
        body: @escaping @MainActor (Value, inout State, inout Transaction) -> Void
    ) -> ObservedGesture<Value> { ObservedGesture() }
    public func onChanged(_ action: @escaping @MainActor (Value) -> Void) -> ObservedGesture<Value>
    {
        ObservedGesture()
    }
    public func onEnded(_ action: @escaping @MainActor (Value) -> Void) -> ObservedGesture<Value> {
        ObservedGesture()
    }
}

// MARK: Modifiers

public enum TextAlignment: Sendable { case center }
public struct ToolbarItemPlacement: Sendable {
    public static let primaryAction = ToolbarItemPlacement()
}
@MainActor public protocol ToolbarContent {}
public struct ToolbarItem<Content: View>: ToolbarContent {
    public init(placement: ToolbarItemPlacement, @ViewBuilder content: () -> Content) {}
}
@resultBuilder public enum ToolbarContentBuilder {
    public static func buildBlock<Content: ToolbarContent>(_ content: Content) -> Content {
        content
    }
}
public struct IconOnlyLabelStyle: Sendable {
    public static let iconOnly = IconOnlyLabelStyle()
}
public struct BorderedButtonStyle: Sendable {
    public static let bordered = BorderedButtonStyle()
}
public struct AccessibilityTraits: OptionSet, Sendable {
    public let rawValue: Int
    public init(rawValue: Int) { self.rawValue = rawValue }
    public static let isImage = AccessibilityTraits(rawValue: 1)
    public static let updatesFrequently = AccessibilityTraits(rawValue: 2)
}
public struct AccessibilityDirectTouchOptions: OptionSet, Sendable {
    public let rawValue: Int
    public init(rawValue: Int) { self.rawValue = rawValue }
    public static let requiresActivation = AccessibilityDirectTouchOptions(rawValue: 1)
}
public enum AccessibilityChildBehavior: Sendable {
    case ignore
    case combine
}

extension View {
    public func font(_ font: Font?) -> some View { self }
    public func monospacedDigit() -> some View { self }
    public func multilineTextAlignment(_ alignment: TextAlignment) -> some View { self }
    public func padding() -> some View { self }
    public func frame(width: CGFloat? = nil, height: CGFloat? = nil) -> some View { self }
    public func frame(maxWidth: CGFloat? = nil, maxHeight: CGFloat? = nil) -> some View { self }
    public func offset(x: CGFloat = 0, y: CGFloat = 0) -> some View { self }
    public func opacity(_ opacity: Double) -> some View { self }
    public func scaledToFit() -> some View { self }
    public func disabled(_ disabled: Bool) -> some View { self }
    public func tag<Value: Hashable>(_ tag: Value) -> some View { self }
    public func labelStyle(_ style: IconOnlyLabelStyle) -> some View { self }
    public func buttonStyle(_ style: BorderedButtonStyle) -> some View { self }
    public func gesture<T: Gesture>(_ gesture: T) -> some View { self }
    public func onDrag(_ data: @escaping () -> NSItemProvider) -> some View { self }
    public func task(_ action: @escaping @MainActor @Sendable () async -> Void) -> some View {
        self
    }
    public func onChange<Value: Equatable>(
        of value: Value, _ action: @escaping @MainActor (Value, Value) -> Void
    ) -> some View { self }
    public func sheet<Content: View>(
        isPresented: Binding<Bool>, @ViewBuilder content: @escaping () -> Content
    ) -> some View { self }
    public func navigationTitle(_ titleKey: LocalizedStringKey) -> some View { self }
    public func toolbar<Content: ToolbarContent>(
        @ToolbarContentBuilder content: () -> Content
    ) -> some View { self }
    public func accessibilityLabel(_ label: Text) -> some View { self }
    public func accessibilityHint(_ hint: Text) -> some View { self }
    public func accessibilityHidden(_ hidden: Bool) -> some View { self }
    public func accessibilityAddTraits(_ traits: AccessibilityTraits) -> some View { self }
    public func accessibilityDirectTouch(
        _ isDirectTouchArea: Bool = true, options: AccessibilityDirectTouchOptions = []
    ) -> some View { self }
    public func accessibilityElement(children: AccessibilityChildBehavior) -> some View { self }
}

// MARK: Sharing (Transferable and DataRepresentation are of Core Transferable)

public protocol Transferable: Sendable {
    associatedtype Representation: TransferRepresentation
    static var transferRepresentation: Representation { get }
}
public protocol TransferRepresentation: Sendable {}
public struct DataRepresentation<Item: Transferable>: TransferRepresentation {
    public init(
        exportedContentType: UTType, exporting: @escaping @Sendable (Item) async throws -> Data
    ) {}
}
public struct URLRepresentation: TransferRepresentation {}
extension URL: Transferable {
    public static var transferRepresentation: URLRepresentation { URLRepresentation() }
}
public struct SharePreview {
    public init(_ titleKey: LocalizedStringKey, image: Image) {}
}
public struct ShareLink<Label: View>: Primitive {
    public init<Item: Transferable>(
        item: Item, preview: SharePreview, @ViewBuilder label: () -> Label
    ) {}
    public init(item: URL, @ViewBuilder label: () -> Label) {}
}

// MARK: UIKit in SwiftUI

public struct UIViewControllerRepresentableContext<Coordinator> {
    public let coordinator: Coordinator
}
@MainActor public protocol UIViewControllerRepresentable: View where Body == Never {
    associatedtype UIViewControllerType: UIViewController
    associatedtype Coordinator
    typealias Context = UIViewControllerRepresentableContext<Coordinator>
    func makeUIViewController(context: Context) -> UIViewControllerType
    func updateUIViewController(_ uiViewController: UIViewControllerType, context: Context)
    func makeCoordinator() -> Coordinator
}
extension UIViewControllerRepresentable {
    public var body: Never { fatalError() }
}
