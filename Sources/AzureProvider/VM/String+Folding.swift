extension String {
    /// For comparing what Azure writes as it pleases: `East US`, `eastus`.
    package var folded: String { lowercased().filter { $0 != " " } }
}
