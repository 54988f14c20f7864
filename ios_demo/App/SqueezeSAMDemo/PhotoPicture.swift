import SqueezeSAMKit
import SwiftUI

/// The photo with its mask. A tap means this, a long press means not this, a drag is a box.
struct PhotoPicture: View {
    @ObservedObject var session: Session
    let photo: ShownPhoto
    let showsCutoutAlone: Bool
    @State private var pressed: (place: CGPoint, time: Date)?
    /// SwiftUI clears it when the gesture ends, and also when the system takes the gesture away.
    @GestureState private var dragged: CGRect? = nil
    @Environment(\.accessibilityReduceMotion) private var reducesMotion

    private static let longPress: TimeInterval = 0.4
    private static let boxSide: CGFloat = 12

    var body: some View {
        GeometryReader { geometry in
            let scale = min(
                geometry.size.width / CGFloat(photo.pixels.width),
                geometry.size.height / CGFloat(photo.pixels.height))
            ZStack(alignment: .topLeading) {
                Image(uiImage: photo.image).resizable()
                    .opacity(showsCutoutAlone ? 0 : session.cutout == nil ? 1 : 0.45)
                if let cutout = session.cutout {
                    Image(uiImage: cutout.image).resizable()
                    OutlineView(lines: cutout.outline, scale: scale, isStill: reducesMotion)
                }
                if let dragged {
                    Rectangle().stroke(Color.accentColor, lineWidth: 2)
                        .frame(width: dragged.width, height: dragged.height)
                        .offset(x: dragged.minX, y: dragged.minY)
                }
            }
            .frame(
                width: CGFloat(photo.pixels.width) * scale,
                height: CGFloat(photo.pixels.height) * scale
            )
            .gesture(gesture(scale))
            .frame(width: geometry.size.width, height: geometry.size.height)
        }
        .accessibilityElement(children: .ignore)
        .accessibilityLabel(Text(description))
        .accessibilityHint(
            Text("Tap an object to select it. Press long on what does not belong to it.")
        )
        .accessibilityAddTraits(.isImage)
        .accessibilityDirectTouch(true, options: .requiresActivation)
    }

    private var description: String {
        guard let cutout = session.cutout else { return "Photo, nothing is selected" }
        return "Photo, \(Int((cutout.share * 100).rounded())) percent of it are selected"
    }

    /// One gesture for all, so that none waits for another one to fail.
    private func gesture(_ scale: CGFloat) -> some Gesture {
        DragGesture(minimumDistance: 0, coordinateSpace: .local)
            .updating($dragged) { value, dragged, _ in
                let box = Self.box(value.startLocation, value.location)
                dragged = Self.isBox(box) ? box : nil
            }
            .onChanged { value in
                // A gesture that the system took away has left its own time here.
                if pressed?.place != value.startLocation {
                    pressed = (value.startLocation, value.time)
                }
            }
            .onEnded { value in
                let held = value.time.timeIntervalSince(pressed?.time ?? value.time)
                let box = Self.box(value.startLocation, value.location)
                pressed = nil
                let action: SqueezeSAMKit.Selection.Action
                if Self.isBox(box) {
                    action = .box(
                        Box(
                            Float(box.minX / scale), Float(box.minY / scale),
                            Float(box.maxX / scale), Float(box.maxY / scale)))
                } else {
                    let place = Point(
                        clamped(value.location.x / scale, photo.pixels.width),
                        clamped(value.location.y / scale, photo.pixels.height))
                    action = .click(place, positive: held < Self.longPress)
                }
                Task { await session.ask(action) }
            }
    }

    private func clamped(_ place: CGFloat, _ side: Int) -> Float {
        min(max(Float(place).rounded(.down), 0), Float(side - 1))
    }

    private static func box(_ one: CGPoint, _ other: CGPoint) -> CGRect {
        CGRect(
            x: min(one.x, other.x), y: min(one.y, other.y), width: abs(one.x - other.x),
            height: abs(one.y - other.y))
    }

    private static func isBox(_ box: CGRect) -> Bool {
        box.width >= boxSide && box.height >= boxSide
    }
}

/// Dashes that walk along the outline; they stand still where the user wants less motion.
private struct OutlineView: View {
    let lines: [[CGPoint]]
    let scale: CGFloat
    let isStill: Bool

    var body: some View {
        TimelineView(.animation(minimumInterval: 1 / 30, paused: isStill)) { timeline in
            dashes(timeline.date.timeIntervalSinceReferenceDate)
        }
        .accessibilityHidden(true)
    }

    private func dashes(_ seconds: TimeInterval) -> some View {
        let phase = isStill ? 0 : seconds.truncatingRemainder(dividingBy: 1) * 12
        return ZStack {
            path.stroke(Color.black, lineWidth: 2)
            path.stroke(
                Color.white,
                style: StrokeStyle(lineWidth: 2, dash: [6, 6], dashPhase: CGFloat(phase)))
        }
    }

    private var path: Path {
        Path { path in
            for line in lines {
                path.addLines(line.map { CGPoint(x: $0.x * scale, y: $0.y * scale) })
                path.closeSubpath()
            }
        }
    }
}
