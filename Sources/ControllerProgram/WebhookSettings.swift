internal import Configuration
internal import LinuxIO

/// The settings of the controller's webhook.
struct WebhookSettings: Sendable {
    var isEnabled = false
    var listen = "0.0.0.0:9443"
    var service = "cloud-api-adaptor-webhook"
    var secret = "cloud-api-adaptor-webhook"
    var configuration = "cloud-api-adaptor-webhook"
    var runtimeClass = "kata-remote"
    var extendedResource = "kata.peerpods.io/vm"

    static let settings: [Setting<WebhookSettings>] = [
        Setting(
            "webhook", environment: "CONTROLLER_WEBHOOK", \.isEnabled, .bool,
            """
            Serve the mutation of pods to the API server: the sums of CPU, memory and GPUs go to annotations, containers have \
            no resources, and the first one requests the extended resource. API servers since 1.36 need no webhook for it.
            """),
        Setting(
            "webhook-listen", environment: "CONTROLLER_WEBHOOK_LISTEN", \.listen, .string("ADDRESS:PORT"),
            "The address of the webhook, with TLS."),
        Setting(
            "webhook-service", environment: "CONTROLLER_WEBHOOK_SERVICE", \.service, .string("NAME"),
            "The Service by which the API server calls the webhook. The certificate has its name."),
        Setting(
            "webhook-secret", environment: "CONTROLLER_WEBHOOK_SECRET", \.secret, .string("NAME"),
            "The Secret in which the leader keeps the certificates, for all replicas. It must exist, and may be empty."),
        Setting(
            "webhook-configuration", environment: "CONTROLLER_WEBHOOK_CONFIGURATION", \.configuration, .string("NAME"),
            "The MutatingWebhookConfiguration to which the leader writes the authority of the certificate."),
        Setting(
            "webhook-runtime-class", environment: "CONTROLLER_WEBHOOK_RUNTIME_CLASS", \.runtimeClass, .string("NAME"),
            "The RuntimeClass of the pods that are changed."),
        Setting(
            "webhook-extended-resource", environment: "CONTROLLER_WEBHOOK_EXTENDED_RESOURCE", \.extendedResource,
            .string("NAME"), "The extended resource that counts pod VMs."),
    ]

    /// The problems that keep the webhook from starting, a sentence each.
    var problems: [String] {
        guard isEnabled else { return [] }
        do throws(AddressError) {
            _ = try SocketAddress(parsing: listen)
            return []
        } catch {
            return ["-webhook-listen: \(error)"]
        }
    }
}
