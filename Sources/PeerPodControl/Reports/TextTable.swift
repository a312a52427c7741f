internal import Telemetry

/// Rows of text in aligned columns, two spaces apart.
struct TextTable: Sendable {
    enum Alignment: Sendable { case left, right }

    private let alignments: [Alignment]
    private var rows: [[String]]

    /// A table with these headings; columns without an alignment are aligned left.
    init(_ headings: [String], aligned alignments: [Alignment] = []) {
        rows = [headings]
        self.alignments = alignments + Array(repeating: .left, count: max(0, headings.count - alignments.count))
    }

    /// Adds a row with as many cells as there are headings.
    mutating func add(_ cells: [String]) {
        precondition(cells.count == alignments.count, "\(cells.count) cells for \(alignments.count) columns")
        // A control character in a name would break the table or change the terminal's state.
        rows.append(cells.map { $0.printable() })
    }

    /// One line for the headings and one line for each row, without trailing spaces.
    var lines: [String] {
        let widths = alignments.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            var line = ""
            for (column, cell) in row.enumerated() {
                let padding = String(repeating: " ", count: widths[column] - cell.count)
                line += (column == 0 ? "" : "  ") + (alignments[column] == .left ? cell + padding : padding + cell)
            }
            return String(line.reversed().drop { $0 == " " }.reversed())
        }
    }
}
