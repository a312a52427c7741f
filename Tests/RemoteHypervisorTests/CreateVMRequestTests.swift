import KataProtocol
import PodVMLifecycle
import RemoteHypervisor
import TTRPC
import Testing

@Suite("The request of CreateVM")
struct CreateVMRequestTests {
    @Test("empty annotations set no requirement")
    func plain() throws {
        let request = try SandboxRequest(.plain())
        #expect(request.id.rawValue == "s1")
        #expect(request.podName == "nginx")
        #expect(request.podNamespace == "default")
        #expect(request.requirements == Requirements())
        #expect(request.initdata == nil)
    }

    @Test("every annotation sets its requirement")
    func all() throws {
        var create = CreateVMRequest.plain()
        create.networkNamespacePath = "/run/netns/x"
        create.annotations[Annotation.machineType] = "Standard_DC2es_v6"
        create.annotations[Annotation.image] = "/images/1"
        create.annotations[Annotation.vcpus] = "4"
        create.annotations[Annotation.memory] = "8192"
        create.annotations[Annotation.gpus] = "1"
        create.annotations[Annotation.initdata] = "algorithm = \"sha256\""
        let request = try SandboxRequest(create)
        #expect(request.networkNamespacePath == "/run/netns/x")
        #expect(
            request.requirements
                == Requirements(
                    machineType: "Standard_DC2es_v6", image: "/images/1", vcpus: 4, memoryMiB: 8192, gpus: 1))
        #expect(request.initdata == "algorithm = \"sha256\"")
    }

    @Test("the Rust shim's default of one vCPU and 2048 MiB is not changed")
    func rustShim() throws {
        var create = CreateVMRequest.plain()
        create.annotations[Annotation.vcpus] = "1"
        create.annotations[Annotation.memory] = "2048"
        #expect(try SandboxRequest(create).requirements == Requirements(vcpus: 1, memoryMiB: 2048))
    }

    @Test(
        "a pod's name is found in CRI-O's name for its sandbox",
        arguments: [
            ("k8s_nginx_default_0f4a-11_0", "nginx"), ("nginx", "nginx"), ("k8s_nginx", "k8s_nginx"),
            ("k8s__default_0f4a_0", "k8s__default_0f4a_0"), ("k8s.nginx-1", "k8s.nginx-1"),
        ])
    func crio(name: String, pod: String) throws {
        #expect(try SandboxRequest(.plain(pod: name)).podName == pod)
    }

    @Test(
        "an id that is not a name is refused, with a sentence",
        arguments: [
            "", "../x", "/", "a/b", ".", "..", ".hidden", "a\0b", "-x", "é", String(repeating: "a", count: 129),
        ])
    func badID(id: String) throws {
        let status = try refusal(of: .plain(id))
        #expect(status.code == .invalidArgument)
        #expect(status.message.contains("sandbox id"))
    }

    @Test("a pod without name or namespace is refused, with the annotation's name")
    func missingNames() throws {
        for key in [Annotation.podName, Annotation.podNamespace] {
            var absent = CreateVMRequest.plain()
            absent.annotations[key] = nil
            var empty = CreateVMRequest.plain()
            empty.annotations[key] = ""
            for status in [try refusal(of: absent), try refusal(of: empty)] {
                #expect(status.code == .invalidArgument)
                #expect(status.message.contains(key))
            }
        }
    }

    @Test(
        "an annotation whose value is not a valid number is refused, with its name and value",
        arguments: ["two", "2.5", "-1", "1e3", " 2", "99999999999999999999", "1073741825", "0x10"])
    func badNumber(text: String) throws {
        for key in [Annotation.vcpus, Annotation.memory, Annotation.gpus] {
            var create = CreateVMRequest.plain()
            create.annotations[key] = text
            let status = try refusal(of: create)
            #expect(status.code == .invalidArgument)
            #expect(status.message.contains(key) && status.message.contains("\"\(text)\""))
        }
    }

    @Test("an error repeats only a limited length of the request's text")
    func longNumber() throws {
        var create = CreateVMRequest.plain()
        create.annotations[Annotation.vcpus] = String(repeating: "x", count: 1 << 20)
        #expect(try refusal(of: create).message.utf8.count < 400)
    }

    @Test("bytes that are not a message are refused")
    func malformed() {
        #expect { try SandboxRequest(parsingCreateVM: [0x0A, 9]) } throws: {
            ($0 as? Status)?.code == .invalidArgument
        }
        #expect(throws: Never.self) { try SandboxRequest(parsingCreateVM: CreateVMRequest.plain().encoded) }
    }

    private func refusal(of create: CreateVMRequest) throws -> Status {
        do throws(Status) {
            _ = try SandboxRequest(create)
            return Status(.ok, "it was taken")
        } catch {
            return error
        }
    }
}
