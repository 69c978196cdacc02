import JSONText

extension TransmissionRPC {
    func sessionStats(_ spelling: Spelling) -> JSON {
        let statistics = seedbox.statistics
        var (active, paused, count) = (0, 0, 0)
        seedbox.catalogue.withRows { rows in
            for row in rows {
                count += 1
                if row.state == .paused { paused += 1 }
                if row.state.isActive { active += 1 }
            }
        }
        return [
            spelling.name("activeTorrentCount"): .count(active),
            spelling.name("pausedTorrentCount"): .count(paused),
            spelling.name("torrentCount"): .count(count),
            spelling.name("downloadSpeed"): .integer(statistics.downloadRate),
            spelling.name("uploadSpeed"): .integer(statistics.uploadRate),
            spelling.name("current-stats"): totals(statistics.thisRun, spelling),
            spelling.name("cumulative-stats"): totals(statistics.allTime, spelling),
        ]
    }

    private func totals(_ totals: SessionStatistics.Totals, _ spelling: Spelling) -> JSON {
        [
            spelling.name("downloadedBytes"): .integer(totals.downloaded),
            spelling.name("uploadedBytes"): .integer(totals.uploaded),
            spelling.name("secondsActive"): .integer(totals.secondsActive),
            spelling.name("sessionCount"): .integer(totals.sessions),
            spelling.name("filesAdded"): .integer(totals.torrentsAdded),
        ]
    }
}
