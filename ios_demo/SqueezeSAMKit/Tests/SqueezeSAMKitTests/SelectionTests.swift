import SqueezeSAMKit
import Testing

struct SelectionTests {
    private let predictor: SamPredictor

    init() async throws {
        predictor = try SamPredictor(model: segmenter, detector: detector)
        var bytes = [UInt8](repeating: 0, count: 30 * 20 * 3)
        for y in 5..<15 { for i in (3 * (y * 30 + 8))..<(3 * (y * 30 + 20)) { bytes[i] = 250 } }
        await predictor.setImage(try Photo(bytes: bytes, width: 30, height: 20))
    }

    private func after(_ actions: Selection.Action...) async throws -> Selection {
        var selection = Selection()
        for action in actions {
            let request = selection.request(for: action)
            let answer =
                try await request.isEdit
                ? predictor.editAnswer(request.question) : predictor.answer(request.question)
            selection.add(request, answer)
        }
        return selection
    }

    @Test func clicksCorrectTheAutomaticMask() async throws {
        let selection = try await after(.automatic, .click(Point(3, 3), positive: false))
        let request = selection.request(for: .click(Point(9, 9), positive: true))
        #expect(request.isEdit)
        #expect(request.question.pointCoords == [Point(3, 3), Point(9, 9)])
        #expect(request.question.pointLabels == [0, 1])
        #expect(request.question.maskInput == selection.answer?.lowResMasks[0])
        #expect(request.question.box == nil)
    }

    @Test func aBoxBeginsAnewAndIsKeptByLaterClicks() async throws {
        let box = Box(1, 1, 20, 18)
        let selection = try await after(.automatic, .click(Point(9, 9), positive: true), .box(box))
        let request = selection.request(for: .click(Point(4, 4), positive: true))
        #expect(!request.isEdit)
        #expect(request.question.box == box)
        #expect(request.question.pointCoords == [Point(4, 4)])
        #expect(selection.request(for: .box(box)).question.maskInput == nil)
        #expect(selection.question?.box == box)
        #expect(selection.question?.pointCoords == [])
    }

    @Test func undoGivesTheAnswerBefore() async throws {
        var selection = try await after(.click(Point(9, 9), positive: true))
        let before = selection.answer?.logits
        let request = selection.request(for: .click(Point(2, 2), positive: false))
        #expect(!request.isEdit)
        selection.add(request, try await predictor.answer(request.question))
        selection.undo()
        #expect(selection.answer?.logits == before)
        selection.undo()
        selection.undo()
        #expect(selection.answer == nil)
        #expect(
            selection.request(for: .click(Point(2, 2), positive: true)).question.maskInput == nil)
    }

    @Test func outlinesGoAroundPiecesAndHoles() {
        let rows = ["....", ".##.", ".##.", "...."]
        let square = MaskOutline.lines(of: rows.joined().map { $0 == "#" }, width: 4)
        #expect(square == [[Pixel(1, 1), Pixel(3, 1), Pixel(3, 3), Pixel(1, 3)]])
        let ring = ["###", "#.#", "###"].joined().map { $0 == "#" }
        let lines = MaskOutline.lines(of: ring, width: 3)
        #expect(lines.map(\.count) == [4, 4])
        #expect(lines[1].contains(Pixel(1, 1)))
        let corners = ["#.", ".#"].joined().map { $0 == "#" }
        #expect(MaskOutline.lines(of: corners, width: 2).map(\.count) == [8])
        #expect(MaskOutline.lines(of: [], width: 0).isEmpty)
        #expect(MaskOutline.lines(of: [false, false], width: 2).isEmpty)
    }
}
