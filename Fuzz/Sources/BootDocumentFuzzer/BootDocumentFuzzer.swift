internal import Fuzzing
internal import PodVMBoot

/// apf.json comes from whoever can write the VM's user data: any bytes are read or refused,
/// and what was read means the same when it is written and read again. So does a network that can be made of it.
/// No address of it is IPv4-mapped.
@main
struct BootDocumentFuzzer {
    static func main() {
        Fuzzer.run { input in
            guard let document = try? BootDocument(parsing: input) else { return }
            if let network = document.podNetwork { examine(network) }
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

    private static func examine(_ network: PodNetworkDescription) {
        var document = BootDocument(podName: "", podNamespace: "")
        document.podNetwork = network
        for part in String(decoding: document.encoded, as: UTF8.self).split(separator: "\"::ffff:").dropFirst() {
            // Only of a mapped one are the last four bytes written with dots.
            require(!part.prefix(4).contains("."), "\(network) has an IPv4-mapped address")
        }
        guard let plan = try? network.plan() else { return }
        let described = PodNetworkDescription(
            plan, node: network.nodeAddress, index: network.index, isDedicated: network.isDedicated)
        do {
            let again = PodNetworkDescription(
                try described.plan(), node: network.nodeAddress, index: network.index,
                isDedicated: network.isDedicated)
            require(again == described, "\(described) became \(again)")
        } catch {
            require(false, "\(described) cannot be planned again: \(error)")
        }
    }
}
