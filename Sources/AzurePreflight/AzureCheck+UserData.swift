internal import AzureProvider
internal import Preflight

extension AzureCheck {
    /// The most bytes of a VM's user data: 64 KiB in base64, which is three quarters of that.
    private static let budget = 48 << 10
    /// The boot document with keys and a pod's network, rounded up generously.
    private static let document = 8 << 10
    /// The most bytes of image registries' credentials (auth.json).
    private static let credentials = 12 << 10

    var userData: [Finding] {
        let room = Self.budget - Self.document - situation.initdataSize
        let text = "\(situation.initdataSize) bytes of initdata for every pod"
        if room >= Self.credentials {
            return [
                Finding("user data", .ok, "\(text); \(room) bytes are left for a pod's own initdata or credentials")
            ]
        }
        let advice = "make -initdata (INITDATA) smaller: all of a pod VM's user data is at most 64 KiB in base64"
        if room < 0 {
            return [Finding("user data", .failed, "\(text) leave no room for anything else", advice: advice)]
        }
        return [
            Finding(
                "user data", .warning, "\(text) leave \(room) bytes, too few for much of registries' credentials",
                advice: advice)
        ]
    }
}
