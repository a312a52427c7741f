internal import Configuration
internal import Kubernetes
internal import LinuxIO

/// The flags that name the API server: those of kubectl, as far as peerpodctl supports them.
struct ClusterOptions: Sendable {
    var kubeconfig = ""
    var context = ""
    var tokenFile = ""

    static let settings: [Setting<ClusterOptions>] = [
        Setting(
            "kubeconfig", \.kubeconfig, .path,
            """
            The file that names the API server and the credential: a token, a token file or a client certificate. Without \
            it: the file of KUBECONFIG, the ServiceAccount of this pod, or ~/.kube/config.
            """),
        Setting("context", \.context, .string("NAME"), "The context of the kubeconfig, instead of the current one."),
        Setting(
            "token-file", \.tokenFile, .path,
            "The file with the token that replaces the kubeconfig's credential, for example one that needs a program."),
    ]

    /// Whether a flag or KUBECONFIG names a kubeconfig.
    func namesKubeconfig(_ environment: [String: String]) -> Bool {
        !kubeconfig.isEmpty || !context.isEmpty || !(environment["KUBECONFIG"] ?? "").isEmpty
    }

    /// The access to the API server.
    ///
    /// - Throws: `ConfigurationError` with what is missing and what to do.
    func access(_ environment: [String: String]) throws(ConfigurationError) -> ClusterAccess {
        if !namesKubeconfig(environment), let host = environment["KUBERNETES_SERVICE_HOST"], !host.isEmpty {
            do throws(ClusterAccess.Missing) {
                return try ClusterAccess(environment: environment)
            } catch {
                throw ConfigurationError("\(error)")
            }
        }
        guard let path = Kubeconfig.path(named: kubeconfig, environment: environment) else {
            throw ConfigurationError(
                "there is no kubeconfig, and this process does not run in a pod: name a kubeconfig with -kubeconfig")
        }
        do throws(Kubeconfig.Unusable) {
            return try Kubeconfig(path, context: context, tokenFile: tokenFile).access
        } catch {
            throw ConfigurationError("\(error)")
        }
    }
}
