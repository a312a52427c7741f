#!/usr/bin/env python3
"""Evaluates the expressions of the admission policies with the cases below.

usage: policies.py MANIFESTS [--write]

The results of the sizing policy for many pods are in sized-pods.json beside this script: the tests of the controller's webhook compare
theirs with them. --write writes the file, otherwise it is compared.

The evaluator is Google's CEL (cel-expr-python), with its optional types. Functions that only Kubernetes's CEL has (quantity, sum,
lists.range, jsonpatch.escapeKey) are defined here, and the literal JSONPatch{...} is read as a map. So the logic of the expressions is
tested, but not whether an API server's type checker takes them: docs/install.md says how to run the same cases on a cluster.
"""
import copy, json, os, random, re, sys, yaml
from cel_expr_python import cel
from cel_expr_python.ext import ext_optional

SUFFIXES = {"n": 1e-9, "u": 1e-6, "m": 1e-3, "": 1, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18,
            "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50, "Ei": 2**60}

def quantity(text):
    number, suffix = re.fullmatch(r"(-?[0-9.]+)([a-zA-Z]*|[eE][0-9]+)", text).groups()
    return float(number) * (SUFFIXES[suffix] if suffix in SUFFIXES else 10.0 ** int(suffix[1:]))

Type = cel.Type
FUNCTIONS = [
    cel.FunctionDecl("quantity", [cel.Overload("quantity", Type.DOUBLE, [Type.STRING], False, quantity)]),
    cel.FunctionDecl("asApproximateFloat", [cel.Overload("float", Type.DOUBLE, [Type.DOUBLE], True, lambda value: value)]),
    cel.FunctionDecl("sum", [cel.Overload("sum", Type.DYN, [Type.LIST], True, lambda values: sum(values))]),
    cel.FunctionDecl("lists.range", [cel.Overload("range", Type.List(Type.INT), [Type.INT], False, lambda size: list(range(size)))]),
    cel.FunctionDecl("jsonpatch.escapeKey", [
        cel.Overload("escape", Type.STRING, [Type.STRING], False, lambda key: key.replace("~", "~0").replace("/", "~1"))]),
]
ENVIRONMENT = cel.NewEnv(
    variables={name: Type.DYN for name in ("object", "oldObject", "request", "variables")},
    extensions=[ext_optional.ExtOptional()], functions=FUNCTIONS)

def evaluate(expression, data):
    plain = re.sub(r"JSONPatch\{op: (\"\w+\"),\s+path: (.+?), value: ", r'{"op": \1, "path": \2, "value": ', expression, flags=re.S)
    try: result = ENVIRONMENT.compile(plain).eval(data=data)
    except RuntimeError as error:
        # A sum that does not fit into 64 bits is an error in Kubernetes's CEL, too.
        if "out of range" not in str(error): raise
        raise ValueError(f"{expression}: {error}") from error
    if result.type() in (Type.ERROR, Type.UNKNOWN): raise ValueError(f"{expression}: {result}")
    return result.plain_value()

with open(sys.argv[1], encoding="utf-8") as file: documents = [item for item in yaml.safe_load_all(file) if item]
def policy(ending):
    (found,) = [item for item in documents if item["kind"].endswith("AdmissionPolicy") and item["metadata"]["name"].endswith(ending)]
    return found["spec"]

def prepare(spec, data):
    """Whether the policy applies, and the data with its variables."""
    data = dict(data, variables={})
    if not all(evaluate(condition["expression"], data) for condition in spec.get("matchConditions", [])): return False, data
    for variable in spec.get("variables", []): data["variables"][variable["name"]] = evaluate(variable["expression"], data)
    return True, data

def verdict(spec, data):
    """"ignored", "allowed", or the message of the refusal."""
    applies, data = prepare(spec, data)
    if not applies: return "ignored"
    for validation in spec["validations"]:
        if evaluate(validation["expression"], data) is not True: return validation["message"]
    return "allowed"

def apply(operations, target):
    for operation in operations:
        *path, last = [part.replace("~1", "/").replace("~0", "~") for part in operation["path"].split("/")[1:]]
        place = target
        for part in path: place = place[int(part)] if isinstance(place, list) else place[part]
        place[last] = operation["value"]

def mutated(spec, pod):
    pod = copy.deepcopy(pod)
    applies, data = prepare(spec, {"object": pod, "request": {}})
    if not applies: return pod
    for mutation in spec["mutations"]:
        apply(evaluate(mutation["jsonPatch"]["expression"], dict(data, object=copy.deepcopy(pod))), pod)
    return pod

failures, cases = [], 0
def expect(name, actual, expected):
    global cases
    cases += 1
    if actual != expected: failures.append(f"{name}:\n  is       {actual}\n  expected {expected}")

# Which node an adaptor may change, and what of it.
NODE = {"metadata": {"name": "node-a", "labels": {"zone": "1"}, "annotations": {"other": "1"}},
        "spec": {"podCIDR": "10.0.0.0/24"},
        "status": {"capacity": {"cpu": "8"}, "allocatable": {"cpu": "8"}, "addresses": [{"type": "InternalIP", "address": "10.0.0.4"}],
                   "conditions": [{"type": "Ready", "status": "True"}]}}
ADAPTOR = "system:serviceaccount:confidential-containers-system:cloud-api-adaptor"
OWN, OWNER, RESOURCE = "node-a", "kata.peerpods.io/caa-owner", "kata.peerpods.io/vm"

def node_case(change, node=OWN, user=ADAPTOR, old=NODE):
    new = copy.deepcopy(old)
    change(new)
    extra = {"authentication.kubernetes.io/node-name": [node]} if node else {"authentication.kubernetes.io/credential-id": ["JTI=1"]}
    return verdict(policy("-own-node"), {"object": new, "oldObject": old, "request": {"userInfo": {"username": user, "extra": extra}}})

def advertise(node):
    node["metadata"].setdefault("annotations", {})[OWNER] = "uid"
    node["status"].setdefault("capacity", {})[RESOURCE] = "10"
    node["status"].setdefault("allocatable", {})[RESOURCE] = "10"
advertised = copy.deepcopy(NODE)
advertise(advertised)
bare = {"metadata": {"name": OWN}, "spec": {}, "status": {}}
def withdraw(node):
    for map in ("capacity", "allocatable"): node["status"][map].pop(RESOURCE)
    node["metadata"]["annotations"].pop(OWNER)

expect("the owner annotation and the extended resource of the own node", node_case(advertise), "allowed")
expect("the same of a node without annotations and capacity", node_case(advertise, old=bare), "allowed")
expect("their removal", node_case(withdraw, old=advertised), "allowed")
expect("another node", node_case(advertise, node="node-b"), "the adaptor may change only its own node")
expect("a token that belongs to no node", node_case(advertise, node=None), "the adaptor may change only its own node")
expect("another user", node_case(lambda node: node["metadata"]["labels"].update(zone="2"), user="system:node:node-a"), "ignored")
only = "the adaptor may change only its annotation and its extended resource"
expect("a label", node_case(lambda node: node["metadata"]["labels"].update(zone="2")), only)
expect("all labels", node_case(lambda node: node["metadata"].pop("labels")), only)
expect("a taint", node_case(lambda node: node["spec"].update(taints=[{"key": "x"}])), only)
expect("a condition", node_case(lambda node: node["status"]["conditions"][0].update(status="False")), only)
expect("an address", node_case(lambda node: node["status"]["addresses"][0].update(address="10.0.0.5")), only)
expect("images", node_case(lambda node: node["status"].update(images=[{"names": ["x"]}])), only)
for place, field in (("metadata", "annotations"), ("status", "capacity"), ("status", "allocatable")):
    key, message = ("other" if field == "annotations" else "cpu"), f"the adaptor may change only its own key in {place}.{field}"
    expect(f"a changed key of {field}", node_case(lambda node: node[place][field].update({key: "2"})), message)
    expect(f"a new key of {field}", node_case(lambda node: node[place][field].update({"new": "2"})), message)
    expect(f"a removed key of {field}", node_case(lambda node: node[place][field].pop(key)), message)
    expect(f"no {field} at all", node_case(lambda node: node[place].pop(field)), message)

# Which PeerPods an adaptor may create.
def peerpod_case(provider="azure", owners=({"apiVersion": "v1", "kind": "Pod", "name": "web", "uid": "1"},), user=ADAPTOR):
    peerpod = {"metadata": {"name": "web-resource-abcde"}, "spec": {"instanceID": "/subscriptions/x"}}
    if provider: peerpod["spec"]["cloudProvider"] = provider
    if owners is not None: peerpod["metadata"]["ownerReferences"] = list(owners)
    return verdict(policy("-owned-peerpods"), {"object": peerpod, "request": {"userInfo": {"username": user}}})
owner, cloud = "a PeerPod of the adaptor must have a pod as its owner, so that it ends with the pod", "the adaptor may create PeerPods only of the provider azure"
expect("a PeerPod of a pod", peerpod_case(), "allowed")
expect("a PeerPod of another cloud", peerpod_case(provider="aws"), cloud)
expect("a PeerPod without a cloud", peerpod_case(provider=None), cloud)
expect("a PeerPod without owners", peerpod_case(owners=None), owner)
expect("a PeerPod of a Node", peerpod_case(owners=[{"apiVersion": "v1", "kind": "Node", "name": "a", "uid": "1"}]), owner)
expect("a PeerPod of another user", peerpod_case(owners=None, user="system:admin"), "ignored")

# What the sizing policy makes of a pod; the expectations are what upstream's webhook makes of it.
def pod(*containers, inits=(), annotations=None, runtime="kata-remote"):
    item = {"metadata": {"name": "p"}, "spec": {"containers": [dict({"name": f"c{n}"}, **({"resources": c} if c is not None else {}))
                                                             for n, c in enumerate(containers)]}}
    if runtime: item["spec"]["runtimeClassName"] = runtime
    if inits: item["spec"]["initContainers"] = [{"name": f"i{n}", "resources": c} for n, c in enumerate(inits)]
    if annotations is not None: item["metadata"]["annotations"] = annotations
    return item
def both(**amounts): return {"requests": dict(amounts), "limits": dict(amounts)}
VM = {"requests": {RESOURCE: "1"}, "limits": {RESOURCE: "1"}}
PREFIX = "io.katacontainers.config.hypervisor.default_"

def sizing_case(name, given, vcpus=None, memory=None, gpus=None, others=None):
    result = mutated(policy("-sizing"), given)
    sizes = {PREFIX + key: str(value) for key, value in (("vcpus", vcpus), ("memory", memory), ("gpus", gpus)) if value is not None}
    expect(f"{name}: annotations", result["metadata"].get("annotations", {}), dict(others or {}, **sizes))
    expect(f"{name}: resources", [c.get("resources") for c in result["spec"]["containers"]],
           [VM] + [{}] * (len(given["spec"]["containers"]) - 1))
    expect(f"{name}: resources of init containers", [c["resources"] for c in result["spec"].get("initContainers", [])],
           [{}] * len(given["spec"].get("initContainers", [])))
    expect(f"{name}: a second run changes nothing", mutated(policy("-sizing"), result), result)

sizing_case("no resources", pod(None, None))
sizing_case("one container", pod(both(cpu="2", memory="4Gi")), 2, 4096)
sizing_case("parts of a CPU, rounded up", pod(both(cpu="1500m", memory="1G")), 2, 954)
sizing_case("a little more than a whole number", pod(both(cpu="1001m", memory="1025Ki")), 2, 2)
sizing_case("containers and init containers are added", pod(both(cpu="500m", memory="512Mi"), both(cpu="500m"), inits=[both(cpu="1", memory="1Gi")]), 2, 1536)
sizing_case("limits above requests", pod({"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "4", "memory": "2Gi"}}), 4, 2048)
sizing_case("a limit without a request", pod({"limits": {"cpu": "4"}, "requests": {"memory": "1Gi"}}), None, 1024)
sizing_case("requests only", pod({"requests": {"cpu": "3", "memory": "1Gi"}}), 3, 1024)
sizing_case("GPUs", pod(both(**{"cpu": "1", "nvidia.com/gpu": "1"}), both(**{"nvidia.com/gpu": "2"})), 1, None, 3)
sizing_case("annotations are replaced", pod(both(cpu="2"), annotations={"a/b": "c", PREFIX + "vcpus": "9"}), 2, others={"a/b": "c"})
sizing_case("numbers instead of texts", pod({"requests": {"cpu": 2}, "limits": {"cpu": 2}}), 2)
for runtime in ("kata", None):
    given = pod(both(cpu="2"), runtime=runtime)
    expect(f"the runtime class {runtime}", mutated(policy("-sizing"), given), given)

# A negative amount is left to the API server's own check, and an absurd one is refused: an expression that fails refuses the pod.
negative = pod(both(cpu="2"), {"limits": {"memory": "-1Gi"}})
expect("a negative amount", mutated(policy("-sizing"), negative), negative)
def refused(given):
    try: mutated(policy("-sizing"), given)
    except ValueError: return True
    return False
expect("more than any VM has", refused(pod(both(cpu="99E"))), True)
sizing_case("fractions that binary numbers do not have", pod(*[both(cpu="100m")] * 10), 1)
sizing_case("a sum that is a whole number", pod(both(cpu="16.1"), both(cpu="900m")), 17)

# Many pods for the controller's webhook, which must come to the same results.
def many():
    generator = random.Random(20261130)
    def amount(values): return generator.choice(values)
    # No amount has more than thousandths: the API server rounds them up before it asks policies and webhooks.
    cpus = ["1", "2", "4", "8", "100m", "250m", "500m", "900m", "1001m", "0.1", "0.7", "1.1", "16.1", "1e1", "3", "0", "33m"]
    memories = ["1Gi", "512Mi", "128Mi", "1G", "1000M", "1Ki", "1", "1025Ki", "107374182400m", "0", "2Ti", "0.5Gi", "1e6", "100k"]
    def resources():
        if generator.random() < 0.15: return None
        part = {}
        for key, values, chance in (("cpu", cpus, 0.8), ("memory", memories, 0.7), ("nvidia.com/gpu", ["1", "2", "8", "0"], 0.2),
                                    ("ephemeral-storage", ["1Gi"], 0.1)):
            if generator.random() > chance: continue
            limit, request = generator.random(), generator.random()
            if request < 0.8: part.setdefault("requests", {})[key] = amount(values)
            if limit < 0.6: part.setdefault("limits", {})[key] = amount(values)
        return part
    for number in range(210):
        inits = [resources() or {} for _ in range(generator.choice([0, 0, 0, 1, 3]))]
        annotations = generator.choice([None, None, {}, {"a/b": "c"}, {PREFIX + "vcpus": "9", PREFIX + "gpus": "1"}])
        runtime = generator.choice(["kata-remote"] * 8 + ["kata", None])
        yield f"pod {number}", pod(*[resources() for _ in range(generator.randint(1, 4))], inits=inits, annotations=annotations, runtime=runtime)
    yield "requested already", pod({"requests": {"cpu": "1", RESOURCE: "1"}, "limits": {RESOURCE: "1"}})
    yield "requested by the second container", pod(both(cpu="1"), {"requests": {RESOURCE: "1"}})
    yield "numbers", pod({"requests": {"cpu": 2, "memory": 1073741824}, "limits": {"cpu": 3}})
    yield "negative", negative
    yield "negative request of an init container", pod(both(cpu="1"), inits=[{"requests": {"cpu": "-500m"}}])
    yield "absurd", pod(both(cpu="99E"))
    yield "absurd sum", pod(*[both(memory="7P")] * 3)
    yield "an empty member", pod({"requests": {}, "limits": {}}, annotations={})

def result(given):
    try: return mutated(policy("-sizing"), given)
    except ValueError: return "refused"
# The evaluator's maps have another order in each process.
rows = [{"name": name, "pod": given, "result": result(given)} for name, given in many()]
text = "[\n" + ",\n".join(json.dumps(row, separators=(",", ":"), sort_keys=True) for row in rows) + "\n]\n"
path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "sized-pods.json")
if "--write" in sys.argv:
    with open(path, "w", encoding="utf-8") as file: file.write(text)
with open(path, encoding="utf-8") as file: stored = file.read()
expect("sized-pods.json is what the policy makes of the pods (scripts/check-deploy --fix writes it)", stored == text, True)

for failure in failures: print(f"error: {failure}")
print(f"{cases} cases: checked, {len(failures)} errors")
sys.exit(1 if failures else 0)
