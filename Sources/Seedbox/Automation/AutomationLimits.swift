import Units

/// What is done without being asked costs no more than this.
extension Limits {
    // MARK: Watch folders

    /// Bytes of a watched `.torrent`: what a session takes of any.
    static let watchedTorrentBytesMax = 64 << 20
    /// Bytes of a `.magnet`: a link with a hundred trackers has some ten thousand.
    static let watchedMagnetBytesMax = 64 << 10
    /// Bytes of a file's name: what file systems take.
    static let watchedNameBytesMax = 255
    /// Files of a folder that are kept in mind; the others have their turn when these are gone.
    static let watchedFilesMax = 10_000
    /// Entries of a folder that are read in one listing, whatever they are.
    static let watchedEntriesMax = 100_000
    /// Files of one folder that are taken in one turn, so that others have theirs.
    static let watchedTakenMax = 32
    /// Bytes of a reason that is put beside a file.
    static let watchReasonBytesMax = 4 << 10
    /// How long after an event a folder is listed; events that come together are one.
    static let watchSettleTime = Interval.milliseconds(250)
    /// How long a file must look the same before it is taken.
    static let watchStableTime = Interval.seconds(2)
    /// How long a file must look the same before it is given up.
    static let watchPatience = Interval.seconds(30)
    /// The pause between listings where the kernel tells of changes, for what it may miss.
    static let watchRelistTime = Interval.seconds(600)
    /// The shortest pause between listings where nobody tells.
    static let watchPollTimeMin = Interval.seconds(1)
    /// The pause before a folder is listed again that could not be.
    static let watchRetryTime = Interval.seconds(10)
    /// Names that are tried for a file where those put away before have the same.
    static let putAwayNamesMax = 1_000
}

// MARK: - Hooks

extension Limits {
    /// Programs that run at once: each is a process, and may be as hungry as it likes.
    static let hooksAtOnceMax = 4
    /// Programs that wait for their turn; a seedbox that finishes more at once has other troubles.
    static let hooksWaitingMax = 1_000
    /// How long a program may run.
    static let hookTimeMax = Interval.minutes(5)
    /// How long one that was asked to end has for it.
    static let hookGraceTime = Interval.seconds(2)
    /// Bytes of its output that are kept for the log.
    static let hookOutputBytesMax = 4 << 10
    /// Bytes of one variable's value. The kernel takes 128 KiB for one (execve(2)).
    static let hookVariableBytesMax = 32 << 10
}

// MARK: - Reasons

extension Limits {
    /// Connected peers below which a torrent has few: more would hardly be faster.
    static let fewPeers = 10
    /// Seconds of listening after which nobody having come says something.
    static let reachabilityTime: Int64 = 600
    /// Bytes of a tracker's own words in a reason.
    static let quotedTrackerBytesMax = 200
}

// MARK: - Webhooks

extension Limits {
    /// How long one attempt may take, from the look-up of the name to the answer's end.
    static let webhookTimeMax = Interval.seconds(15)
    /// The pauses between attempts; after the last, a message is given up.
    static let webhookPauses: [Interval] = [
        .seconds(5), .seconds(30), .minutes(2), .minutes(10),
    ]
    /// Messages that wait for one server; the oldest makes room for the newest.
    static let webhookMessagesMax = 256
    /// Bytes of what is said of a failure.
    static let webhookReasonBytesMax = 200
}

// MARK: - Settings

extension Limits {
    /// Folders that are watched; the kernel lets a user have 128 such watches by default.
    static let watchFoldersMax = 100
    /// The pause between two looks at whether settings have changed.
    static let settingsLookTime = Interval.seconds(2)
}

// MARK: - Storage

extension Limits {
    /// How long a disk must be well before that is told: one that is full has room now and then.
    static let storageWellTime = Interval.seconds(30)
    /// The pause between two looks at what has changed.
    static let storageLookTime = Interval.seconds(5)
}
