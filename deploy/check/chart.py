#!/usr/bin/env python3
"""Renders the chart with many values, and checks what comes out.

usage: chart.py HELM DIRECTORY

Writes each rendering to DIRECTORY/NAME.yaml, for the checks of other programs. The variable CHART names another
copy of the chart.
"""
import itertools, os, re, subprocess, sys, yaml

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CHART = os.environ.get("CHART", f"{ROOT}/deploy/charts/peerpods")
NAMESPACE, RELEASE = "confidential-containers-system", "one"
MONITORING = ["--api-versions", "monitoring.coreos.com/v1/PodMonitor", "--api-versions", "monitoring.coreos.com/v1/PrometheusRule"]
MUTATING = ["--api-versions", "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy"]
HELM, DIRECTORY = sys.argv[1:]
problems, renderings = [], 0

def helm(values, *options, release=RELEASE):
    command = [HELM, "template", release, CHART, "--namespace", NAMESPACE, "--include-crds"]
    for value in values: command += ["--values", value] if value.endswith(".yaml") else ["--set-json", value]
    return subprocess.run(command + list(options), capture_output=True, text=True)

def render(name, values, *options, **arguments):
    """The objects of a rendering, by kind and name."""
    global renderings
    renderings += 1
    result = helm(values, *options, **arguments)
    if result.returncode != 0:
        problems.append(f"{name}: {result.stderr.strip()}")
        return {}
    with open(f"{DIRECTORY}/{name}.yaml", "w", encoding="utf-8") as file: file.write(result.stdout)
    objects = {}
    for item in yaml.safe_load_all(result.stdout):
        if not item: continue
        key = (item["kind"], item["metadata"]["name"])
        if key in objects: problems.append(f"{name}: {key} occurs twice")
        objects[key] = item
    judge(name, objects, arguments.get("release", RELEASE))
    return objects

CLUSTER_WIDE = {"ClusterRole", "ClusterRoleBinding", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding",
                "MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding", "MutatingWebhookConfiguration"}

def judge(name, objects, release):
    """What holds for each rendering."""
    for (kind, title), item in objects.items():
        metadata = item["metadata"]
        if kind in CLUSTER_WIDE:
            if not title.startswith(release + "-"): problems.append(f"{name}: {kind} {title} has not the release's name")
        elif kind not in ("CustomResourceDefinition", "RuntimeClass") and metadata.get("namespace") != NAMESPACE:
            problems.append(f"{name}: {kind} {title} is not in the release's namespace")
        if kind != "CustomResourceDefinition" and metadata.get("labels", {}).get("app.kubernetes.io/instance") != release:
            problems.append(f"{name}: {kind} {title} has no label with the release")
        pod = item["spec"] if kind == "Pod" else item.get("spec", {}).get("template", {}).get("spec", {})
        volumes = {volume["name"] for volume in pod.get("volumes", [])}
        for container in pod.get("containers", []) + pod.get("initContainers", []):
            for mount in container.get("volumeMounts", []):
                if mount["name"] not in volumes: problems.append(f"{name}: {kind} {title} has no volume for the mount {mount['name']}")
        if kind == "ClusterRole":
            for rule in item["rules"]:
                wide = {"*", "delete", "deletecollection", "escalate", "bind", "impersonate"} & set(rule["verbs"])
                if wide: problems.append(f"{name}: ClusterRole {title} has {wide}")
                if "secrets" in rule.get("resources", []) and set(rule["verbs"]) != {"get"}:
                    problems.append(f"{name}: ClusterRole {title} reads more than single Secrets")
    adaptor = objects.get(("DaemonSet", "cloud-api-adaptor-daemonset"))
    if not adaptor: return problems.append(f"{name}: there is no DaemonSet of the adaptor")
    if adaptor["spec"]["selector"] != {"matchLabels": {"app": "cloud-api-adaptor"}}:
        problems.append(f"{name}: the selector differs from upstream's")
    container = adaptor["spec"]["template"]["spec"]["containers"][0]
    if "ports" in container: problems.append(f"{name}: a declared port prevents a surge")
    mounted = {mount["name"] for mount in container["volumeMounts"]}
    if mounted != {volume["name"] for volume in adaptor["spec"]["template"]["spec"]["volumes"]}:
        problems.append(f"{name}: volumes and mounts differ")
    needed = {source.get("name") for entry in container["envFrom"] for source in entry.values()}
    missing = {item for item in needed if ("ConfigMap", item) not in objects and ("Secret", item) not in objects} - EXISTING
    if missing: problems.append(f"{name}: the adaptor needs {missing}, which the chart does not create")

EXISTING = {"existing-secret"}

def require(condition, text):
    if not condition: problems.append(text)

def refuses(name, values, words, *options):
    global renderings
    renderings += 1
    result = helm(values, *options)
    require(result.returncode != 0 and words in result.stderr, f"{name}: not refused with '{words}': {result.stderr.strip()[:300]}")

azure, fake, upstream = f"{CHART}/values-azure.yaml", f"{CHART}/values-fake.yaml", f"{ROOT}/deploy/check/upstream-values.yaml"

# Each option by itself, and then pairs of those that change the same objects.
options = {
    "in-process": ['gateway.mode="inProcess"'],
    "no-pull-secrets": ["rbac.pullSecrets=false"],
    "no-node-policy": ["nodePolicy.enabled=false"],
    "sizing": ["sizingPolicy.enabled=true"],
    "runtime-class": ["runtimeClass.create=true", "runtimeClass.countsPodVM=true"],
    "trusted-ca": ['trustedCA.configMapName="trusted-ca"'],
    "proxy": ['proxy.httpsProxy="http://proxy:3128"', 'proxy.noProxy=".svc"'],
    "openshift": ["openshift.enabled=true"],
    "no-network-policy": ["networkPolicy.enabled=false"],
    "metrics": ["metrics.enabled=true"],
    "metrics-bare": ["metrics.enabled=true", "metrics.podMonitor.enabled=false", "metrics.alerts.enabled=false", "metrics.dashboard.enabled=false"],
    "no-controller": ["controller.enabled=false"],
    "one-controller": ["controller.replicas=1", 'controller.existingSecretName="existing-secret"', 'controller.orphanGraceTime="30m"',
                       'controller.priorityClassName="system-cluster-critical"', 'controller.tolerations=[{"operator":"Exists"}]'],
    "peer-pod-test": ["tests.peerPod.enabled=true", 'tests.peerPod.command=["true"]'],
    "privileged": ["daemonset.privileged=true"],
    "digest": ['image.digest="sha256:' + 64 * "0" + '"', 'image.pullSecrets=["registry"]'],
    "create-secrets": ['secrets.mode="create"'],
    "existing-secret": ['secrets.existingSecretName="existing-secret"'],
    "certificates": ['providerConfigs.azure.CACERT_FILE="/etc/certificates/ca.crt"', 'secrets.mode="create"', 'secrets.tlsCerts.caCert="x"'],
    "bare-pods": ['daemonset.nodeSelector=null', 'daemonset.tolerations=[]', 'daemonset.priorityClassName=""'],
}
for base, values in (("azure", azure), ("fake", fake), ("upstream", upstream)):
    render(base, [values])
for option, values in options.items(): render(f"azure-{option}", [azure] + values, *MONITORING, *MUTATING)
WEBHOOK = ["controller.webhook.enabled=true", "sizingPolicy.enabled=false"]
render("azure-webhook", [azure] + WEBHOOK, *MONITORING)
render("azure-webhook-openshift", [azure] + WEBHOOK + options["openshift"] + options["metrics"], *MONITORING)
for first, second in itertools.combinations(["in-process", "openshift", "metrics", "certificates", "trusted-ca"], 2):
    render(f"azure-{first}-{second}", [azure] + options[first] + options[second], *MONITORING, *MUTATING)
render("everything", [azure] + sum((values for name, values in options.items() if not name.startswith("no-")), [])
       + ["runtimeClass.countsPodVM=false"], *MONITORING, *MUTATING)
for other, more in (("sizingPolicy", MUTATING), ("controller.webhook", [])):
    refuses(f"{other}-counted-twice", [azure] + options["runtime-class"] + [f"{other}.enabled=true"], "count each pod twice", *more)

# What upstream documents is accepted, and reaches the adaptor.
with open(upstream, encoding="utf-8") as file: documented = yaml.safe_load(file)["providerConfigs"]["azure"]
data = render("upstream-keys", [upstream] + [f'providerConfigs.azure.{key}="probe-{key}"' for key in documented
                                             if key not in ("PROBE_PORT",)])[("ConfigMap", "peer-pods-cm")]["data"]
for key in documented: require(data.get(key) == f"probe-{key}", f"upstream's key {key} does not reach the ConfigMap")
require(data["CLOUD_PROVIDER"] == "azure", "CLOUD_PROVIDER does not reach the ConfigMap")
data = render("upstream-empty", [upstream, 'providerConfigs.azure.PEERPODS_LIMIT_PER_NODE=""', 'limit="7"', 'tlsProfile.minVersion="VersionTLS13"'])[
    ("ConfigMap", "peer-pods-cm")]["data"]
require(data["PEERPODS_LIMIT_PER_NODE"] == "7", "the value limit does not reach the ConfigMap")
require(data["TLS_MIN_VERSION"] == "VersionTLS13", "the value tlsProfile does not reach the ConfigMap")

# Two releases share no cluster-wide object.
first, second = render("release-one", [azure]), render("release-two", [azure], release="two")
shared = {key for key in first if key in second and key[0] in CLUSTER_WIDE}
require(not shared, f"two releases share {shared}")

# The controller needs no privilege, and only what its parts need.
whole = render("controller", [azure] + WEBHOOK + ["metrics.enabled=true"], *MONITORING)
deployment = whole[("Deployment", "one-controller")]["spec"]
pod = deployment["template"]["spec"]
container = pod["containers"][0]
require(deployment["replicas"] == 2 and pod["serviceAccountName"] == "one-controller", "the controller has not two replicas and its own identity")
require(pod["securityContext"]["runAsNonRoot"] and container["securityContext"] == {
    "allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": True}, "the controller has privileges")
require(not {"hostNetwork", "hostPID", "hostIPC", "volumes"} & set(pod), "the controller uses its node")
require(all(deployment["template"]["metadata"]["labels"].get(key) == value for key, value in deployment["selector"]["matchLabels"].items()),
        "the controller's selector does not match")
rules = whole[("ClusterRole", "one-controller")]["rules"]
require({(item, verb) for rule in rules for item in rule["resources"] for verb in rule["verbs"]} == {
    (item, verb) for item in ("nodes", "namespaces", "pods") for verb in ("get", "list")} | {
    ("peerpods", verb) for verb in ("get", "list", "patch")} | {("mutatingwebhookconfigurations", verb) for verb in ("get", "patch")},
        "the controller's rights have changed")
require(all("resourceNames" in rule for rule in whole[("Role", "one-controller")]["rules"] if rule["verbs"] != ["create"]), "a Role without names")
webhook = whole[("MutatingWebhookConfiguration", "one-controller")]["webhooks"][0]
service = whole[("Service", "one-controller-webhook")]["spec"]
require(webhook["clientConfig"]["service"] == {"name": "one-controller-webhook", "namespace": NAMESPACE, "path": "/mutate-v1-pod"}
        and service["selector"] == deployment["selector"]["matchLabels"], "the webhook's Service is not the controller's")
require(webhook["failurePolicy"] == "Fail" and "kata-remote" in webhook["matchConditions"][0]["expression"]
        and set(webhook["namespaceSelector"]["matchExpressions"][0]["values"]) == {"kube-system", NAMESPACE}, "the webhook stops other pods")
require(("Secret", "one-controller-webhook") in whole and "data" not in whole[("Secret", "one-controller-webhook")], "an upgrade would replace the certificates")
without = render("controller-without-webhook", [azure])
require(not any(key[0] in ("MutatingWebhookConfiguration", "Service") for key in without), "a webhook that is off")
require("secrets" not in str(without[("Role", "one-controller")]) and "mutating" not in str(without[("ClusterRole", "one-controller")]), "rights of a webhook that is off")
require(("PodDisruptionBudget", "one-controller") not in render("controller-one", [azure, "controller.replicas=1"]), "a budget for one replica")
require(("Deployment", "one-controller") not in render("controller-fake", [fake]), "a controller with the fake Azure")

# Optional parts are there when they are wanted, and only then.
plain, whole = render("azure-plain", [azure]), render("azure-whole", [azure, "metrics.enabled=true"], *MONITORING)
for key in (("PodMonitor", "one-cloud-api-adaptor"), ("PrometheusRule", "one-cloud-api-adaptor"), ("ConfigMap", "one-dashboard")):
    require(key in whole and key not in plain, f"{key} does not follow metrics.enabled")
require(("PodMonitor", "one-cloud-api-adaptor") not in render("no-operator", [azure, "metrics.enabled=true"]), "a PodMonitor without its operator")
require("RUNBOOK" not in str(whole), "a runbook link was not replaced")
environment = plain[("DaemonSet", "cloud-api-adaptor-daemonset")]["spec"]["template"]["spec"]["containers"][0]["env"]
require({"GATEWAY", "NODE_NAME", "POD_UID", "POD_NAMESPACE"} <= {entry["name"] for entry in environment}, "variables of the adaptor are missing")
require(("DaemonSet", "cloud-api-adaptor-gateway") in plain, "there is no gateway")
inside = render("in-process", [azure, 'gateway.mode="inProcess"'])
require(("DaemonSet", "cloud-api-adaptor-gateway") not in inside, "a gateway beside the one in the process")
require("GATEWAY" not in str(inside[("DaemonSet", "cloud-api-adaptor-daemonset")]), "GATEWAY is set with the gateway in the process")

# The fake Azure runs on nodes without labels, in pods of its own, whose VMs are not limited. The adaptor has no more rights than beside
# the real Azure.
simulated = render("simulated", [fake])
adaptor = simulated[("DaemonSet", "cloud-api-adaptor-daemonset")]["spec"]["template"]["spec"]
require(adaptor["nodeSelector"] == {"kubernetes.io/os": "linux"}, f"the fake's node selector is {adaptor['nodeSelector']}")
cloud = simulated[("DaemonSet", "one-fake-azure")]["spec"]["template"]["spec"]
require(cloud["nodeSelector"] == adaptor["nodeSelector"], f"the fake Azure's node selector is {cloud['nodeSelector']}")
require("limits" not in cloud["containers"][0]["resources"], "the fake's VMs have a limit")
require(cloud["containers"][0]["securityContext"] == {"privileged": True}, "the fake Azure is not privileged")
real = plain[("DaemonSet", "cloud-api-adaptor-daemonset")]["spec"]["template"]["spec"]
require(adaptor["containers"][0]["securityContext"] == real["containers"][0]["securityContext"], "the adaptor has other rights beside the fake")
require(not [key for key in simulated[("ConfigMap", "peer-pods-cm")]["data"] if key.startswith("FAKE_")], "the adaptor would start a fake of its own")
require(("DaemonSet", "one-fake-azure") not in plain, "a fake Azure beside the real one")
paths = [{volume["name"]: volume["hostPath"]["path"] for volume in pod["volumes"]}["fake-azure"] for pod in (adaptor, cloud)]
require(paths[0] == paths[1], f"the adaptor looks for the fake Azure in {paths}")
require("scheduling" not in simulated[("RuntimeClass", "kata-remote")], "the fake's RuntimeClass selects nodes")
test = simulated[("Pod", "one-test-adaptor")]["spec"]
require(test["nodeSelector"] == adaptor["nodeSelector"] and "run" in test["containers"][0]["command"], "the fake's test does not run a pod beside an adaptor")
# A fake whose VMs have interfaces refuses a pod without a network, as Azure's adaptor does. The test makes one on the node.
def has_network(test):
    tester = test["containers"][0]
    mounts = {mount["mountPath"]: mount.get("mountPropagation") for mount in tester["volumeMounts"]}
    return ("-network" in tester["command"] and test.get("hostNetwork") and tester["securityContext"] == {"privileged": True}
            and mounts.get("/run/netns") == "Bidirectional")
require(has_network(test), "the fake's test starts a pod without a network, which the adaptor refuses")
loopback = render("simulated-loopback", [fake, 'providerConfigs={"azure": {"FAKE_CLOUD": "true", "FAKE_NETWORK": "loopback"}}'])
loopback = loopback[("Pod", "one-test-adaptor")]["spec"]
require(not has_network(loopback) and "privileged" not in loopback["containers"][0]["securityContext"], "the test of a fake without networks has the node's rights")

# Errors that the schema or the chart finds.
refuses("typing error in a value", [azure, "gatway.mode=1"], "gatway")
refuses("typing error in a key", [azure, 'providerConfigs.azure.AZURE_REGIO="x"'], "AZURE_REGIO")
refuses("secret in the ConfigMap", [azure, 'providerConfigs.azure.AZURE_CLIENT_SECRET="x"'], "AZURE_CLIENT_SECRET")
refuses("another provider", [azure, 'provider="libvirt"'], "provider")
refuses("no account", [], "providerConfigs.azure.AZURE_SUBSCRIPTION_ID is not set")
refuses("an account without an image", [azure, 'providerConfigs.azure.AZURE_IMAGE_ID=""'], "AZURE_IMAGE_ID is not set")
refuses("webhook and policy", [azure, "controller.webhook.enabled=true", "sizingPolicy.enabled=true"], "do the same", *MUTATING)
refuses("a grace time that is not a duration", [azure, 'controller.orphanGraceTime="soon"'], "orphanGraceTime")
refuses("an older cluster", [azure, "sizingPolicy.enabled=true"], "MutatingAdmissionPolicy")

for problem in problems: print(f"error: {problem}")
print(f"{renderings} renderings: checked, {len(problems)} errors")
sys.exit(1 if problems else 0)
