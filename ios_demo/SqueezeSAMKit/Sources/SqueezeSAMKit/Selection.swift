/// What a user has asked about one photo so far, step by step, so that a step can be taken back.
public struct Selection: Sendable {
    /// One thing that the user does.
    public enum Action: Equatable, Sendable {
        /// The most prominent object, without any prompt.
        case automatic
        case click(Point, positive: Bool)
        case box(Box)
    }

    /// What the predictor is to be asked for an action.
    public struct Request: Sendable {
        public let action: Action
        public let question: Question
        /// Whether it corrects the automatic mask: `SamPredictor.editAnswer`, else `answer`.
        public let isEdit: Bool
    }

    private var steps: [(request: Request, answer: MaskAnswer)] = []

    public init() {}

    public var actions: [Action] { steps.map(\.request.action) }
    public var answer: MaskAnswer? { steps.last?.answer }
    /// What the user's latest step asked: all clicks since the last box or the beginning, and the box.
    public var question: Question? { steps.last?.request.question }

    /// What to ask for an action: clicks correct the mask so far, a box begins anew.
    public func request(for action: Action) -> Request {
        var question = Question(multimaskOutput: false)
        var isEdit = false
        switch action {
        case .automatic: break
        case .box(let box): question.box = box
        case .click:
            let beginning = actions.lastIndex { action in
                if case .click = action { return false }
                return true
            }
            let since = actions[(beginning ?? 0)...] + [action]
            for case .click(let place, let positive) in since {
                question.pointCoords.append(place)
                question.pointLabels.append(positive ? 1 : 0)
            }
            if case .box(let box) = since.first { question.box = box }
            isEdit = since.first == .automatic
            question.maskInput = answer?.lowResMasks[0]
        }
        return Request(action: action, question: question, isEdit: isEdit)
    }

    /// Takes the answer to a request.
    public mutating func add(_ request: Request, _ answer: MaskAnswer) {
        steps.append((request, answer))
    }

    /// Takes the last step back.
    public mutating func undo() {
        _ = steps.popLast()
    }
}
