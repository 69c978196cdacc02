import Units

/// What a node keeps and does at most.
extension Limits {
    // MARK: Routing table

    /// Nodes of a bucket, and nodes that a search looks for: k (BEP 5, "Routing Table").
    static let bucketSize = 8
    /// The most nodes of the bucket that shares nothing with us. 128 of them spare a lookup most of
    /// a hop; more than 512 are hardly kept alive within 15 minutes.
    static let rootCapacityMax = 512
    /// Buckets: one for each length of a shared prefix.
    static let bucketsMax = 160
    /// Nodes of one /24 or /64 in the whole table, so that a rented network does not fill it.
    static let nodesOfNetworkMax = 2
    /// Nodes that wait for a place in the table.
    static let sparesMax = 16
    /// Places that a full table grows by.
    static let tableGrowth = 16
    /// Queries in a row without answer after which a node makes room for one that waits.
    static let failuresBeforeReplacement = 2
    /// Queries in a row without answer after which a node is given up in any case.
    static let failuresMax = 5
    /// The most that one search of the table finds.
    static let closestMax = 16

    /// One in so many of a list may be a node whose id is not secure, while there are others.
    static let unverifiedPart = 4

    // MARK: Lookups

    /// Queries under way to the nearest, on the way there: α of the Kademlia paper.
    static let parallelQueries = 4
    /// Queries under way once the nearest are found and all of them are asked.
    static let closingQueriesMax = 12
    /// Queries of one lookup: endless inventions end here.
    static let lookupQueriesMax = 64
    /// How long a lookup lasts.
    static let lookupDuration = Interval.seconds(30)
    /// Nodes that a lookup keeps in mind.
    static let candidatesMax = 100
    /// Nodes of our table that it begins with.
    static let seedsMax = 16
    /// Nodes that are taken from one answer; `KRPCMessage` gives no more.
    static let nodesTakenMax = 16
    /// Ids that one address may have been named with.
    static let idsOfAddressMax = 2
    /// Candidates of one /24 or /64.
    static let candidatesOfNetworkMax = 3
    /// Nodes that are expected, at least, where an answer names eight.
    static let densityMin = 1.0
    /// Nodes that are expected, at most, as near as the eighth that is known when all of the
    /// nearest are asked at once.
    static let closingDensity = 24.0
    /// Questions for nodes at the edge of the nearest, of one lookup.
    static let sweepsMax = 8
    /// How many of the nearest have answered before the edge is asked for.
    static let answersBeforeSweep = 5
    /// Nodes that are expected, at most, as near as the eighth that answered; beyond it others are
    /// asked as well, until the lookup has asked so many.
    static let sparseAbove = 13.0
    static let sparseQueriesMax = 48
    /// Nodes that one alone has named and that do not answer, until it is doubted. Of three in a
    /// row in an honest list, where three in ten are dead, one in 40 is all dead.
    static let lossesMax: UInt8 = 3
    /// Ways by which the nearest must have been named before a lookup rests.
    static let pathsWanted = 2
}

extension Limits {
    // MARK: A node's work

    /// Pieces of work at once: a lookup keeps up to 12 KiB.
    static let worksMax = 256
    /// Queries that may still be answered.
    static let transactionsMax = 2048
    /// How long an answer is waited for at all.
    static let answerTime = Interval.seconds(4)
    /// How long what is stored may be on its way, at least.
    static let storeTimeMin = Interval.seconds(1)
    /// Permissions to store, and holders of an item, that one lookup remembers.
    static let grantsMax = 64
    /// What nine in ten answers take, as long as nothing is known.
    static let patienceDefault = Interval.milliseconds(180)
    /// The least that is waited before somebody else is asked too.
    static let patienceMin = Interval.milliseconds(20)
    /// The most: slower answers are still taken, but not waited for.
    static let patienceMax = Interval.seconds(1)

    // MARK: Joining and the table's upkeep

    /// Addresses to begin with.
    static let bootstrapEndpointsMax = 32
    /// The pause before addresses that nobody answered from are asked again; it doubles.
    static let joinRetryMin = Interval.seconds(2)
    /// The longest such pause.
    static let joinRetryMax = Interval.minutes(5)
    /// How often the pause is doubled at most: 2 s · 2⁸ is over 5 minutes.
    static let joinDoublingsMax = 8
    /// An address that somebody names is not asked again before.
    static let askAgainAfter = Interval.minutes(5)
    /// Named addresses that are remembered for that; when there are as many, no more are asked.
    static let askedMax = 256
    /// Good nodes from which on strangers' hints are not needed.
    static let goodNodesWanted = 200
    /// Nodes that wait to be asked whether they are there.
    static let wantedMax = 8
    /// A node that answered is good for so long (BEP 5, "Routing Table").
    static let goodFor = Interval.minutes(15)
    /// The pause between two steps of upkeep, at least.
    static let maintenanceIntervalMin = Interval.seconds(1)
    /// The pause between two steps of upkeep, at most.
    static let maintenanceIntervalMax = Interval.seconds(60)
    /// The pause between two steps of upkeep while nobody answers.
    static let maintenanceIntervalOffline = Interval.seconds(30)
    /// Lookups that fill far buckets after joining.
    static let refreshesAfterJoining = 4
    /// Nodes that are saved for the next run, of each family.
    static let savedContactsMax = 400

    /// Nodes of which is known until when they have no new sample (BEP 51).
    static let sampledNodesMax = 1024

    // MARK: Our address (BEP 42)

    /// An id stays for so long, whatever others say of our address.
    static let idLifeMin = Interval.minutes(10)

    /// Votes that are remembered.
    static let addressVotesMax = 16
    /// Networks that must agree, by at least two lookups.
    static let addressVotesNeeded = 5
}
