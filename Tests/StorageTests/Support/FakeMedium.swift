import Glibc
import Synchronization

@testable import Storage

/// A disk that does what it is told.
final class FakeMedium: Sendable {
    struct Behaviour: Sendable {
        /// Given to the next calls, each once; 0 lets one pass.
        var writeErrors: ArraySlice<Int32> = []
        var readErrors: ArraySlice<Int32> = []
        var syncErrors: ArraySlice<Int32> = []
        var writeOutErrors: ArraySlice<Int32> = []
        /// Given to every write until it is taken away.
        var everyWrite: Int32 = 0
        /// No call writes or reads more.
        var callMax = Int.max
        /// Every other call is interrupted.
        var interrupts = false
        var calls = 0
    }

    let behaviour = Mutex(Behaviour())

    func set(_ change: (inout sending Behaviour) -> Void) { behaviour.withLock { change(&$0) } }

    var medium: Medium {
        Medium(
            read: { [self] descriptor, buffer, offset in
                let (error, count) = next(buffer.count) { $0.readErrors.popFirst() }
                guard error == 0 else { return Self.fail(error) }
                return pread(descriptor, buffer.baseAddress, count, off_t(offset))
            },
            write: { [self] descriptor, bytes, offset in
                let every = behaviour.withLock { $0.everyWrite }
                guard every == 0 else { return Self.fail(every) }
                let (error, count) = next(bytes.count) { $0.writeErrors.popFirst() }
                guard error == 0 else { return Self.fail(error) }
                return pwrite(descriptor, bytes.baseAddress, count, off_t(offset))
            },
            sync: { [self] descriptor in
                let (error, _) = next(0) { $0.syncErrors.popFirst() }
                guard error == 0 else { return Int32(Self.fail(error)) }
                return fdatasync(descriptor)
            },
            writeOut: { [self] _, _, _ in
                let error = behaviour.withLock { $0.writeOutErrors.popFirst() } ?? 0
                return error == 0 ? 0 : Int32(Self.fail(error))
            })
    }

    private func next(
        _ count: Int, _ error: (inout Behaviour) -> Int32?
    ) -> (Int32, Int) {
        behaviour.withLock { behaviour in
            behaviour.calls += 1
            if behaviour.interrupts, behaviour.calls % 2 == 0 { return (EINTR, 0) }
            return (error(&behaviour) ?? 0, min(count, behaviour.callMax))
        }
    }

    private static func fail(_ error: Int32) -> Int {
        errno = error
        return -1
    }
}
