/// What to do about Entra ID's numbered errors (AADSTS…).
enum EntraAdvice {
    /// Nil for a number that we know nothing of.
    static func advice(on code: Int64) -> String? {
        switch code {
        case 7_000_215: "the client secret is wrong; give the secret's value, not its id (AZURE_CLIENT_SECRET)"
        case 7_000_222: "the client secret has expired; make a new one and set AZURE_CLIENT_SECRET"
        case 700_016: "the tenant knows no such application; check AZURE_CLIENT_ID and AZURE_TENANT_ID"
        case 90_002, 900_023: "there is no such tenant; check AZURE_TENANT_ID and AZURE_ENVIRONMENT"
        case 70_021, 700_211, 700_212, 700_213:
            "the application trusts no token like this one; its federated credential must name the cluster's issuer, "
                + "the service account and the audience api://AzureADTokenExchange"
        case 700_024:
            "the token file's token is outside its time; check that the kubelet renews it, and this host's clock"
        case 700_027: "the token's signature was refused; check the cluster's issuer URL and its keys"
        case 500_011, 70_011: "no such API in this cloud; check AZURE_ENVIRONMENT and the endpoints"
        case 53_003, 530_003: "a Conditional Access policy forbids it; ask the tenant's administrator"
        case 7_000_112: "the application is disabled in the tenant; ask the tenant's administrator"
        default: nil
        }
    }
}
