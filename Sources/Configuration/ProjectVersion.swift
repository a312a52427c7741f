/// The version of the project. All its programs share one version.
public enum ProjectVersion {
    /// The version in the changelog, with `-dev` until it is released.
    public static let text = "0.1.0-dev"
}
