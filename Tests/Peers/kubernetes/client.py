"""Calls an API server with Kubernetes's own client for Python, and prints a line for each step that gave what a real server
gives. usage: client.py KUBECONFIG
"""

import base64
import datetime
import json
import sys
import threading
import time

from kubernetes import client, config, watch
from kubernetes.client.rest import ApiException

GROUP = ("confidentialcontainers.org", "v1alpha1")


def done(step):
    print(step, flush=True)


def refused(status, reason, call, *arguments, **options):
    """The Status object of a refusal, which must be this one."""
    try:
        call(*arguments, **options)
    except ApiException as error:
        body = json.loads(error.body)
        assert (error.status, body["reason"]) == (status, reason), (error.status, body)
        assert body["kind"] == "Status" and body["code"] == status, body
        return body
    raise AssertionError(f"{status} {reason} was expected")


def pod(name, **labels):
    return client.V1Pod(
        metadata=client.V1ObjectMeta(name=name, labels=labels),
        spec=client.V1PodSpec(containers=[client.V1Container(name="c", image="nginx:1")]),
    )


def objects(core):
    for number in range(5):
        core.create_namespaced_pod("default", pod(f"list-{number}", app="list"))
    refused(409, "AlreadyExists", core.create_namespaced_pod, "default", pod("list-0"))
    page = core.list_namespaced_pod("default", label_selector="app=list", limit=2)
    names = [item.metadata.name for item in page.items]
    assert page.metadata.remaining_item_count == 3
    while page.metadata._continue:
        page = core.list_namespaced_pod(
            "default", label_selector="app=list", limit=2, _continue=page.metadata._continue
        )
        names += [item.metadata.name for item in page.items]
    assert names == [f"list-{number}" for number in range(5)], names
    done("list in pages")

    one = core.read_namespaced_pod("list-0", "default")
    assert one.status.phase == "Pending" and one.metadata.uid
    core.patch_namespaced_pod("list-0", "default", {"metadata": {"labels": {"color": "blue"}}})
    changed = core.patch_namespaced_pod(
        "list-0", "default", [{"op": "test", "path": "/metadata/labels/color", "value": "blue"},
                              {"op": "remove", "path": "/metadata/labels/app"}]
    )
    assert changed.metadata.labels == {"color": "blue"}
    refused(422, "Invalid", core.patch_namespaced_pod, "list-0", "default",
            [{"op": "test", "path": "/metadata/labels/color", "value": "red"}])
    done("patch")

    refused(409, "Conflict", core.replace_namespaced_pod, "list-0", "default", one)
    changed.metadata.labels["size"] = "large"
    changed = core.replace_namespaced_pod("list-0", "default", changed)
    other = pod("other")
    refused(400, "BadRequest", core.replace_namespaced_pod, "list-0", "default", other)
    done("replace and conflict")

    options = client.V1DeleteOptions(preconditions=client.V1Preconditions(uid="another"))
    refused(409, "Conflict", core.delete_namespaced_pod, "list-0", "default", body=options)
    options.preconditions.uid = changed.metadata.uid
    core.delete_namespaced_pod("list-0", "default", body=options)
    refused(404, "NotFound", core.read_namespaced_pod, "list-0", "default")
    refused(404, "NotFound", core.create_namespaced_pod, "absent", pod("p"))
    done("delete with preconditions")


def finalizers(core, custom):
    owner = core.create_namespaced_pod("default", pod("owner"))
    custom.create_namespaced_custom_object(*GROUP, "default", "peerpods", {
        "apiVersion": "/".join(GROUP), "kind": "PeerPod",
        "metadata": {"name": "owned", "finalizers": ["peer.pod/finalizer"], "ownerReferences": [
            {"apiVersion": "v1", "kind": "Pod", "name": "owner", "uid": owner.metadata.uid}]},
        "spec": {"cloudProvider": "azure", "instanceID": "/subscriptions/s", "unknown": "pruned"},
    })
    core.delete_namespaced_pod("owner", "default")
    owned = custom.get_namespaced_custom_object(*GROUP, "default", "peerpods", "owned")
    assert owned["metadata"]["deletionTimestamp"] and "unknown" not in owned["spec"], owned
    # This client sends a merge patch.
    custom.patch_namespaced_custom_object(
        *GROUP, "default", "peerpods", "owned", {"metadata": {"finalizers": None}})
    refused(404, "NotFound", custom.get_namespaced_custom_object, *GROUP, "default", "peerpods", "owned")
    done("finalizer and garbage collection")


def watches(core, api):
    start = core.list_namespaced_pod("default").metadata.resource_version
    seen, source = [], watch.Watch()

    def follow():
        for event in source.stream(core.list_namespaced_pod, "default", resource_version=start, timeout_seconds=30,
                                   label_selector="app=watch"):
            seen.append((event["type"], event["object"].metadata.name))
            if event["type"] == "DELETED":
                source.stop()

    thread = threading.Thread(target=follow)
    thread.start()
    core.create_namespaced_pod("default", pod("w", app="watch"))
    core.create_namespaced_pod("default", pod("unseen"))
    core.patch_namespaced_pod("w", "default", {"metadata": {"annotations": {"a": "b"}}})
    core.delete_namespaced_pod("w", "default")
    thread.join(30)
    assert seen == [("ADDED", "w"), ("MODIFIED", "w"), ("DELETED", "w")], seen
    done("watch")

    # The server ends a watch with a bookmark: its version is newer than the last change that the selector admits.
    lines = api.call_api(
        "/api/v1/namespaces/default/pods", "GET", auth_settings=["BearerToken"], _preload_content=False,
        query_params=[("watch", "1"), ("resourceVersion", start), ("allowWatchBookmarks", "true"), ("timeoutSeconds", 1),
                      ("labelSelector", "app=none")])[0].data.decode().splitlines()
    bookmark = json.loads(lines[-1])
    assert len(lines) == 1 and bookmark["type"] == "BOOKMARK", lines
    assert int(bookmark["object"]["metadata"]["resourceVersion"]) > int(start)
    done("bookmark")

    api.call_api("/control/history", "DELETE", auth_settings=["BearerToken"])
    try:
        list(watch.Watch().stream(core.list_namespaced_pod, "default", resource_version=start, timeout_seconds=5))
        raise AssertionError("410 was expected")
    except ApiException as error:
        assert error.status == 410 and "Expired" in error.reason, error
    refused(504, "Timeout", core.list_namespaced_pod, "default", resource_version="999999999")
    done("410 of a watch")


def leases(coordination):
    now = datetime.datetime.now(datetime.timezone.utc)
    lease = client.V1Lease(
        metadata=client.V1ObjectMeta(name="election"),
        spec=client.V1LeaseSpec(holder_identity="one", lease_duration_seconds=15, lease_transitions=0,
                                acquire_time=now.replace(microsecond=123456), renew_time=now.replace(microsecond=1)))
    first = coordination.create_namespaced_lease("default", lease)
    refused(409, "AlreadyExists", coordination.create_namespaced_lease, "default", lease)
    refused(422, "Invalid", coordination.replace_namespaced_lease, "election", "default", lease)
    second = coordination.read_namespaced_lease("election", "default")
    second.spec.holder_identity, second.spec.lease_transitions = "two", 1
    coordination.replace_namespaced_lease("election", "default", second)
    first.spec.holder_identity = "one"
    refused(409, "Conflict", coordination.replace_namespaced_lease, "election", "default", first)
    assert coordination.read_namespaced_lease("election", "default").spec.holder_identity == "two"
    # Python writes a time without a fraction without decimals.
    lease.metadata.name, lease.spec.renew_time = "rounded", now.replace(microsecond=0)
    refused(400, "BadRequest", coordination.create_namespaced_lease, "default", lease)
    lease.spec.renew_time, lease.spec.lease_duration_seconds = None, 0
    refused(422, "Invalid", coordination.create_namespaced_lease, "default", lease)
    done("leases")


def secrets(core):
    secret = core.create_namespaced_secret("default", client.V1Secret(
        metadata=client.V1ObjectMeta(name="certificate"), string_data={"tls.crt": "PEM"}))
    assert base64.b64decode(secret.data["tls.crt"]) == b"PEM" and secret.type == "Opaque"
    secret.data["tls.key"] = base64.b64encode(b"KEY").decode()
    newer = core.replace_namespaced_secret("certificate", "default", secret)
    assert set(newer.data) == {"tls.crt", "tls.key"}
    refused(409, "Conflict", core.replace_namespaced_secret, "certificate", "default", secret)
    newer.type = "kubernetes.io/tls"
    refused(422, "Invalid", core.replace_namespaced_secret, "certificate", "default", newer)
    newer.type, newer.data = "Opaque", {"a": "not base64!"}
    refused(400, "BadRequest", core.replace_namespaced_secret, "certificate", "default", newer)
    core.create_namespaced_config_map("default", client.V1ConfigMap(
        metadata=client.V1ObjectMeta(name="settings"), data={"A": "1"}))
    assert core.read_namespaced_config_map("settings", "default").data == {"A": "1"}
    done("secrets and ConfigMaps")


def webhooks(admission):
    def configuration(side_effects):
        return client.V1MutatingWebhookConfiguration(
            metadata=client.V1ObjectMeta(name="sizes"),
            webhooks=[client.V1MutatingWebhook(
                name="pods.peerpod.dev", side_effects=side_effects, admission_review_versions=["v1"],
                client_config=client.AdmissionregistrationV1WebhookClientConfig(
                    ca_bundle=base64.b64encode(b"PEM").decode(),
                    service=client.AdmissionregistrationV1ServiceReference(namespace="default", name="s")))])

    refused(422, "Invalid", admission.create_mutating_webhook_configuration, configuration("Some"))
    made = admission.create_mutating_webhook_configuration(configuration("None"))
    made.webhooks[0].client_config.ca_bundle = base64.b64encode(b"NEW").decode()
    admission.replace_mutating_webhook_configuration("sizes", made)
    refused(409, "Conflict", admission.replace_mutating_webhook_configuration, "sizes", made)
    done("webhook configurations")


def events(newer):
    def event(time, name, **changes):
        fields = dict(
            metadata=client.V1ObjectMeta(name=name), event_time=time, action="Create", reason="R", type="Normal",
            note="n", reporting_controller="peerpod.dev/test", reporting_instance="i",
            regarding=client.V1ObjectReference(kind="Pod", name="list-1", namespace="default"))
        return client.EventsV1Event(**{**fields, **changes})

    time = datetime.datetime(2026, 11, 30, 12, 0, 0, 5, tzinfo=datetime.timezone.utc)
    made = newer.create_namespaced_event("default", event(time, "good"))
    refused(400, "BadRequest", newer.create_namespaced_event, "default", event(time.replace(microsecond=0), "rounded"))
    refused(422, "Invalid", newer.create_namespaced_event, "default", event(time, "long", note="n" * 1025))
    refused(422, "Invalid", newer.create_namespaced_event, "default", event(time, "bare", reporting_controller="test"))
    made.note = "another"
    refused(422, "Invalid", newer.replace_namespaced_event, "good", "default", made)
    done("events")


def faults(core, api):
    def scenario(value):
        api.call_api("/control/scenario", "PUT", body=value, auth_settings=["BearerToken"])

    scenario({"faults": [{"verb": "list", "resource": "pods", "first": 1, "status": 429, "reason": "TooManyRequests",
                          "retry-after": 2}]})
    # The client waits as long as Retry-After says, and repeats the request.
    start = time.monotonic()
    core.list_namespaced_pod("default")
    assert time.monotonic() - start >= 2
    scenario({"missing": ["leases"]})
    try:
        client.CoordinationV1Api().list_namespaced_lease("default")
        raise AssertionError("404 was expected")
    except ApiException as error:
        assert error.status == 404, error
    scenario({})
    refused(400, "BadRequest", scenario, {"faults": [{"verb": "look"}]})
    api.call_api("/control/users/other", "PUT", body={"token": "other", "rights": ["get pods"]},
                 auth_settings=["BearerToken"])
    settings = client.Configuration.get_default_copy()
    settings.api_key = {"authorization": "Bearer other"}
    other = client.CoreV1Api(client.ApiClient(settings))
    other.read_namespaced_pod("list-1", "default")
    refused(403, "Forbidden", other.list_namespaced_pod, "default")
    api.call_api("/control/users/other", "DELETE", auth_settings=["BearerToken"])
    refused(401, "Unauthorized", other.read_namespaced_pod, "list-1", "default")
    done("faults and users of the control endpoint")


def adaptor(core, newer, custom):
    """What an adaptor has written."""
    node = core.read_node("node-1")
    assert node.status.allocatable["kata.peerpods.io/vm"] == "7", node.status
    assert node.metadata.annotations["kata.peerpods.io/caa-owner"] == "u1", node.metadata
    pods = core.read_namespaced_pod("web", "default")
    old = core.list_namespaced_event("default", field_selector="involvedObject.name=web")
    assert [(event.reason, event.type) for event in old.items] == [("PodVMDeleted", "Normal")], old
    new = newer.list_namespaced_event("default", field_selector="regarding.name=web").items[0]
    assert new.regarding.uid == pods.metadata.uid and new.reporting_controller == "peerpod.dev/cloud-api-adaptor", new
    assert new.event_time.year >= 2024 and new.note.startswith("VM podvm-web"), new
    peer_pod = custom.list_namespaced_custom_object(*GROUP, "default", "peerpods")["items"][0]
    assert peer_pod["spec"]["instanceID"].startswith("/subscriptions/s/"), peer_pod
    assert peer_pod["metadata"]["finalizers"] == ["peer.pod/finalizer"], peer_pod
    assert peer_pod["metadata"]["ownerReferences"][0]["uid"] == pods.metadata.uid, peer_pod
    done("what the adaptor has written")


def main():
    config.load_kube_config(sys.argv[1])
    api = client.ApiClient()
    core, custom, newer = client.CoreV1Api(), client.CustomObjectsApi(), client.EventsV1Api()
    assert client.VersionApi().get_code().major == "1"
    done("version")
    adaptor(core, newer, custom)
    objects(core)
    finalizers(core, custom)
    leases(client.CoordinationV1Api())
    secrets(core)
    webhooks(client.AdmissionregistrationV1Api())
    events(newer)
    watches(core, api)
    faults(core, api)


main()
