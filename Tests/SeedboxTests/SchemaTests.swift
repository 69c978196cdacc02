import JSONText
import Testing

@testable import Seedbox

@Suite struct SchemaTests {
    private let row = Schema.named(
        "Row",
        .object([
            .required("id", .integer), .optional("tags", .array(.string)),
            .optional("state", .word(["a", "b"])), .optional("ratio", .nullable(.number)),
        ]))

    @Test(arguments: [
        #"{"id":1}"#, #"{"id":1,"tags":[],"state":"a","ratio":null}"#, #"{"id":1,"ratio":1}"#,
    ])
    func takesWhatIsDescribed(_ text: String) throws {
        #expect(row.mismatch(of: try JSON(parsing: text)) == nil)
    }

    @Test(arguments: [
        #"{}"#, #"{"id":"1"}"#, #"{"id":1.5}"#, #"{"id":1,"x":0}"#, #"{"id":1,"tags":[1]}"#,
        #"{"id":1,"state":"c"}"#, #"[]"#, #"null"#, #"{"id":null}"#,
    ])
    func tellsWhatIsNotDescribed(_ text: String) throws {
        #expect(row.mismatch(of: try JSON(parsing: text)) != nil)
    }

    @Test func saysWhere() throws {
        let rows = Schema.object([.required("rows", .array(row))])
        let found = rows.mismatch(of: try JSON(parsing: #"{"rows":[{"id":1},{"id":""}]}"#))
        #expect(found?.hasPrefix("$.rows[1].id: ") == true)
    }

    @Test func whatIsNamedIsDescribedOnce() {
        var components: [JSON.Member] = []
        let description = Schema.object([.required("a", row), .required("b", .array(row))])
            .description(&components)
        #expect(components.map(\.name) == ["Row"])
        #expect(components.first?.value["required"] == ["id"])
        let reference: JSON = ["$ref": "#/components/schemas/Row"]
        #expect(description["properties"]?["a"] == reference)
        #expect(description["properties"]?["b"]?["items"] == reference)
    }
}
