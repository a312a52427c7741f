internal import Fuzzing
internal import PodVMBoot

/// A party that can write the VM's user data can choose any bytes for apf.json. They are read or refused. A document that was
/// read is the same after it is written and read again, and so is the network plan that it describes. No address of the plan is
/// IPv4-mapped.
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
                // Escapes make a text longer, so only a document near the limit may exceed the limit now.
                require(written.count > BootDocument.sizeLimit, "\(document) cannot be read again: \(error)")
            }
        }
    }

    private static func examine(_ network: PodNetworkDescription) {
        var document = BootDocument(podName: "", podNamespace: "")
        document.podNetwork = network
        for part in String(decoding: document.encoded, as: UTF8.self).split(separator: "\"::ffff:").dropFirst() {
            // Only a mapped address has its last four bytes written with dots.
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
