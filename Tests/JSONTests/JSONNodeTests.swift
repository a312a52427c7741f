import JSON
import Testing

@Suite("Members of a JSON object")
struct JSONNodeTests {
    private static let text = """
        {"name": "a", "mtu": "big", "on": true, "half": 0.5, "none": null, "names": ["x", 1],
         "net": {"mtu": 1500, "routes": [{"dst": "0.0.0.0/0"}, {"dst": 7}, 3]}}
        """
    private let root: JSONNode

    init() throws { root = try JSONNode(JSONValue(parsing: Self.text)) }

    @Test("returns each member with its type")
    func types() throws {
        #expect(try root.string("name") == "a")
        #expect(try root.bool("on"))
        #expect(try root.number("half") == 0.5)
        #expect(try root.object("net").integer("mtu") == 1500)
        #expect(try root.object("net").number("mtu") == 1500)
        #expect(try root.array("names") == ["x", 1])
        #expect(try root.members.string("name") == "a")
        #expect(try root.optionalString("none") == nil)
        #expect(try root.optionalObject("missing") == nil)
    }

    private func message(_ body: () throws -> Void) -> String? {
        #expect(throws: JSONError.self, performing: body)?.description
    }

    @Test("reports the path, the expected type and the actual type")
    func errors() throws {
        let network = try root.object("net")
        #expect(message { _ = try root.integer("mtu") } == "mtu: expected a whole number, found a string")
        #expect(message { _ = try root.integer("half") } == "half: expected a whole number, found a number")
        #expect(message { _ = try root.string("none") } == "none: expected a string, found null")
        #expect(message { _ = try root.string("gone") } == "gone: expected a string, found nothing")
        #expect(message { _ = try root.strings("names") } == "names[1]: expected a string, found a whole number")
        #expect(message { _ = try network.bool("mtu") } == "net.mtu: expected true or false, found a whole number")
        #expect(
            message { _ = try network.objects("routes") } == "net.routes[2]: expected an object, found a whole number")
        #expect(
            message {
                let nodes = try JSONNode(["r": [["dst": 7]]], path: "net").objects("r")
                _ = try nodes[0].optionalString("dst")
            } == "net.r[0].dst: expected a string, found a whole number")
        #expect(message { _ = try JSONNode([1], path: "x") } == "x: expected an object, found an array")
    }

    @Test("finds keys in any case if the caller asks for it, and refuses two keys that differ only in case")
    func cases() throws {
        let node = try JSONNode(["Pod-Name": "a", "MTU": 1, "mtu": 2, "Net": ["PodIP": "b"]], ignoresCase: true)
        #expect(try node.string("pod-name") == "a")
        #expect(try node.object("net").string("podip") == "b")
        #expect(message { _ = try node.integer("mtu") } == "mtu: occurs twice: keep one")
        #expect(try JSONNode(["Pod-Name": "a"]).optionalString("pod-name") == nil)
    }
}
