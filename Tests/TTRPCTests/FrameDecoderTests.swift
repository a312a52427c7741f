import Testing

@testable import TTRPC

@Suite("Frame decoder")
struct FrameDecoderTests {
    @Test("finds the same frames however the bytes are cut", arguments: [1, 2, 3, 9, 10, 11, 4096, 1 << 20])
    func anyCut(chunk: Int) {
        let sent = [
            Frame(stream: 1, .request, payload: [1, 2, 3]),
            Frame(stream: 3, .data, flags: [.remoteClosed, .noData]),
            Frame(stream: 1, .response, payload: Array(repeating: 7, count: 5000)),
            Frame(stream: 5, .request, flags: .remoteOpen),
        ]
        #expect(received(from: wire(sent), inChunksOf: chunk) == sent.map(FrameDecoder.Event.frame))
    }

    @Test("accepts a payload of exactly the limit")
    func longest() {
        let sent = Frame(stream: 1, .request, payload: Array(repeating: 5, count: Frame.payloadLimit))
        #expect(received(from: wire([sent, sent]), inChunksOf: 100_003) == [.frame(sent), .frame(sent)])
    }

    @Test("skips an oversized payload and finds the frame after it", arguments: [1024, 4096, 1 << 20])
    func oversized(chunk: Int) {
        let length = Frame.payloadLimit + 1
        let header = FrameHeader(length: length, stream: 5, kind: .request, flags: [])
        let after = Frame(stream: 7, .request)
        let bytes = wire(header) + Array(repeating: 0, count: length) + wire([after])
        #expect(received(from: bytes, inChunksOf: chunk) == [.oversized(header), .frame(after)])
    }

    @Test("skips frames of unknown kinds, also oversized ones", arguments: [0, 100, Frame.payloadLimit + 7])
    func unknownKind(length: Int) {
        let header = FrameHeader(length: length, stream: 2, kind: Frame.Kind(rawValue: 9), flags: [])
        let after = Frame(stream: 7, .request, payload: [1])
        let bytes = wire(header) + Array(repeating: 0, count: length) + wire([after])
        #expect(received(from: bytes, inChunksOf: 65_536) == [.frame(after)])
    }

    @Test("knows whether it is inside a frame")
    func insideFrame() {
        var decoder = FrameDecoder()
        #expect(!decoder.isInsideFrame)
        decoder.append([0])
        #expect(decoder.isInsideFrame)
        decoder.append([0, 0, 1, 0, 0, 0, 1, 1, 0])
        #expect(decoder.next() == nil)
        #expect(decoder.isInsideFrame)
        decoder.append([9])
        #expect(decoder.next() == .frame(Frame(stream: 1, .request, payload: [9])))
        #expect(!decoder.isInsideFrame)
    }

    @Test("is continued by another decoder from its remainder, wherever it was left", arguments: [1, 7, 1000])
    func remainder(step: Int) {
        let long = FrameHeader(length: Frame.payloadLimit + 3, stream: 9, kind: .request, flags: [])
        let unknown = FrameHeader(length: 30, stream: 2, kind: Frame.Kind(rawValue: 9), flags: [])
        let frames = [Frame(stream: 1, .request, payload: Array(repeating: 7, count: 50)), Frame(stream: 3, .request)]
        var bytes = wire(frames) + wire(unknown) + Array(repeating: 1, count: 30) + wire(long)
        bytes += Array(repeating: 2, count: long.length) + wire([Frame(stream: 11, .data, payload: [1, 2])])
        let expected = received(from: bytes, inChunksOf: 100_000)
        #expect(expected.count == 4)
        for cut in Array(stride(from: 0, to: 200, by: step)) + [bytes.count - 13, bytes.count - 11, bytes.count] {
            var first = FrameDecoder()
            first.append(bytes[..<cut])
            var events: [FrameDecoder.Event] = []
            // The last frame is found and not processed.
            var unprocessed: FrameHeader?
            while unprocessed == nil, let found = first.findNext() {
                if events.count == cut % 3 {
                    unprocessed = found.header
                } else {
                    events.append(event(found, first))
                }
            }
            let rest = first.remainder(unprocessed: unprocessed) + bytes[cut...]
            let isSame = events + received(from: rest, inChunksOf: 100_000) == expected
            #expect(isSame, "cut at \(cut)")
        }
    }

    private func event(_ found: FrameDecoder.Found, _ decoder: FrameDecoder) -> FrameDecoder.Event {
        switch found {
        case .oversized(let header): return .oversized(header)
        case .frame(let header):
            let payload = decoder.withFoundPayload { copy($0) }
            return .frame(Frame(stream: header.stream, header.kind, flags: header.flags, payload: payload))
        }
    }

    @Test("a header is ten big-endian bytes")
    func header() {
        let bytes: [UInt8] = [0x00, 0x40, 0x01, 0x02, 0x80, 0x00, 0x00, 0x05, 0x03, 0x05]
        let header = FrameHeader(
            length: 0x40_0102, stream: 0x8000_0005, kind: .data, flags: [.remoteClosed, .noData])
        #expect(wire(header) == bytes)
        #expect(FrameHeader(bytes) == header)
        #expect(header.isOversized)
    }

    private func wire(_ frames: [Frame]) -> [UInt8] {
        frames.reduce(into: []) { bytes, frame in frame.encode(into: &bytes) }
    }

    private func wire(_ header: FrameHeader) -> [UInt8] {
        var bytes: [UInt8] = []
        header.encode(into: &bytes)
        return bytes
    }

    private func received(from bytes: [UInt8], inChunksOf size: Int) -> [FrameDecoder.Event] {
        var decoder = FrameDecoder()
        var events: [FrameDecoder.Event] = []
        for start in stride(from: 0, to: bytes.count, by: size) {
            decoder.append(bytes[start..<min(start + size, bytes.count)])
            while let event = decoder.next() { events.append(event) }
        }
        return events
    }
}
