import HTTPTypes
import JSONText

/// The description of routes that other programs read, made of the routes themselves.
enum OpenAPI {
    static func document(of routes: [Route], version: String) -> JSON {
        var components: [JSON.Member] = []
        let error = Schema.named("Error", errorSchema).description(&components)
        var paths: [JSON.Member] = []
        for route in routes {
            let operation = describe(route, error: error, &components)
            let member = (name: route.method.rawValue.lowercased(), value: operation)
            if let index = paths.firstIndex(where: { $0.name == route.pattern }) {
                paths[index].value = .object((paths[index].value.members ?? []) + [member])
            } else {
                paths.append((route.pattern, .object([member])))
            }
        }
        return [
            "openapi": "3.1.0",
            "info": ["title": "swarm", "version": .string(version)],
            "security": [["basic": []], ["bearer": []], .object([])],
            "paths": .object(paths),
            "components": [
                "schemas": .object(components),
                "securitySchemes": [
                    "basic": ["type": "http", "scheme": "basic"],
                    "bearer": ["type": "http", "scheme": "bearer"],
                ],
            ],
        ]
    }

    static let errorSchema = Schema.object([
        .required(
            "error", .object([.required("code", .string), .required("message", .string)]))
    ])

    private static func describe(
        _ route: Route, error: JSON, _ components: inout [JSON.Member]
    ) -> JSON {
        var members: [JSON.Member] = [
            ("summary", .string(route.summary)), ("x-scope", .string(route.scope.rawValue)),
        ]
        var parameters: [JSON] = []
        for part in route.pattern.split(separator: "/") where part.hasPrefix("{") {
            parameters.append([
                "name": .string(String(part.dropFirst().dropLast())), "in": "path",
                "required": true, "schema": ["type": "string"],
            ])
        }
        for (name, schema) in route.query {
            parameters.append([
                "name": .string(name), "in": "query",
                "schema": schema.description(&components),
            ])
        }
        if !parameters.isEmpty { members.append(("parameters", .array(parameters))) }
        if let body = route.body {
            let content: JSON = [
                "application/json": ["schema": body.description(&components)]
            ]
            members.append(("requestBody", ["content": content]))
        }
        var success: [JSON.Member] = [("description", "Done")]
        if let reply = route.reply {
            success.append(
                ("content", ["application/json": ["schema": reply.description(&components)]]))
        } else if let type = route.replyType {
            success.append(("content", .object([(type, .object([]))])))
        }
        members.append(
            (
                "responses",
                [
                    "2XX": .object(success),
                    "default": [
                        "description": "Not done",
                        "content": ["application/json": ["schema": error]],
                    ],
                ]
            ))
        return .object(members)
    }
}
