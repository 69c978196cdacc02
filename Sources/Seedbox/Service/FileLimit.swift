import Glibc
import Logging

/// Lets the process open as many files as it may at all: what it is started with is often far less,
/// for the sake of programs that still use `select(2)`.
func raiseFileLimit(_ logger: Logger) {
    let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    var limit = rlimit()
    guard getrlimit(resource, &limit) == 0, limit.rlim_cur < limit.rlim_max else { return }
    // A service manager may allow a thousand million, which nobody needs.
    let wanted = min(limit.rlim_max, rlim_t(Limits.descriptorsMax))
    guard limit.rlim_cur < wanted else { return }
    limit.rlim_cur = wanted
    if setrlimit(resource, &limit) != 0 {
        logger.debug("the limit of open files cannot be raised")
    }
}
