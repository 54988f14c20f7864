import Foundation

/// Every error that a user can cause, by the names that `squeezesam/errors.py` gives them.
///
/// The message is one line that names the bad value and what to do about it.
public enum SqueezeSAMError: LocalizedError, Equatable, Sendable {
    /// A click, box or mask prompt that has no meaning for the photo at hand.
    case prompt(String)
    /// A photo in which nothing stands out, so that there is nothing to cut out without a prompt.
    case noSalientObject(String)
    /// A photo that cannot be used.
    case image(String)
    /// An option that does not exist or does not fit.
    case config(String)
    /// An exported artifact that is missing, altered or does not follow its manifest.
    case artifact(String)

    public var errorDescription: String? {
        switch self {
        case .prompt(let message), .noSalientObject(let message), .image(let message),
            .config(let message), .artifact(let message):
            return message
        }
    }
}
