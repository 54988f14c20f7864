import Foundation

/// Masks at the size of the photo; see `photo_masks` and `photo_alphas` in
/// `squeezesam/inference/letterbox.py`.
public struct MaskUpsampling: Sendable {
    private let letterbox: Letterbox

    /// - Parameter letterbox: of the photo, or of the part of it that masks are about.
    public init(_ letterbox: Letterbox) {
        self.letterbox = letterbox
    }

    /// The logits of a mask [size/2, size/2] at the size of the photo.
    public func photoLogits(_ logits: [Float]) -> [Float] {
        enlarged(letterbox.cropped(logits))
    }

    /// A mask [size/2, size/2] at the size of the photo.
    public func photoMask(_ logits: [Float]) -> [Bool] {
        photoLogits(logits).map { $0 > Spec.maskThreshold }
    }

    /// The opacity of a soft cut-out: near the outline how sure the network is, away from it 0 or
    /// 255.
    public func photoAlpha(_ logits: [Float]) -> [UInt8] {
        let part = letterbox.cropped(logits)
        return zip(enlarged(part), enlarged(nearOutline(part))).map { logit, near in
            let hard: Double = logit > Spec.maskThreshold ? 1 : 0
            if near == 0 { return UInt8(255 * hard) }
            let soft = 1 / (1 + exp(-Spec.edgeSharpness * Double(logit - Spec.maskThreshold)))
            let opacity = 255 * (hard + Double(near) * (soft - hard))
            return UInt8(min(max(opacity.rounded(.toNearestOrEven), 0), 255))
        }
    }

    /// 1 for a mask pixel of which one of the eight around it is on the other side of the outline.
    private func nearOutline(_ part: [Float]) -> [Float] {
        let (width, height) = (letterbox.maskSize.x, letterbox.maskSize.y)
        return part.indices.map { index in
            let (x, y) = (index % width, index / width)
            let side = part[index] > Spec.maskThreshold
            for row in max(y - 1, 0)...min(y + 1, height - 1) {
                for column in max(x - 1, 0)...min(x + 1, width - 1)
                where (part[row * width + column] > Spec.maskThreshold) != side {
                    return 1
                }
            }
            return 0
        }
    }

    private func enlarged(_ part: [Float]) -> [Float] {
        let size = letterbox.maskSize
        return resizedValues(
            part, width: size.x, height: size.y,
            toWidth: letterbox.width, toHeight: letterbox.height)
    }
}
