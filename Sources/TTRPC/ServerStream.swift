public final class ServerStream: Sendable {}
