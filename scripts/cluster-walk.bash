# scripts/cluster sources this file. It has the steps of the walk, which use kubectl, helm and the programs of our images only.

namespace=confidential-containers-system
chart=$directory/chart
kept_values=(--values "$chart/values-fake.yaml" --set nodePolicy.enabled=false)

# check NAME COMMAND...: a step of the walk, with its output in a log. Unlike "step", it keeps "set -e", because the steps have many
# commands: the first one that fails ends the walk, and report_failure shows the end of the log.
current='' log=''
exec {terminal}>&1
check() {
    local begun
    begun=$(now) current=$1
    log=$logs/cluster-$(tr -cs 'A-Za-z0-9' '-' <<<"${1,,}" | sed 's/-$//').log
    shift
    mkdir -p "$logs"
    say "▸ $current ..."
    "$@" </dev/null >"$log" 2>&1
    say "${green}✓${plain} $current ${dim}$(seconds_since "$begun")${plain}"
    current=''
}

report_failure() {
    [[ -n $current ]] || return 0
    {
        say "${red}✗ $current${plain}"
        tail -n 30 "$log" | cut -c1-600 | sed 's/^/    /'
        say "    ${dim}the whole log: $log${plain}"
    } >&"$terminal"
}

in_adaptors_namespace() { kubectl --namespace "$namespace" "$@"; }

# The pod on a node that plays kata's shim there.
shim_of() { kubectl --namespace kube-system get pods --selector app=shim --field-selector "spec.nodeName=$1" -o name; }
shim() { kubectl --namespace kube-system exec "$(shim_of "$1")" -- "${@:2}"; }

# adapt_chart: a copy of the chart for the old API server: no constraint of the version, the older PodDisruptionBudget, and none of the
# fields that came later (the webhook's matchConditions, the DaemonSet's maxSurge).
adapt_chart() {
    cp -r "$root/deploy/charts/peerpods" "$chart"
    sed -i '/^kubeVersion/d' "$chart/Chart.yaml"
    sed -i -e 's#^apiVersion: policy/v1$#apiVersion: policy/v1beta1#' -e '/^    matchConditions:/,+2d' "$chart/templates/controller.yaml"
    sed -i -e '/maxSurge:/d' -e 's/maxUnavailable: .*/maxUnavailable: 1/' "$chart/templates/daemonset.yaml"
}

# validate: all renderings of the chart, as the API server checks them. The kinds that it does not have are counted.
validate() {
    local rendered=$directory/rendered file errors status=0 later='no matches for kind "(Validating|Mutating)AdmissionPolicy(Binding)?"|no matches for kind "(PodMonitor|PrometheusRule)"'
    mkdir "$rendered"
    # chart.py judges the chart too, and ends at the first field that the copy does not have; the renderings until then count.
    CHART=$chart "$manifest_tools/bin/python" deploy/check/chart.py "$kubernetes_tools/helm" "$rendered" >"$rendered/judgement" || true
    for file in "$rendered"/*.yaml; do
        errors=$(kubectl apply --dry-run=server --filename "$file" 2>&1 >/dev/null | grep -vE "$later|ensure CRDs are installed first|^Warning" || true)
        [[ -z $errors ]] || { say "error: $(basename "$file"): $errors" && status=1; }
    done
    say "$(find "$rendered" -name '*.yaml' | wc -l) renderings checked"
    return "$status"
}

adaptors_ready() { in_adaptors_namespace rollout status daemonset/cloud-api-adaptor-daemonset --timeout 120s; }
advertised() { [[ $(kubectl get nodes -o 'jsonpath={.items[*].status.allocatable.kata\.peerpods\.io/vm}') == "$1" ]]; }

install() {
    kubectl create namespace "$namespace"
    # Labels that newer servers set themselves.
    kubectl label namespace "$namespace" "kubernetes.io/metadata.name=$namespace" pod-security.kubernetes.io/enforce=privileged
    kubectl label namespace kube-system kubernetes.io/metadata.name=kube-system
    helm install peerpods "$chart" --namespace "$namespace" "${kept_values[@]}"
    kubectl apply --filename - <<YAML
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: shim, namespace: kube-system}
spec:
  selector: {matchLabels: {app: shim}}
  template:
    metadata: {labels: {app: shim}}
    spec:
      hostNetwork: true
      terminationGracePeriodSeconds: 1
      tolerations: [{operator: Exists}]
      containers:
        - name: shim
          image: registry.example.com/peerpods/cloud-api-adaptor-debug:$(project_version)
          command: [busybox, sleep, "2147483647"]
          securityContext: {privileged: true}
          volumeMounts:
            - {name: peerpod, mountPath: /run/peerpod}
            - {name: netns, mountPath: /run/netns, mountPropagation: Bidirectional}
      volumes:
        - {name: peerpod, hostPath: {path: /run/peerpod, type: DirectoryOrCreate}}
        - {name: netns, hostPath: {path: /run/netns, type: DirectoryOrCreate}}
YAML
    adaptors_ready && kubectl --namespace kube-system rollout status daemonset/shim --timeout 120s
    await "The nodes' resource" advertised "10 10"
}

test_installation() {
    helm test peerpods --namespace "$namespace"
    # The pod is the owner of its PeerPod, which has no finalizer any more.
    in_adaptors_namespace delete pod peerpods-test-adaptor
    await "The PeerPod's end" peer_pods 0
}

# make_pod NAMESPACE NAME NODE [RESOURCES]
make_pod() {
    kubectl apply --filename - <<YAML
apiVersion: v1
kind: Pod
metadata: {name: $2, namespace: $1}
spec:
  runtimeClassName: kata-remote
  nodeName: $3
  terminationGracePeriodSeconds: 1
  containers: [{name: main, image: "$pause_image", resources: {limits: {${4:-}}}}]
YAML
    kubectl --namespace "$1" wait --for condition=Ready "pod/$2" --timeout 60s
}

# run_pod NAMESPACE NAME NODE SECONDS: the shim's calls for a pod that exists, in the background.
run_pod() {
    kubectl --namespace kube-system exec "$(shim_of "$3")" -- peerpodctl run -network -report none -namespace "$1" -name "$2" -- \
        sh -c "echo the pod runs; sleep $4" >"$directory/pod-$2.log" 2>&1 &
    pod=$!
    await "The VM of $1/$2" has_event "$1" "$2" PodVMReady
}
has_event() { kubectl --namespace "$1" get events --field-selector "involvedObject.name=$2,reason=$3" -o name | grep -q .; }
peer_pods() { [[ $(kubectl get peerpods --all-namespaces -o name | wc -l) == "$1" ]]; }
held_peer_pod() {
    [[ $(kubectl --namespace default get peerpods -o 'jsonpath={.items[0].metadata.deletionTimestamp}{" "}{.items[0].metadata.finalizers[0]}') == 20*' peer.pod/finalizer' ]]
}
no_pod() { ! kubectl --namespace "$1" get pod "$2"; }

a_pods_life() {
    make_pod default web node-1 'cpu: "1", memory: 1Gi'
    run_pod default web node-1 25
    peer_pods 1
    # The pod goes while its VM runs: the garbage collector marks the PeerPod, whose finalizer holds it until the VM does not exist.
    kubectl delete pod web --wait=false
    await "The pod's end" no_pod default web
    await "The mark of the garbage collector" held_peer_pod
    wait "$pod"
    await "The event of the deletion" has_event default web PodVMDeleted
    await "The PeerPod's end" peer_pods 0
    kubectl get events --field-selector involvedObject.name=web
    ! kubectl get events --field-selector involvedObject.name=web,type=Warning -o name | grep .
}

a_pod_survives_the_roll_out() {
    local gateways
    make_pod default stays node-1
    run_pod default stays node-1 45
    gateways=$(in_adaptors_namespace get pods --selector app=cloud-api-adaptor-gateway -o name | sort)
    in_adaptors_namespace rollout restart daemonset/cloud-api-adaptor-daemonset
    adaptors_ready
    await "The nodes' resource" advertised "10 10"
    [[ $(in_adaptors_namespace get pods --selector app=cloud-api-adaptor-gateway -o name | sort) == "$gateways" ]]
    wait "$pod"
    grep 'the pod runs' "$directory/pod-stays.log"
    kubectl delete pod stays
    await "The PeerPod's end" peer_pods 0
}

a_refused_pod() {
    make_pod default huge node-2
    if shim node-2 peerpodctl run -network -report none -name huge \
        -annotation io.katacontainers.config.hypervisor.machine_type=Standard_Unknown -- true; then
        die "The pod started, but its size does not exist."
    fi
    await "The Warning" has_event default huge PodVMNotStarted
    kubectl get events --field-selector involvedObject.name=huge,type=Warning
    kubectl delete pod huge
    await "The PeerPod's end" peer_pods 0
}

# The controller, with the webhook, for the fake Azure of node-1. The chart does not install a controller with the fake, whose VMs are
# processes of their nodes; a second container passes the controller's requests on to node-1.
install_controller() {
    local fake address
    fake=$(in_adaptors_namespace get pods --selector app.kubernetes.io/component=fake-azure --field-selector spec.nodeName=node-1 -o name)
    in_adaptors_namespace exec "$fake" -- busybox cat /run/peerpod-fake/azure.env >"$directory/azure.env"
    address=$(sed -n 's#^AZURE_MANAGEMENT_ENDPOINT=http://##p' "$directory/azure.env")
    launch forward nsenter -t "${node_process[node-1]}" --net -- busybox nc -ll -p 8081 -e busybox nc "${address%:*}" "${address#*:}"
    # The variables with the account's own names are the chart's values; the others are set in the pods.
    { printf 'providerConfigs:\n  azure:\n' && sed -n -E 's/^(AZURE_(SUBSCRIPTION_ID|REGION|RESOURCE_GROUP|SUBNET_ID|IMAGE_ID))=(.*)/    \1: "\3"/p' "$directory/azure.env"; } >"$directory/azure.yaml"
    helm template peerpods "$chart" --namespace "$namespace" --values "$directory/azure.yaml" --set nodePolicy.enabled=false \
        --set secrets.mode=reference --set controller.webhook.enabled=true --show-only templates/controller.yaml >"$directory/controller.yaml"
    sed -i 's#http://[0-9.:]*#http://127.0.0.1:8081#' "$directory/azure.env"
    printf 'ORPHAN_GRACE_TIME=20s\nCONTROLLER_SWEEP_INTERVAL=5s\n' >>"$directory/azure.env"
    python3 - "$directory" "$(project_version)" <<'PYTHON'
import sys, yaml

directory, version = sys.argv[1:]
variables = [dict(zip(("name", "value"), line.strip().split("=", 1))) for line in open(directory + "/azure.env")]
objects = [item for item in yaml.safe_load_all(open(directory + "/controller.yaml")) if item]
for item in objects:
    if item["kind"] != "Deployment": continue
    pod = item["spec"]["template"]["spec"]
    pod["terminationGracePeriodSeconds"] = 10
    controller = pod["containers"][0]
    controller["env"] += variables
    forward = ["busybox", "nc", "-ll", "-p", "8081", "-e", "busybox", "nc", "10.224.0.11", "8081"]
    pod["containers"].append({"name": "forward", "image": "registry.example.com/peerpods/cloud-api-adaptor-debug:" + version,
                              "command": forward, "securityContext": controller["securityContext"]})
with open(directory + "/controller.yaml", "w") as file: yaml.safe_dump_all(objects, file)
PYTHON
    kubectl apply --filename "$directory/controller.yaml"
    in_adaptors_namespace rollout status deployment/peerpods-controller --timeout 120s
}

leader() { in_adaptors_namespace get lease peerpods-controller -o 'jsonpath={.spec.holderIdentity}' | sed 's/_.*//'; }
another_leads() { [[ -n $(leader) && $(leader) != "$1" ]]; }

a_leader_is_killed() {
    local first transitions
    await "A leader" another_leads none
    first=$(leader)
    transitions=$(in_adaptors_namespace get lease peerpods-controller -o 'jsonpath={.spec.leaseTransitions}')
    in_adaptors_namespace delete pod "$first" --grace-period 0 --force
    await "Another leader" another_leads "$first"
    (($(in_adaptors_namespace get lease peerpods-controller -o 'jsonpath={.spec.leaseTransitions}') > transitions))
    in_adaptors_namespace rollout status deployment/peerpods-controller --timeout 120s
}

webhook_trusted() {
    [[ -n $(kubectl get mutatingwebhookconfiguration peerpods-controller -o 'jsonpath={.webhooks[0].clientConfig.caBundle}') ]]
}
the_webhook_sizes_a_pod() {
    await "The webhook's authority" webhook_trusted
    make_pod default sized node-2 'cpu: "3", memory: 5Gi'
    kubectl get pod sized -o yaml
    [[ $(kubectl get pod sized -o 'jsonpath={.metadata.annotations.io\.katacontainers\.config\.hypervisor\.default_vcpus} {.metadata.annotations.io\.katacontainers\.config\.hypervisor\.default_memory}') == '3 5120' ]]
    [[ $(kubectl get pod sized -o 'jsonpath={.spec.containers[0].resources.limits}') == '{"kata.peerpods.io/vm":"1"}' ]]
    kubectl delete pod sized
}

no_namespace() { ! kubectl get namespace "$1"; }
# The shim does not end, so only the controller can delete the VM.
a_namespace_is_deleted() {
    kubectl create namespace shop
    make_pod shop cart node-1
    run_pod shop cart node-1 600
    kubectl delete namespace shop --wait=false
    await "The namespace's end" no_namespace shop
    wait "$pod" || true
    await "The PeerPods' end" peer_pods 0
    in_adaptors_namespace logs --selector app.kubernetes.io/component=controller --container controller --tail 100 | grep 'The PeerPod is deleted'
}

no_vm() { [[ $(shim "$1" peerpodctl status -all-nodes) == 'no VMs' ]]; }
# The VMs of node-1 have no shim, no kubelet and no Node object any longer.
a_node_is_deleted() {
    make_pod default lost node-1
    run_pod default lost node-1 600
    kill -KILL "${services[kubelet-node-1]}"
    unset 'services[kubelet-node-1]'
    kubectl delete node node-1
    # The pods of a node that is gone are collected after a minute, and the grace time follows.
    patience=300 await "The PeerPods' end" peer_pods 0
    wait "$pod" || true
    start_kubelet node-1
    await "The nodes" all_ready nodes 2
    adaptors_ready
    await "The nodes' resource" advertised "10 10"
    await "The VMs' end" no_vm node-1
}

tools_work() {
    shim node-1 peerpodctl status -all-nodes
    shim node-1 peerpodctl check node -json >"$directory/check-node.json" || true
    # This server is older than what the chart needs, which is the one failure.
    cp "$programs/peerpodctl" "$directory/kubectl-peerpods"
    PATH=$directory:$PATH kubectl peerpods check cluster | tee "$directory/check-cluster" || true
    [[ $(grep -c '^failed' "$directory/check-cluster") == 1 ]]
    grep 'nodes advertise 20 pod VMs' "$directory/check-cluster"
    grep 'has all 12 rights' "$directory/check-cluster"
}

# Every request of our ServiceAccounts, from the API server's audit log: none is forbidden, and none is malformed.
rights_suffice() {
    python3 - "$directory/audit.log" <<'PYTHON'
import collections, json, sys

requests, refused = collections.Counter(), collections.Counter()
for line in open(sys.argv[1]):
    try: event = json.loads(line)
    except ValueError: continue
    user = event["user"]["username"]
    if not user.startswith("system:serviceaccount:confidential-containers-system:"): continue
    target, code = event.get("objectRef", {}), event.get("responseStatus", {}).get("code", 0)
    resource = "/".join(filter(None, (target.get("resource"), target.get("subresource"))))
    key = f"{user.split(':')[-1]}: {event['verb']} {resource}"
    requests[key] += 1
    # A terminating namespace also answers 403, although the right is there.
    forbidden = event.get("annotations", {}).get("authorization.k8s.io/decision") == "forbid"
    if forbidden or code in (400, 401, 405, 406, 413, 415): refused[f"{key}: {code}"] += 1
for key, count in sorted(requests.items()): print(f"{count:5} {key}")
for key, count in refused.items(): print(f"error: {count} times {key}")
sys.exit(1 if refused or not requests else 0)
PYTHON
}

upgrade_and_roll_back() {
    helm upgrade peerpods "$chart" --namespace "$namespace" "${kept_values[@]}" --set-string providerConfigs.azure.PEERPODS_LIMIT_PER_NODE=7
    adaptors_ready
    await "The new limit" advertised "7 7"
    helm rollback peerpods 1 --namespace "$namespace"
    adaptors_ready
    await "The former limit" advertised "10 10"
}

unadvertised() { [[ -z $(kubectl get nodes -o 'jsonpath={.items[*].status.capacity.kata\.peerpods\.io/vm}') ]]; }
# What the release has left, apart from the CustomResourceDefinition.
left() {
    kubectl get all,configmaps,secrets,serviceaccounts,roles,rolebindings,networkpolicies,pdb,leases --namespace "$namespace" -o name |
        grep -vE 'kube-root-ca|/default(-token-.*)?$' || true
    kubectl get clusterroles,clusterrolebindings,runtimeclasses,mutatingwebhookconfigurations -o name | grep peerpods || true
}
nothing_left() { [[ -z $(left | tee /dev/stderr) ]]; }
uninstall() {
    kubectl delete --filename "$directory/controller.yaml"
    # helm does not wait for pods: they would lose their rights before they withdraw the nodes' resource.
    in_adaptors_namespace delete daemonset cloud-api-adaptor-daemonset --cascade=foreground
    helm uninstall peerpods --namespace "$namespace" --wait
    in_adaptors_namespace delete lease peerpods-controller
    await "The end of the nodes' resource" unadvertised
    await "The end of all objects" nothing_left
}

walk() {
    adapt_chart
    check "helm install, both nodes advertise 10 pod VMs" install
    check "helm test" test_installation
    check "a pod from its start to its end" a_pods_life
    check "a pod that Azure refuses" a_refused_pod
    check "a roll-out of the adaptor, during which a pod runs" a_pod_survives_the_roll_out
    check "the controller, with two replicas and the webhook" install_controller
    check "the leader is killed" a_leader_is_killed
    check "the webhook sizes a pod" the_webhook_sizes_a_pod
    check "a namespace is deleted, with a pod that runs" a_namespace_is_deleted
    check "the tools" tools_work
    check "the rights suffice" rights_suffice
    check "helm upgrade and rollback" upgrade_and_roll_back
    check "a node is deleted, with a pod that runs" a_node_is_deleted
    # With what the chart has installed: a dry run looks up a pod's ServiceAccount and RuntimeClass.
    check "server-side dry run of all renderings" validate
    check "helm uninstall leaves nothing" uninstall
}
