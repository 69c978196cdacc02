import NIOCore
import NIOHTTPTypes
import Synchronization

/// The open connections of the server. One too many closes the one that has been idle for the
/// longest, so that nobody can shut others out by doing nothing.
final class Connections: Sendable {
    private struct Entry: Sendable {
        let channel: any Channel
        /// Nil while something is asked or answered.
        var idleSince: UInt64?
        /// Called when its reader leaves, if its answer ends only then.
        var onLeaving: (@Sendable () -> Void)?
    }

    private struct State: Sendable {
        var entries: [ObjectIdentifier: Entry] = [:]
        var clock: UInt64 = 0
        var bodyBytes = 0
        var endless = 0
    }

    private let state = Mutex(State())
    private let countMax: Int
    private let endlessMax: Int

    init(countMax: Int = Limits.connectionsMax, endlessMax: Int = Limits.subscribersMax) {
        self.countMax = countMax
        self.endlessMax = endlessMax
    }

    var count: Int { state.withLock { $0.entries.count } }

    /// Takes up a connection. False if all others are busy: then it is to be closed.
    func admit(_ channel: any Channel) -> Bool {
        let (isAdmitted, victim) = state.withLock { state -> (Bool, (any Channel)?) in
            var victim: (any Channel)?
            if state.entries.count >= countMax {
                let idle = state.entries.filter { $0.value.idleSince != nil }
                guard
                    let oldest = idle.min(by: {
                        ($0.value.idleSince ?? 0) < ($1.value.idleSince ?? 0)
                    })
                else { return (false, nil) }
                victim = oldest.value.channel
                state.entries[oldest.key] = nil
            }
            state.clock += 1
            state.entries[ObjectIdentifier(channel)] = Entry(
                channel: channel, idleSince: state.clock)
            return (true, victim)
        }
        victim?.close(promise: nil)
        return isAdmitted
    }

    func forget(_ channel: any Channel) {
        let onLeaving = state.withLock { state in
            let entry = state.entries.removeValue(forKey: ObjectIdentifier(channel))
            if entry?.onLeaving != nil { state.endless -= 1 }
            return entry?.onLeaving
        }
        onLeaving?()
    }

    func mark(_ channel: any Channel, isIdle: Bool) {
        state.withLock { state in
            state.clock += 1
            let clock = state.clock
            state.entries[ObjectIdentifier(channel)]?.idleSince = isIdle ? clock : nil
        }
    }

    /// Makes the connection one of those whose answer does not end; false if there are too many.
    func makeEndless(
        _ channel: any Channel, onLeaving: @escaping @Sendable () -> Void
    ) -> Bool {
        state.withLock { state in
            let key = ObjectIdentifier(channel)
            guard state.endless < endlessMax, let entry = state.entries[key],
                entry.onLeaving == nil
            else { return false }
            state.entries[key]?.onLeaving = onLeaving
            state.endless += 1
            return true
        }
    }

    func isEndless(_ channel: any Channel) -> Bool {
        state.withLock { $0.entries[ObjectIdentifier(channel)]?.onLeaving != nil }
    }

    /// Sets bytes of memory aside for a body; false if too much is set aside already.
    func reserve(bodyBytes: Int) -> Bool {
        state.withLock { state in
            guard state.bodyBytes + bodyBytes <= Limits.bodiesBytesMax else { return false }
            state.bodyBytes += bodyBytes
            return true
        }
    }

    func release(bodyBytes: Int) { state.withLock { $0.bodyBytes -= bodyBytes } }

    /// Ends the answers that would not end by themselves.
    func closeEndless() {
        let channels = state.withLock { state in
            state.entries.values.filter { $0.onLeaving != nil }.map(\.channel)
        }
        for channel in channels { channel.close(promise: nil) }
    }

    func closeAll() {
        let channels = state.withLock { state in state.entries.values.map(\.channel) }
        for channel in channels { channel.close(promise: nil) }
    }
}

/// Closes a connection that makes no progress. It stands before the decoder, so that it also sees
/// the bytes of a head that never ends.
final class ConnectionWatch: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let connections: Connections
    private var phase: ConnectionPhase
    private var wasIdle = true
    private var timer: Scheduled<Void>?

    init(_ connections: Connections) {
        self.connections = connections
        self.phase = ConnectionPhase(now: Self.now)
    }

    func handlerAdded(context: ChannelHandlerContext) { arm(context) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        change(context) { $0.bytesCame(now: Self.now) }
        context.fireChannelRead(data)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        let stalls = !context.channel.isWritable
        change(context) { $0.readerStalls(stalls, now: Self.now) }
        context.fireChannelWritabilityChanged()
    }

    /// The reader of an answer that does not end has nothing more to say: it has left.
    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed? = event as? ChannelEvent,
            connections.isEndless(context.channel)
        {
            context.close(promise: nil)
        }
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) {
        timer?.cancel()
        timer = nil
        connections.forget(context.channel)
        context.fireChannelInactive()
    }

    func change(_ context: ChannelHandlerContext, _ change: (inout ConnectionPhase) -> Void) {
        change(&phase)
        if phase.isIdle != wasIdle {
            wasIdle = phase.isIdle
            connections.mark(context.channel, isIdle: wasIdle)
        }
        arm(context)
    }

    /// One timer, which looks at the deadline when it is due: most deadlines move before.
    private func arm(_ context: ChannelHandlerContext) {
        guard timer == nil, let deadline = phase.deadline else { return }
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        let wait = TimeAmount.nanoseconds(max(0, deadline - Self.now))
        timer = context.eventLoop.scheduleTask(in: wait) {
            let (watch, context) = bound.value
            watch.timer = nil
            guard let deadline = watch.phase.deadline else { return }
            if deadline <= Self.now {
                context.close(promise: nil)
            } else {
                watch.arm(context)
            }
        }
    }

    private static var now: Int64 { Int64(clamping: NIODeadline.now().uptimeNanoseconds) }
}

/// Tells the watch where requests and answers begin and end. It stands after the decoder.
final class PartWatch: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private var watch: (handler: ConnectionWatch, context: ChannelHandlerContext)?

    func handlerAdded(context: ChannelHandlerContext) {
        let pipeline = context.pipeline.syncOperations
        guard let handler = try? pipeline.handler(type: ConnectionWatch.self),
            let watchContext = try? pipeline.context(handler: handler)
        else { return }
        watch = (handler, watchContext)
    }

    func handlerRemoved(context: ChannelHandlerContext) { watch = nil }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let now = Int64(clamping: NIODeadline.now().uptimeNanoseconds)
        let part = unwrapInboundIn(data)
        if let watch {
            watch.handler.change(watch.context) { phase in
                switch part {
                case .head: phase.headCame(now: now)
                case .body: phase.bodyCame(now: now)
                case .end: phase.requestEnded(now: now)
                }
            }
        }
        context.fireChannelRead(data)
    }

    func write(
        context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?
    ) {
        if case .end = unwrapOutboundIn(data), let watch {
            let now = Int64(clamping: NIODeadline.now().uptimeNanoseconds)
            watch.handler.change(watch.context) { $0.answerEnded(now: now) }
        }
        context.write(data, promise: promise)
    }
}
