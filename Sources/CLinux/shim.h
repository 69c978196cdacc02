#ifndef SWARM_CLINUX_H
#define SWARM_CLINUX_H

#include <malloc.h>
#include <sched.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <time.h>

// Calls of Linux that the C library declares for _GNU_SOURCE only, and Swift's Glibc therefore
// does not show. They are declared here as their manual pages do.

extern int renameat2(int, const char *, int, const char *, unsigned int);
extern int fallocate(int, int, long, long);
extern int sync_file_range(int, long, long, unsigned int);
extern int pthread_setname_np(unsigned long, const char *);
extern long syscall(long, ...);

/// What the C library calls `struct mmsghdr`: a message, and how many bytes of it were moved.
struct datagram_header {
    struct msghdr message;
    unsigned int byte_count;
};

extern int recvmmsg(int, struct datagram_header *, unsigned int, int, struct timespec *);
extern int sendmmsg(int, struct datagram_header *, unsigned int, int);

/// Renames, and fails with EEXIST where the new name is taken.
static inline int rename_without_replacing(
    int from_folder, const char *from, int to_folder, const char *to) {
    return renameat2(from_folder, from, to_folder, to, 1u);
}

/// Gives the file its blocks up to `length`; EOPNOTSUPP where the file system cannot.
static inline int allocate_blocks(int descriptor, long length) {
    return fallocate(descriptor, 0, 0, length);
}

/// Has the system begin to write these bytes of the file to the disk, if it has not yet.
static inline int begin_to_write_out(int descriptor, long offset, long length) {
    return sync_file_range(descriptor, offset, length, 2u); // SYNC_FILE_RANGE_WRITE
}

/// Notes beside the content of an open file what it is a part of (xattr(7)); -1 where no notes are
/// kept.
static inline int note_whole(int descriptor, const char *whole) {
    return fsetxattr(descriptor, "user.swarm.part-of", whole, strlen(whole), 0);
}

/// Whether that is what is noted.
static inline int is_part_of(int descriptor, const char *whole) {
    char noted[80];
    ssize_t count = fgetxattr(descriptor, "user.swarm.part-of", noted, sizeof noted);
    return count >= 0 && (size_t)count == strlen(whole) && memcmp(noted, whole, (size_t)count) == 0;
}

/// Takes the note away.
static inline void forget_whole(int descriptor) {
    fremovexattr(descriptor, "user.swarm.part-of");
}

/// What kind of file system the open file is on, by its magic number of statfs(2); -1 if none says.
static inline long file_system_kind(int descriptor) {
    struct statfs facts;
    return fstatfs(descriptor, &facts) == 0 ? (long)facts.f_type : -1;
}

/// Whether something keeps the clock right, as the kernel was told; -1 if it does not say.
static inline int clock_is_kept(void) {
    struct timex facts = {0};
    return adjtimex(&facts) < 0 ? -1 : (facts.status & STA_UNSYNC) == 0;
}

/// Names a thread, for those who look at a running process. At most 15 bytes.
static inline int name_thread(unsigned long thread, const char *name) {
    return pthread_setname_np(thread, name);
}

/// What the kernel calls `struct sched_attr`.
struct thread_turns {
    unsigned int size;
    unsigned int policy;
    unsigned long long flags;
    int niceness;
    unsigned int priority;
    unsigned long long nanoseconds;
    unsigned long long deadline;
    unsigned long long period;
};

/// Puts the calling thread before all that have no priority, as soon as it has something to do
/// (sched(7), SCHED_RR); -1 where that is not allowed. Threads that it starts are as others.
static inline int go_before_others(unsigned int priority) {
    struct thread_turns turns = {0};
    turns.size = sizeof turns;
    turns.policy = 2; // SCHED_RR
    turns.flags = 1; // SCHED_FLAG_RESET_ON_FORK
    turns.priority = priority;
    return (int)syscall(SYS_sched_setattr, 0, &turns, 0u);
}

/// Ends that: the calling thread has no priority any more.
static inline int go_with_others(void) {
    struct sched_param none = {0};
    return sched_setscheduler(0, 0x40000000, &none); // SCHED_OTHER, SCHED_RESET_ON_FORK
}

/// Asks for turns of so many nanoseconds on a processor for the calling thread, and for its
/// niceness to be another by `niceness` where it may. Who takes shorter turns gets no more of them
/// in all, but is let in sooner (sched_setattr(2), Linux 6.12; what is older takes no notice).
/// Threads that it starts are as others.
static inline int take_turns(unsigned long nanoseconds, int niceness) {
    struct thread_turns turns = {0};
    if (syscall(SYS_sched_getattr, 0, &turns, (unsigned int)sizeof turns, 0u) < 0) return -1;
    int given = turns.niceness;
    turns.nanoseconds = nanoseconds;
    turns.flags |= 1; // SCHED_FLAG_RESET_ON_FORK
    turns.niceness = given + niceness;
    if (syscall(SYS_sched_setattr, 0, &turns, 0u) == 0) return 0;
    turns.niceness = given;
    return (int)syscall(SYS_sched_setattr, 0, &turns, 0u);
}

/// Gives the system back all pages of the heap in which nothing is.
static inline int give_back_heap(void) { return malloc_trim(0); }

#endif
