internal import Fuzzing
internal import PodVMBoot

/// Packed initdata is unpacked within its limit or refused. The measured text stays the same byte for byte.
@main
struct InitdataFuzzer {
    static func main() {
        Fuzzer.run { input in
            if let unpacked = try? Initdata(packed: String(decoding: input, as: UTF8.self)) { examine(unpacked) }
            if let initdata = try? Initdata(text: input) { examine(initdata) }
        }
    }

    private static func examine(_ initdata: Initdata) {
        require(initdata.text.count <= Initdata.sizeLimit)
        if let content = try? InitdataContent(initdata) {
            require([32, 48, 64].contains((try? content.digest().count) ?? 0))
        }
        require(
            (try? Initdata(packed: initdata.packed)) == initdata,
            "\(initdata.text.count) bytes are not the same after packing")
    }
}
