/// The policy of kata's agent, for guests whose initdata has none.
public enum AgentPolicy {
    /// Denies every request: the agent permits a request only if a rule of the policy is true for it.
    public static let denyAll = """
        # The initdata has no policy.rego, so the agent permits no request.
        package agent_policy

        default AllowRequestsFailingPolicy := false

        """
}
