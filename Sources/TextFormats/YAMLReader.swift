internal import CYAML

/// Reads YAML as libyaml's stream of events, so the caller keeps only the values that it needs.
///
/// Aliases, anchors and tags are refused. Cloud-config needs none, and with them a short text can grow without limit.
/// It is safe, because only this file uses the pointers and calls `yaml_` functions. The owner frees the parser and its
/// text together.
@safe package struct YAMLReader: ~Copyable {
    /// One event of a document.
    package enum Event: Equatable {
        case streamStart, streamEnd, documentStart, documentEnd
        case mappingStart, mappingEnd, sequenceStart, sequenceEnd
        /// Text. `isPlain` means without quotes or `|`, so the value may be something other than text.
        case scalar(String, isPlain: Bool)
    }

    private let parser: UnsafeMutablePointer<yaml_parser_t>
    private let text: UnsafeMutableBufferPointer<UInt8>
    /// The line of the last event, from 1.
    package private(set) var line = 1

    /// A reader of `bytes`.
    package init(_ bytes: [UInt8]) {
        // The parser keeps a pointer to its input, so the input must not move.
        unsafe text = .allocate(capacity: max(1, bytes.count))
        _ = unsafe text.initialize(from: bytes)
        unsafe parser = .allocate(capacity: 1)
        unsafe parser.initialize(to: yaml_parser_t())
        let isReady = unsafe yaml_parser_initialize(parser)
        precondition(isReady == 1, "libyaml is out of memory")
        unsafe yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
        unsafe yaml_parser_set_input_string(parser, text.baseAddress, bytes.count)
    }

    deinit {
        unsafe yaml_parser_delete(parser)
        unsafe parser.deallocate()
        unsafe text.deallocate()
    }

    /// The next event. A caller must not call it after `streamEnd`.
    package mutating func next() throws(TextFormatError) -> Event {
        var event = unsafe yaml_event_t()
        guard unsafe yaml_parser_parse(parser, &event) == 1 else {
            let problem = unsafe parser.pointee.problem.map { unsafe String(cString: $0) } ?? "it cannot be read"
            throw unsafe TextFormatError(
                line: Int(parser.pointee.problem_mark.line) + 1, reason: problem)
        }
        defer { unsafe yaml_event_delete(&event) }
        unsafe line = Int(event.start_mark.line) + 1
        switch unsafe event.type {
        case YAML_STREAM_START_EVENT: return .streamStart
        case YAML_STREAM_END_EVENT: return .streamEnd
        case YAML_DOCUMENT_START_EVENT: return .documentStart
        case YAML_DOCUMENT_END_EVENT: return .documentEnd
        case YAML_MAPPING_START_EVENT:
            try refuse(unsafe event.data.mapping_start.anchor != nil || event.data.mapping_start.tag != nil)
            return .mappingStart
        case YAML_MAPPING_END_EVENT: return .mappingEnd
        case YAML_SEQUENCE_START_EVENT:
            try refuse(unsafe event.data.sequence_start.anchor != nil || event.data.sequence_start.tag != nil)
            return .sequenceStart
        case YAML_SEQUENCE_END_EVENT: return .sequenceEnd
        case YAML_SCALAR_EVENT:
            let scalar = unsafe event.data.scalar
            try refuse(unsafe scalar.anchor != nil || scalar.tag != nil)
            let bytes = unsafe UnsafeBufferPointer(start: scalar.value, count: scalar.length)
            return unsafe .scalar(
                String(decoding: bytes, as: UTF8.self), isPlain: scalar.style == YAML_PLAIN_SCALAR_STYLE)
        default:
            try refuse(true)
            return .streamEnd
        }
    }

    private func refuse(_ isUsed: Bool) throws(TextFormatError) {
        if isUsed { throw TextFormatError(line: line, reason: "aliases, anchors and tags are not allowed") }
    }
}
