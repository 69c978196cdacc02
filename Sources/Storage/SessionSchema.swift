import GRDB

/// The tables, by the versions in which they came.
enum SessionSchema {
    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1", foreignKeyChecks: .immediate) { db in
            try db.execute(sql: version1)
        }
        migrator.registerMigration("2") { db in
            // The magnet link of a torrent whose metadata is still to come.
            try db.execute(sql: "ALTER TABLE torrents ADD COLUMN link TEXT")
        }
        migrator.registerMigration("3") { db in try db.execute(sql: version3) }
        migrator.registerMigration("moves") { db in
            // The content of these is on its way from one folder to another.
            try db.execute(
                sql: """
                    CREATE TABLE moves (
                        torrent INTEGER PRIMARY KEY REFERENCES torrents (id) ON DELETE CASCADE,
                        source TEXT NOT NULL,
                        target TEXT NOT NULL,
                        entries BLOB NOT NULL
                    )
                    """)
        }
        migrator.registerMigration("names") { db in try db.execute(sql: names) }
        migrator.registerMigration("peers") { db in
            // Whom to dial first when the torrent goes on.
            try db.execute(
                sql: """
                    CREATE TABLE peers (
                        torrent INTEGER PRIMARY KEY REFERENCES torrents (id) ON DELETE CASCADE,
                        endpoints BLOB NOT NULL
                    )
                    """)
        }
        return migrator
    }

    /// What users call files and folders, by the paths that the torrents have for them; and what
    /// is being renamed, which a crash must not leave half done.
    private static let names = """
        CREATE TABLE names (
            torrent INTEGER NOT NULL REFERENCES torrents (id) ON DELETE CASCADE,
            path TEXT NOT NULL,
            name TEXT NOT NULL,
            PRIMARY KEY (torrent, path)
        ) WITHOUT ROWID;
        CREATE TABLE renames (
            torrent INTEGER PRIMARY KEY REFERENCES torrents (id) ON DELETE CASCADE,
            path TEXT NOT NULL,
            name TEXT,
            steps BLOB NOT NULL
        );
        """

    /// `torrents.hash` is what the torrent is known by on the wire; one torrent may be kept in
    /// several folders. What changes often and is long stands in tables of its own. Arrays of
    /// numbers are big-endian, 32 bits each.
    private static let version1 = """
        CREATE TABLE torrents (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            hash BLOB NOT NULL,
            v1 BLOB,
            v2 BLOB,
            folder TEXT NOT NULL,
            name TEXT NOT NULL,
            metainfo BLOB,
            selection BLOB,
            added INTEGER NOT NULL,
            completed INTEGER,
            uploaded INTEGER NOT NULL DEFAULT 0,
            downloaded INTEGER NOT NULL DEFAULT 0,
            UNIQUE (hash, folder)
        );
        CREATE INDEX torrents_v2 ON torrents (v2);
        CREATE TABLE resume (
            torrent INTEGER PRIMARY KEY REFERENCES torrents (id) ON DELETE CASCADE,
            piece_count INTEGER NOT NULL,
            pieces BLOB NOT NULL,
            digest BLOB NOT NULL,
            folder_device INTEGER NOT NULL,
            folder_inode INTEGER NOT NULL
        );
        CREATE TABLE tails (
            torrent INTEGER PRIMARY KEY REFERENCES torrents (id) ON DELETE CASCADE,
            pieces BLOB NOT NULL,
            ended INTEGER NOT NULL
        );
        CREATE TABLE files (
            torrent INTEGER NOT NULL REFERENCES torrents (id) ON DELETE CASCADE,
            number INTEGER NOT NULL,
            device INTEGER NOT NULL,
            inode INTEGER NOT NULL,
            size INTEGER NOT NULL,
            modified INTEGER NOT NULL,
            is_whole INTEGER NOT NULL,
            PRIMARY KEY (torrent, number)
        ) WITHOUT ROWID;
        """

    /// What a seedbox keeps of each of its torrents, in columns that are read without the metainfo
    /// and are short, as the counters among them are written every some seconds. `labels` are
    /// lines; `file_priorities` are pairs of numbers.
    private static let version3 = """
        CREATE TABLE seedbox (
            torrent INTEGER PRIMARY KEY REFERENCES torrents (id) ON DELETE CASCADE,
            is_paused INTEGER NOT NULL,
            position INTEGER NOT NULL,
            bypasses INTEGER NOT NULL,
            labels TEXT NOT NULL,
            category TEXT,
            limit_group TEXT,
            priority INTEGER NOT NULL,
            sequential INTEGER NOT NULL,
            honours INTEGER NOT NULL,
            down_limit INTEGER,
            up_limit INTEGER,
            peers_max INTEGER,
            ratio REAL,
            seed_time INTEGER,
            idle INTEGER,
            action TEXT,
            file_priorities BLOB,
            length INTEGER,
            file_count INTEGER,
            piece_count INTEGER,
            piece_length INTEGER,
            is_private INTEGER,
            tracker TEXT,
            bytes_wanted INTEGER NOT NULL,
            bytes_done INTEGER NOT NULL,
            downloaded INTEGER NOT NULL,
            uploaded INTEGER NOT NULL,
            wasted INTEGER NOT NULL,
            seconds_down INTEGER NOT NULL,
            seconds_seed INTEGER NOT NULL,
            added INTEGER NOT NULL,
            completed INTEGER,
            last_active INTEGER
        );
        CREATE TABLE seedbox_values (
            name TEXT PRIMARY KEY,
            value TEXT NOT NULL
        ) WITHOUT ROWID;
        """
}
