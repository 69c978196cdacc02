public import JSONText

/// The shape of a JSON value, as much of JSON Schema as our answers need.
public indirect enum Schema: Sendable {
    case string
    /// One of these strings.
    case word([String])
    case integer
    case number
    case bool
    /// Whatever it is.
    case any
    case array(Schema)
    /// Members by name, and no others.
    case object([Member])
    /// Any names, all with values of one shape.
    case dictionary(Schema)
    /// Null, too.
    case nullable(Schema)
    /// One that stands under this name in the description's components.
    case named(String, Schema)

    public struct Member: Sendable {
        public var name: String
        public var schema: Schema
        public var isRequired: Bool

        public static func required(_ name: String, _ schema: Schema) -> Member {
            Member(name: name, schema: schema, isRequired: true)
        }

        public static func optional(_ name: String, _ schema: Schema) -> Member {
            Member(name: name, schema: schema, isRequired: false)
        }
    }
}

extension Schema {
    /// What of the value is not as this says, with where; nil if all is.
    public func mismatch(of value: JSON, at path: String = "$") -> String? {
        switch (self, value) {
        case (.any, _), (.string, .string), (.integer, .integer), (.bool, .bool),
            (.number, .number), (.number, .integer), (.nullable, .null):
            return nil
        case (.word(let words), .string(let word)):
            return words.contains(word) ? nil : "\(path): '\(word)' is none of \(words)"
        case (.nullable(let schema), _), (.named(_, let schema), _):
            return schema.mismatch(of: value, at: path)
        case (.array(let schema), .array(let elements)):
            for (index, element) in elements.enumerated() {
                if let found = schema.mismatch(of: element, at: "\(path)[\(index)]") {
                    return found
                }
            }
            return nil
        case (.dictionary(let schema), .object(let members)):
            for member in members {
                if let found = schema.mismatch(of: member.value, at: "\(path).\(member.name)") {
                    return found
                }
            }
            return nil
        case (.object(let expected), .object(let members)):
            return Self.mismatch(of: members, expected, at: path)
        default:
            return "\(path): \(value.text.prefix(40)) is not what it should be"
        }
    }

    private static func mismatch(
        of members: [JSON.Member], _ expected: [Member], at path: String
    ) -> String? {
        for member in expected where member.isRequired {
            guard members.contains(where: { $0.name == member.name }) else {
                return "\(path): '\(member.name)' is missing"
            }
        }
        for (name, value) in members {
            guard let known = expected.first(where: { $0.name == name }) else {
                return "\(path): '\(name)' is not described"
            }
            if let found = known.schema.mismatch(of: value, at: "\(path).\(name)") { return found }
        }
        return nil
    }

    /// As OpenAPI 3.1 writes it. What is named is added to `components` once.
    func description(_ components: inout [JSON.Member]) -> JSON {
        switch self {
        case .string: ["type": "string"]
        case .word(let words): ["type": "string", "enum": .strings(words)]
        case .integer: ["type": "integer", "format": "int64"]
        case .number: ["type": "number"]
        case .bool: ["type": "boolean"]
        case .any: .object([])
        case .array(let schema): ["type": "array", "items": schema.description(&components)]
        case .dictionary(let schema):
            ["type": "object", "additionalProperties": schema.description(&components)]
        case .nullable(let schema):
            ["anyOf": [schema.description(&components), ["type": "null"]]]
        case .named(let name, let schema): Self.reference(to: name, schema, &components)
        case .object(let members): Self.description(of: members, &components)
        }
    }

    private static func reference(
        to name: String, _ schema: Schema, _ components: inout [JSON.Member]
    ) -> JSON {
        if !components.contains(where: { $0.name == name }) {
            let place = components.count
            components.append((name, .null))
            components[place].value = schema.description(&components)
        }
        return ["$ref": .string("#/components/schemas/\(name)")]
    }

    private static func description(
        of members: [Member], _ components: inout [JSON.Member]
    ) -> JSON {
        var properties: [JSON.Member] = []
        for member in members {
            properties.append((member.name, member.schema.description(&components)))
        }
        return [
            "type": "object", "properties": .object(properties),
            "required": .strings(members.filter(\.isRequired).map(\.name)),
            "additionalProperties": false,
        ]
    }
}
