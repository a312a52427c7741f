internal import LinuxIO

/// The memory for incomplete frames, which all connections share.
///
/// A frame to be rewritten has to be held, up to 4 MiB of it, and a client may begin any number of frames. At the
/// limit, the largest frame is dropped and its connection closed. Legitimate calls that have to be held are small, so
/// clients that fill the memory displace each other. A frame counts until it has been sent, rewritten or not.
public final class HeldFrames: Sendable {
    private struct State {
        var nextID = 0
        var frames: [Int: [UInt8]] = [:]
        var total = 0
    }

    /// The most bytes of all held frames together.
    public let limit: Int
    private let state = Lock(State())

    /// 6 MiB let any single frame pass, and leave space for its rewritten copy and for the tunnel's buffers: the
    /// forwarder may grow by 16 MiB.
    public init(limit: Int = 6 << 20) { self.limit = limit }

    /// The number of bytes held now.
    public var bytes: Int { state.withLock { $0.total } }

    /// Begins a frame that will have `size` bytes.
    fileprivate func begin(size: Int) -> Int {
        state.withLock { state in
            state.nextID += 1
            var frame: [UInt8] = []
            // Reserved memory costs nothing before it is written, and the bytes need not be moved later.
            frame.reserveCapacity(size)
            state.frames[state.nextID] = frame
            return state.nextID
        }
    }

    fileprivate func append(_ bytes: UnsafeRawBufferPointer, to id: Int) throws(HeldFrameRefused) {
        try state.withLock { state throws(HeldFrameRefused) in
            guard let count = state.frames[id]?.count else { throw HeldFrameRefused(limit: limit) }
            do throws(HeldFrameRefused) {
                try makeRoom(for: bytes.count, in: &state, unless: count + bytes.count, of: id)
            } catch {
                // Its connection ends soon, but other frames need the memory now.
                state.frames[id] = nil
                state.total -= count
                throw error
            }
            unsafe state.frames[id]?.append(contentsOf: bytes)
            state.total += bytes.count
        }
    }

    /// Returns the whole frame, which counts until ``forget(_:)``.
    fileprivate func take(_ id: Int) throws(HeldFrameRefused) -> [UInt8] {
        try state.withLock { state throws(HeldFrameRefused) in
            guard let frame = state.frames.removeValue(forKey: id) else { throw HeldFrameRefused(limit: limit) }
            return frame
        }
    }

    fileprivate func discard(_ id: Int) {
        state.withLock { state in state.total -= state.frames.removeValue(forKey: id)?.count ?? 0 }
    }

    /// Stops counting a frame that was taken.
    fileprivate func forget(_ count: Int) { state.withLock { $0.total -= count } }

    /// Drops the largest frames until `count` more bytes fit. Throws if frame `id`, which would have `size` bytes, is
    /// the largest.
    private func makeRoom(
        for count: Int, in state: inout State, unless size: Int, of id: Int
    ) throws(HeldFrameRefused) {
        while state.total + count > limit {
            let largest = state.frames.filter { $0.key != id }.max { $0.value.count < $1.value.count }
            guard let largest, largest.value.count >= size else { throw HeldFrameRefused(limit: limit) }
            state.frames[largest.key] = nil
            state.total -= largest.value.count
        }
    }
}

/// A held call was among the largest when the memory for held calls was full. Its connection ends.
public struct HeldFrameRefused: Error, Equatable, Sendable, CustomStringConvertible {
    let limit: Int

    /// The failure, with the limit and the next step.
    public var description: String {
        "calls that have to be rewritten need more than the \(limit) bytes that may be buffered; send smaller requests, or"
            + " fewer at a time"
    }
}

/// One connection's part of ``HeldFrames``, released with its owner.
final class HeldFrame {
    private let frames: HeldFrames
    private var id: Int?
    /// The number of bytes of the incomplete frame.
    private(set) var count = 0
    /// Bytes of complete frames that may not have been sent yet.
    private var leaving = 0

    init(in frames: HeldFrames) { self.frames = frames }

    deinit {
        if let id { frames.discard(id) }
        frames.forget(leaving)
    }

    func begin(size: Int) {
        id = frames.begin(size: size)
        count = 0
    }

    func append(_ bytes: UnsafeRawBufferPointer) throws(HeldFrameRefused) {
        guard let id else { return }
        unsafe try frames.append(bytes, to: id)
        count += bytes.count
    }

    /// Returns the whole frame, which the caller then sends.
    func take() throws(HeldFrameRefused) -> [UInt8] {
        guard let id else { return [] }
        self.id = nil
        let frame = try frames.take(id)
        leaving += frame.count
        return frame
    }

    /// Notes that all frames that were taken have been sent.
    func settle() {
        if leaving > 0 { frames.forget(leaving) }
        leaving = 0
    }
}
