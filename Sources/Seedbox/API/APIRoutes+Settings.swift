import HTTPTypes
import JSONText
import Units

/// Settings that can be changed at run time, categories, and groups of limits.
extension APIRoutes {
    var settings: [Route] {
        [
            Route(
                .get, "/api/v1/settings", .read, "All settings, without secrets",
                reply: .dictionary(.any)
            ) { [seedbox] _ in .json(seedbox.settings.json) },
            Route(
                .patch, "/api/v1/settings", .admin,
                "Changes settings, which also holds after a restart", body: .dictionary(.any),
                reply: .dictionary(.any)
            ) { [seedbox] call throws(HTTPFailure) in
                let json = try call.json()
                try await telling { () async throws(SeedboxError) in
                    try await seedbox.changeSettings(SettingsChanges(json))
                }
                return .json(seedbox.settings.json)
            },
            Route(
                .delete, "/api/v1/settings/{name}", .admin,
                "Lets the file, the environment and options decide again over a setting",
                reply: .dictionary(.any)
            ) { [seedbox] call throws(HTTPFailure) in
                try await telling { () async throws(SeedboxError) in
                    try await seedbox.resetSettings([call.parameters["name"] ?? ""])
                }
                return .json(seedbox.settings.json)
            },
        ] + categories + groups
    }

    // MARK: Categories

    private var categories: [Route] {
        let category: [Schema.Member] = [
            .required("name", .string), .required("folder", .nullable(.string)),
            .required("seedingLimits", RowField.seedingLimitsSchema),
        ]
        return [
            Route(
                .get, "/api/v1/categories", .read, "All categories",
                reply: .object([
                    .required("categories", .array(.named("Category", .object(category))))
                ])
            ) { [seedbox] _ in
                let categories = seedbox.settings.categories.map { category -> JSON in
                    [
                        "name": .string(category.name), "folder": .optional(category.folder),
                        "seedingLimits": category.seedingLimits.json,
                    ]
                }
                return .json(["categories": .array(categories)])
            },
            Route(
                .put, "/api/v1/categories/{name}", .admin, "Makes or changes a category",
                body: .object([
                    .optional("folder", .nullable(.string)),
                    .optional("seedingLimits", RowField.seedingLimitsSchema),
                ])
            ) { [seedbox] call throws(HTTPFailure) in
                let name = call.parameters["name"] ?? ""
                var category =
                    seedbox.settings.categories.first { $0.name == name } ?? Category(name: name)
                var input = try JSONInput(call.json())
                if let folder = try input.nullable("folder", "a path", \.string) {
                    category.folder = folder
                }
                category.seedingLimits =
                    try input.seedingLimits("seedingLimits", over: category.seedingLimits)
                    ?? category.seedingLimits
                try input.end()
                let wanted = category
                try await telling { () async throws(SeedboxError) in
                    try await seedbox.setCategory(wanted)
                }
                return .empty
            },
            Route(.delete, "/api/v1/categories/{name}", .admin, "Removes a category") {
                [seedbox] call throws(HTTPFailure) in
                try await telling { () async throws(SeedboxError) in
                    try await seedbox.removeCategory(call.parameters["name"] ?? "")
                }
                return .empty
            },
        ]
    }

    // MARK: Groups

    private var groups: [Route] {
        let limits: [Schema.Member] = [
            .optional("downloadLimit", .nullable(.integer)),
            .optional("uploadLimit", .nullable(.integer)),
        ]
        return [
            Route(
                .get, "/api/v1/groups", .read, "All groups of limits",
                reply: .object([
                    .required(
                        "groups",
                        .array(.named("Group", .object([.required("name", .string)] + limits))))
                ])
            ) { [seedbox] _ in
                let groups = seedbox.settings.limits.groups.map { group -> JSON in
                    [
                        "name": .string(group.name),
                        "downloadLimit": group.downloadLimit.json,
                        "uploadLimit": group.uploadLimit.json,
                    ]
                }
                return .json(["groups": .array(groups)])
            },
            Route(
                .put, "/api/v1/groups/{name}", .admin, "Makes or changes a group of limits",
                body: .object(limits)
            ) { [seedbox] call throws(HTTPFailure) in
                let name = call.parameters["name"] ?? ""
                var group =
                    seedbox.settings.limits.groups.first { $0.name == name }
                    ?? LimitGroup(name: name)
                var input = try JSONInput(call.json())
                if let limit = try input.rate("downloadLimit") { group.downloadLimit = limit }
                if let limit = try input.rate("uploadLimit") { group.uploadLimit = limit }
                try input.end()
                let wanted = group
                try await telling { () async throws(SeedboxError) in
                    try await seedbox.setGroup(wanted)
                }
                return .empty
            },
            Route(.delete, "/api/v1/groups/{name}", .admin, "Removes a group of limits") {
                [seedbox] call throws(HTTPFailure) in
                try await telling { () async throws(SeedboxError) in
                    try await seedbox.removeGroup(call.parameters["name"] ?? "")
                }
                return .empty
            },
        ]
    }
}

extension JSONInput {
    fileprivate mutating func rate(_ name: String) throws(HTTPFailure) -> ByteRate?? {
        try nullable(name, "bytes a second") { json in
            Self.amount(json).flatMap { $0 > 0 ? ByteRate(bytesPerSecond: $0) : nil }
        }
    }
}

extension ByteRate? {
    fileprivate var json: JSON { map { .integer($0.bytesPerSecond) } ?? .null }
}
