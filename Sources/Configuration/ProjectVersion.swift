/// Which version of the project this is; its programs share one.
public enum ProjectVersion {
    /// As in the changelog; `-dev` until it is released.
    public static let text = "0.1.0-dev"
}
