internal import Fuzzing
internal import PodVMBoot

/// apf.json comes from whoever can write the VM's user data: any bytes are read or refused,
/// and what was read means the same when it is written and read again.
@main
struct BootDocumentFuzzer {
    static func main() {
        Fuzzer.run { input in
            guard let document = try? BootDocument(parsing: input) else { return }
            let written = document.encoded
            do {
                let again = try BootDocument(parsing: written)
                require(again == document, "\(document) became \(again)")
            } catch {
                // Escapes make a text longer: only what was near the limit may be past it now.
                require(written.count > BootDocument.sizeLimit, "\(document) cannot be read again: \(error)")
            }
        }
    }
}
