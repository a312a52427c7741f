internal import MeasuredBoot
internal import PodVMBoot

/// The TPM that measures the initdata, as the image's setting names it.
enum GuestTPM: Equatable, Sendable {
    /// The kernel's device, or a software TPM's socket.
    case device(String)
    /// The guest has none by the image's decision: the initdata is not measured.
    case none

    /// The word of the setting for ``none``.
    static let noneWord = "none"

    /// Reads the setting.
    init(_ text: String) { self = text == Self.noneWord ? .none : .device(text) }

    /// Measures the initdata with that digest; without a digest, checks that nothing is measured. Calls `tell` with what
    /// was done.
    ///
    /// - Throws: ``BootError``: the guest must not start the pod.
    func measure(_ digest: [UInt8]?, tell: (String) -> Void) throws {
        guard case .device(let path) = self else {
            if digest != nil { tell("warning: the initdata is not measured: this VM has no TPM (-tpm none)") }
            return
        }
        do {
            let tpm = try TPMDevice(path)
            if let digest {
                tell("PCR 8 of the TPM has the initdata: \(try InitdataMeasurement.extend(tpm, withDigest: digest))")
            } else {
                try InitdataMeasurement.checkUntouched(tpm)
                tell("there is no initdata: PCR 8 of the TPM is zero")
            }
        } catch {
            throw BootError(
                .inputOutput, "measurement", "\(error)",
                advice: "check that the VM was made with a virtual TPM (a confidential VM has one), and restart it")
        }
    }
}
