# scripts/cluster sources this file. It has the functions that start the parts of a Kubernetes cluster: certificates, control plane,
# nodes. They run in namespaces of scripts/cluster, and their files are in $directory. $kubernetes has the programs of Kubernetes, and
# $unpacked the programs of Debian's packages.

control_address=10.224.0.1
service_address=10.96.0.1
# The processes that hold the nodes' namespaces.
declare -A node_process=()
cgroup_parent=/sys/fs/cgroup

# The cgroup v1 hierarchies of this machine, as the names of their directories.
cgroup_hierarchies() { awk '$9 == "cgroup" || $(NF - 2) == "cgroup" {n = split($5, part, "/"); print part[n]}' /proc/self/mountinfo | sort -u; }

# enter_cgroups NAME: makes a cgroup in each hierarchy and moves this shell there, so that a new cgroup namespace has it as its root.
enter_cgroups() {
    local hierarchy group
    for hierarchy in $(cgroup_hierarchies); do
        group=$cgroup_parent/$hierarchy/$1
        mkdir -p "$group"
        if [[ $hierarchy == *cpuset* ]]; then
            cat "$cgroup_parent/$hierarchy/cpuset.cpus" >"$group/cpuset.cpus"
            cat "$cgroup_parent/$hierarchy/cpuset.mems" >"$group/cpuset.mems"
            echo 1 >"$group/cgroup.clone_children"
        fi
        echo "$BASHPID" >"$group/cgroup.procs"
    done
}

# remove_cgroups NAME: removes these cgroups with those that the nodes made in them. Their processes have ended.
remove_cgroups() {
    local hierarchy group
    for hierarchy in $(cgroup_hierarchies); do
        for _ in $(seq 50); do
            find "$cgroup_parent/$hierarchy/$1" -depth -type d -exec rmdir {} + 2>/dev/null || true
            [[ -d $cgroup_parent/$hierarchy/$1 ]] || break
            sleep 0.1
        done
    done
}

# The options of each hierarchy, for mount: the controllers, or the name.
cgroup_options() { sed -n -E "s/^cgroup $(sed 's/\//\\\//g' <<<"$cgroup_parent")\/([^ ]*) cgroup ([^ ]*) .*/\1 \2/p" /proc/mounts | sed -E 's/(rw|relatime|nosuid|nodev|noexec|xattr),//g; s/,(rw|relatime|xattr|release_agent=[^, ]*)//g'; }

# certificate NAME SUBJECT [ALTERNATIVE NAMES]
certificate() {
    local name=$1 subject=$2 names=${3:-}
    openssl req -new -newkey rsa:2048 -nodes -keyout "$directory/pki/$name.key" -subj "$subject" -out "$directory/pki/$name.csr" 2>/dev/null
    openssl x509 -req -in "$directory/pki/$name.csr" -CA "$directory/pki/ca.crt" -CAkey "$directory/pki/ca.key" -CAcreateserial -days 2 \
        -out "$directory/pki/$name.crt" -extfile <(printf 'extendedKeyUsage=serverAuth,clientAuth\n%s' "${names:+subjectAltName=$names}") 2>/dev/null
}

# kubeconfig NAME: writes NAME.conf for the certificate of that name.
kubeconfig() {
    cat >"$directory/$1.conf" <<YAML
apiVersion: v1
kind: Config
current-context: cluster
clusters: [{name: cluster, cluster: {server: "https://$control_address", certificate-authority: "$directory/pki/ca.crt"}}]
users: [{name: $1, user: {client-certificate: "$directory/pki/$1.crt", client-key: "$directory/pki/$1.key"}}]
contexts: [{name: cluster, context: {cluster: cluster, user: $1}}]
YAML
}

make_certificates() {
    mkdir -p "$directory/pki"
    openssl req -x509 -newkey rsa:2048 -nodes -keyout "$directory/pki/ca.key" -subj /CN=cluster -days 2 -out "$directory/pki/ca.crt" 2>/dev/null
    openssl genrsa -out "$directory/pki/tokens.key" 2048 2>/dev/null
    certificate apiserver /CN=kube-apiserver "DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:localhost,IP:$service_address,IP:$control_address,IP:127.0.0.1"
    certificate admin /O=system:masters/CN=admin
    certificate controller-manager /CN=system:kube-controller-manager
    certificate scheduler /CN=system:kube-scheduler
    kubeconfig admin
    kubeconfig controller-manager
    kubeconfig scheduler
}

# launch NAME COMMAND...: starts a service with the log NAME.log.
launch() {
    local name=$1
    shift
    setsid "$@" </dev/null >>"$directory/$name.log" 2>&1 &
    services[$name]=$!
}

make_control_network() {
    ip link set lo up
    ip link add cluster type bridge
    ip address add "$control_address/24" dev cluster
    ip link set cluster up
    # The Service "kubernetes". There is no kube-proxy: the API server has the Service's address itself, and calls webhooks at their pods.
    ip address add "$service_address/32" dev lo
    echo 1 >/proc/sys/net/ipv4/ip_forward
}

start_api_server() {
    launch apiserver "$kubernetes/kube-apiserver" --etcd-servers=http://127.0.0.1:2379 --secure-port=443 --bind-address=0.0.0.0 \
        --advertise-address="$control_address" --service-cluster-ip-range=10.96.0.0/16 --allow-privileged=true \
        --client-ca-file="$directory/pki/ca.crt" --tls-cert-file="$directory/pki/apiserver.crt" --tls-private-key-file="$directory/pki/apiserver.key" \
        --kubelet-client-certificate="$directory/pki/admin.crt" --kubelet-client-key="$directory/pki/admin.key" \
        --kubelet-preferred-address-types=InternalIP --service-account-issuer=https://kubernetes.default.svc \
        --service-account-signing-key-file="$directory/pki/tokens.key" --service-account-key-file="$directory/pki/tokens.key" \
        --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction,OwnerReferencesPermissionEnforcement \
        --enable-aggregator-routing=true --feature-gates=BoundServiceAccountTokenVolume=true --goaway-chance=0.02 --min-request-timeout=60 \
        --audit-policy-file="$directory/audit-policy.yaml" --audit-log-path="$directory/audit.log" --audit-log-mode=batch --v=1
}

start_control_plane() {
    cat >"$directory/audit-policy.yaml" <<'YAML'
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules: [{level: Metadata}]
YAML
    mkdir -p "$directory/etcd"
    launch etcd "$unpacked/usr/bin/etcd" --data-dir "$directory/etcd" --listen-client-urls http://127.0.0.1:2379 --unsafe-no-fsync \
        --advertise-client-urls http://127.0.0.1:2379 --listen-peer-urls http://127.0.0.1:2380
    start_api_server
    await "The API server" kubectl get --raw /readyz
    launch controller-manager "$kubernetes/kube-controller-manager" --kubeconfig="$directory/controller-manager.conf" --leader-elect=false \
        --service-account-private-key-file="$directory/pki/tokens.key" --root-ca-file="$directory/pki/ca.crt" \
        --use-service-account-credentials --feature-gates=BoundServiceAccountTokenVolume=true --node-monitor-grace-period=20s --v=1
    launch scheduler "$kubernetes/kube-scheduler" --kubeconfig="$directory/scheduler.conf" --leader-elect=false --v=1
}

# in_node NODE COMMAND...
in_node() {
    local node=$1
    shift
    nsenter -t "${node_process[$node]}" --mount --net --uts -- "$@"
}

# make_node NODE NUMBER: makes the namespaces, network and files of a node.
make_node() {
    local node=$1 number=$2 files=$directory/$1 hierarchy options
    mkdir -p "$files"/{kubelet,containerd,cni,log,sys}
    unshare --mount --net --uts --propagation private sleep infinity &
    node_process[$node]=$!
    services[$node]=$!
    for _ in $(seq 50); do
        [[ $(readlink "/proc/${node_process[$node]}/ns/net") == "$(readlink /proc/self/ns/net)" ]] || break
        sleep 0.1
    done
    ip link add "veth$number" type veth peer name eth0 netns "${node_process[$node]}"
    ip link set "veth$number" master cluster up
    ip route add "10.244.$number.0/24" via "10.224.0.1$number"
    # What a kubelet changes on its machine is changed in files instead.
    printf 1 >"$files/sys/overcommit_memory"
    printf 0 >"$files/sys/panic_on_oom"
    printf 10 >"$files/sys/panic"
    printf 1 >"$files/sys/panic_on_oops"
    printf 1000000 >"$files/sys/root_maxkeys"
    printf 25000000 >"$files/sys/root_maxbytes"
    tr -d - </proc/sys/kernel/random/uuid >"$files/machine-id"
    printf 'nameserver 10.96.0.10\n' >"$files/resolv.conf"
    cat >"$files/cni/10-bridge.conflist" <<JSON
{"cniVersion": "0.4.0", "name": "pods", "plugins": [
  {"type": "bridge", "bridge": "pods0", "isGateway": true, "ipam": {"type": "host-local", "dataDir": "$files/cni-state",
    "ranges": [[{"subnet": "10.244.$number.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
  {"type": "loopback"}]}
JSON
    cgroup_options >"$files/cgroups"
    in_node "$node" bash -euo pipefail -c '
        node=$1 number=$2 files=$3
        mount --make-rshared /
        hostname "$node"
        ip link set lo up
        ip address add "10.224.0.1$number/24" dev eth0
        ip link set eth0 up
        ip route add default via 10.224.0.1
        echo 1 >/proc/sys/net/ipv4/ip_forward
        mount -t sysfs sysfs /sys
        mount -t tmpfs -o mode=755 tmpfs /sys/fs/cgroup
        while read -r hierarchy options; do
            mkdir "/sys/fs/cgroup/$hierarchy"
            mount -t cgroup -o "$options" cgroup "/sys/fs/cgroup/$hierarchy"
            mkdir -p "/sys/fs/cgroup/$hierarchy/$node"
        done <"$files/cgroups"
        mount -t tmpfs -o mode=755 tmpfs /run
        mkdir -p /var/log/pods /var/log/containers
        mount --bind "$files/log" /var/log
        mount --make-rshared /run
        touch /etc/machine-id
        mount --bind "$files/machine-id" /etc/machine-id
        for name in vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops kernel/keys/root_maxkeys kernel/keys/root_maxbytes; do
            mount --bind "$files/sys/${name##*/}" "/proc/sys/$name"
        done
    ' make_node "$node" "$number" "$files"
}

start_containerd() {
    local node=$1 files=$directory/$1
    cat >"$files/containerd.toml" <<TOML
version = 2
root = "$files/containerd"
state = "/run/containerd"
[grpc]
  address = "/run/containerd/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "$pause_image"
  restrict_oom_score_adj = true
  disable_apparmor = true
  disable_hugetlb_controller = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$files/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
  # Kata's shim is not part of Debian. runc stands in for it on the node, and "peerpodctl run" makes the shim's calls.
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.kata-remote]
    runtime_type = "io.containerd.runc.v2"
    privileged_without_host_devices = true
TOML
    launch "containerd-$node" env "PATH=$unpacked/usr/bin:$unpacked/usr/sbin:$PATH" \
        nsenter -t "${node_process[$node]}" --mount --net --uts -- "$unpacked/usr/bin/containerd" --config "$files/containerd.toml"
    await "containerd of $node" images_of "$node" version
}

# images_of NODE COMMAND...: containerd's command, for the images of kubelet.
images_of() { in_node "$1" "$unpacked/usr/bin/ctr" -a /run/containerd/containerd.sock -n k8s.io "${@:2}"; }

start_kubelet() {
    local node=$1 files=$directory/$1
    certificate "kubelet-$node" "/O=system:nodes/CN=system:node:$node"
    kubeconfig "kubelet-$node"
    cat >"$files/kubelet.yaml" <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: "$directory/pki/ca.crt"}}
authorization: {mode: Webhook}
cgroupDriver: cgroupfs
cgroupRoot: /$node
enforceNodeAllocatable: []
clusterDNS: [10.96.0.10]
clusterDomain: cluster.local
failSwapOn: false
evictionHard: {memory.available: 1Mi}
imageGCHighThresholdPercent: 100
makeIPTablesUtilChains: false
resolvConf: "$files/resolv.conf"
volumePluginDir: "$files/plugins"
runtimeRequestTimeout: 10m
nodeStatusUpdateFrequency: 5s
featureGates: {BoundServiceAccountTokenVolume: true}
YAML
    launch "kubelet-$node" env "PATH=$unpacked/usr/bin:$unpacked/usr/sbin:$PATH" \
        nsenter -t "${node_process[$node]}" --mount --net --uts -- "$kubernetes/kubelet" --config="$files/kubelet.yaml" \
        --kubeconfig="$directory/kubelet-$node.conf" --container-runtime=remote --hostname-override="$node" --root-dir="$files/kubelet" \
        --container-runtime-endpoint=unix:///run/containerd/containerd.sock --v=2
}

# import_image NODE LAYOUT NAME: gives a node an image of an OCI layout.
import_image() { tar -C "$2" -cf - . | images_of "$1" images import --base-name "$3" - >>"$directory/import.log"; }

# The image of the process that holds a pod's namespaces, which also stands in for the programs of pods.
make_pause_image() {
    local files=$directory/pause buildah=(buildah --root "$directory/storage" --runroot "$directory/storage-run" --storage-driver vfs)
    mkdir "$files"
    cp "$(command -v busybox)" "$files/busybox"
    printf 'FROM scratch\nCOPY busybox /bin/busybox\nENTRYPOINT ["/bin/busybox", "sleep", "2147483647"]\n' >"$files/Containerfile"
    "${buildah[@]}" build --isolation chroot --format oci --file "$files/Containerfile" --tag pause "$files" >>"$directory/import.log" 2>&1
    "${buildah[@]}" push pause "oci:$directory/pause-image:${pause_image##*:}" >>"$directory/import.log" 2>&1
}

# await WHAT COMMAND...: waits up to $patience seconds until the command succeeds.
patience=120
await() {
    local what=$1 end=$((SECONDS + patience)) service
    shift
    while ((SECONDS < end)); do
        if "$@" >"$directory/awaited" 2>&1; then return 0; fi
        for service in "${!services[@]}"; do
            kill -0 "${services[$service]}" 2>/dev/null ||
                die "$what: the process \"$service\" has ended: $(tail -n 5 "$directory/$service.log")"
        done
        sleep 0.3
    done
    die "$what: not within $patience seconds: $(tail -n 5 "$directory/awaited")"
}

# all_ready KIND COUNT: whether so many objects of the kind exist, and all are ready.
all_ready() {
    [[ $(kubectl get "$1" -o 'jsonpath={range .items[*]}{.status.conditions[?(@.type=="Ready")].status}{"\n"}{end}' | grep -c True) == "$2" ]]
}
