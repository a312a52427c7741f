/// The measurement of the initdata in a guest: PCR 8 has its digest, and nothing else.
public enum InitdataMeasurement {
    /// Extends PCR 8 with the digest, and checks that the TPM did so. Returns the value, which a verifier compares.
    ///
    /// - Throws: ``TPMError`` when PCR 8 is not zero before, when it has another value afterwards than the computed
    ///   one, or when a command fails; `TLSError` from OpenSSL.
    public static func extend(_ tpm: some TPMTransport, withDigest digest: [UInt8]) throws -> PCRValue {
        try checkUntouched(tpm)
        let event = BootMeasurements.event(ofInitdataDigest: digest)
        try TPMCommand.checkExtended(
            try tpm.answer(to: TPMCommand.extend(register: BootMeasurements.initdataRegister, with: event)))
        let (value, expected) = (try read(tpm), try BootMeasurements.pcr8(initdataDigest: digest))
        guard value == expected else {
            throw TPMError("PCR_Read", "PCR 8 is \(value) after the extension, and not \(expected)")
        }
        return value
    }

    /// Checks that PCR 8 is zero: no other program of this boot has used it.
    ///
    /// - Throws: ``TPMError``.
    public static func checkUntouched(_ tpm: some TPMTransport) throws(TPMError) {
        let value = try read(tpm)
        guard value == .zero else {
            throw TPMError(
                "PCR_Read", "PCR 8 is \(value) before the measurement, and not zero: another program has extended it")
        }
    }

    private static func read(_ tpm: some TPMTransport) throws(TPMError) -> PCRValue {
        let register = BootMeasurements.initdataRegister
        return try TPMCommand.value(of: register, in: try tpm.answer(to: TPMCommand.read(register: register)))
    }
}
