#include "engine/nodebox/filter.hpp"

#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>

#include <array>
#include <cerrno>
#include <cstdint>

namespace sallyport::engine::nodebox {
namespace {

// What Node, its threads and its file access use. What is not here fails as on a kernel that does
// not have it; nothing here opens a socket, starts a process, or reaches into one.
constexpr std::array kAllowed = {SCMP_SYS(access),
                                 SCMP_SYS(arch_prctl),
                                 SCMP_SYS(brk),
                                 SCMP_SYS(capget),
                                 SCMP_SYS(chdir),
                                 SCMP_SYS(chmod),
                                 SCMP_SYS(clock_getres),
                                 SCMP_SYS(clock_gettime),
                                 SCMP_SYS(clock_nanosleep),
                                 SCMP_SYS(close),
                                 SCMP_SYS(close_range),
                                 SCMP_SYS(copy_file_range),
                                 SCMP_SYS(dup),
                                 SCMP_SYS(dup2),
                                 SCMP_SYS(dup3),
                                 SCMP_SYS(epoll_create),
                                 SCMP_SYS(epoll_create1),
                                 SCMP_SYS(epoll_ctl),
                                 SCMP_SYS(epoll_pwait),
                                 SCMP_SYS(epoll_pwait2),
                                 SCMP_SYS(epoll_wait),
                                 SCMP_SYS(eventfd2),
                                 SCMP_SYS(execve),
                                 SCMP_SYS(exit),
                                 SCMP_SYS(exit_group),
                                 SCMP_SYS(faccessat),
                                 SCMP_SYS(faccessat2),
                                 SCMP_SYS(fadvise64),
                                 SCMP_SYS(fchmod),
                                 SCMP_SYS(fchmodat),
                                 SCMP_SYS(fcntl),
                                 SCMP_SYS(fdatasync),
                                 SCMP_SYS(flock),
                                 SCMP_SYS(fstat),
                                 SCMP_SYS(fstatfs),
                                 SCMP_SYS(fsync),
                                 SCMP_SYS(ftruncate),
                                 SCMP_SYS(futex),
                                 SCMP_SYS(futex_waitv),
                                 SCMP_SYS(get_mempolicy),
                                 SCMP_SYS(get_robust_list),
                                 SCMP_SYS(getcpu),
                                 SCMP_SYS(getcwd),
                                 SCMP_SYS(getdents64),
                                 SCMP_SYS(getegid),
                                 SCMP_SYS(geteuid),
                                 SCMP_SYS(getgid),
                                 SCMP_SYS(getgroups),
                                 SCMP_SYS(getpgrp),
                                 SCMP_SYS(getpid),
                                 SCMP_SYS(getppid),
                                 SCMP_SYS(getpriority),
                                 SCMP_SYS(getrandom),
                                 SCMP_SYS(getresgid),
                                 SCMP_SYS(getresuid),
                                 SCMP_SYS(getrlimit),
                                 SCMP_SYS(getrusage),
                                 SCMP_SYS(getsockname),
                                 SCMP_SYS(getsockopt),
                                 SCMP_SYS(gettid),
                                 SCMP_SYS(gettimeofday),
                                 SCMP_SYS(getuid),
                                 SCMP_SYS(ioctl),
                                 SCMP_SYS(kill),
                                 SCMP_SYS(link),
                                 SCMP_SYS(linkat),
                                 SCMP_SYS(lseek),
                                 SCMP_SYS(lstat),
                                 SCMP_SYS(madvise),
                                 SCMP_SYS(membarrier),
                                 SCMP_SYS(mkdir),
                                 SCMP_SYS(mkdirat),
                                 SCMP_SYS(mprotect),
                                 SCMP_SYS(mremap),
                                 SCMP_SYS(munmap),
                                 SCMP_SYS(nanosleep),
                                 SCMP_SYS(newfstatat),
                                 SCMP_SYS(open),
                                 SCMP_SYS(openat),
                                 SCMP_SYS(pipe),
                                 SCMP_SYS(pipe2),
                                 SCMP_SYS(poll),
                                 SCMP_SYS(ppoll),
                                 SCMP_SYS(pread64),
                                 SCMP_SYS(preadv),
                                 SCMP_SYS(prctl),
                                 SCMP_SYS(prlimit64),
                                 SCMP_SYS(pwrite64),
                                 SCMP_SYS(pwritev),
                                 SCMP_SYS(read),
                                 SCMP_SYS(readlink),
                                 SCMP_SYS(readlinkat),
                                 SCMP_SYS(readv),
                                 SCMP_SYS(rename),
                                 SCMP_SYS(renameat),
                                 SCMP_SYS(renameat2),
                                 SCMP_SYS(restart_syscall),
                                 SCMP_SYS(rmdir),
                                 SCMP_SYS(rseq),
                                 SCMP_SYS(rt_sigaction),
                                 SCMP_SYS(rt_sigpending),
                                 SCMP_SYS(rt_sigprocmask),
                                 SCMP_SYS(rt_sigreturn),
                                 SCMP_SYS(rt_sigsuspend),
                                 SCMP_SYS(rt_sigtimedwait),
                                 SCMP_SYS(sched_get_priority_max),
                                 SCMP_SYS(sched_get_priority_min),
                                 SCMP_SYS(sched_getaffinity),
                                 SCMP_SYS(sched_getattr),
                                 SCMP_SYS(sched_getparam),
                                 SCMP_SYS(sched_getscheduler),
                                 SCMP_SYS(sched_yield),
                                 SCMP_SYS(select),
                                 SCMP_SYS(pselect6),
                                 SCMP_SYS(sendfile),
                                 SCMP_SYS(set_robust_list),
                                 SCMP_SYS(set_tid_address),
                                 SCMP_SYS(setpriority),
                                 SCMP_SYS(sigaltstack),
                                 SCMP_SYS(stat),
                                 SCMP_SYS(statfs),
                                 SCMP_SYS(statx),
                                 SCMP_SYS(symlink),
                                 SCMP_SYS(symlinkat),
                                 SCMP_SYS(sysinfo),
                                 SCMP_SYS(tgkill),
                                 SCMP_SYS(timer_create),
                                 SCMP_SYS(timer_delete),
                                 SCMP_SYS(timer_settime),
                                 SCMP_SYS(truncate),
                                 SCMP_SYS(umask),
                                 SCMP_SYS(uname),
                                 SCMP_SYS(unlink),
                                 SCMP_SYS(unlinkat),
                                 SCMP_SYS(utimensat),
                                 SCMP_SYS(write),
                                 SCMP_SYS(writev)};

// Told apart from "not there": who asks shall read that it may not.
constexpr std::array kForbidden = {SCMP_SYS(socket),
                                   SCMP_SYS(socketpair),
                                   SCMP_SYS(connect),
                                   SCMP_SYS(bind),
                                   SCMP_SYS(listen),
                                   SCMP_SYS(accept),
                                   SCMP_SYS(accept4),
                                   SCMP_SYS(sendto),
                                   SCMP_SYS(sendmsg),
                                   SCMP_SYS(recvmsg),
                                   SCMP_SYS(fork),
                                   SCMP_SYS(vfork),
                                   SCMP_SYS(ptrace),
                                   SCMP_SYS(process_vm_readv),
                                   SCMP_SYS(process_vm_writev),
                                   SCMP_SYS(pidfd_open),
                                   SCMP_SYS(pidfd_getfd),
                                   SCMP_SYS(setuid),
                                   SCMP_SYS(setgid),
                                   SCMP_SYS(setgroups),
                                   SCMP_SYS(mount),
                                   SCMP_SYS(umount2),
                                   SCMP_SYS(unshare),
                                   SCMP_SYS(setns),
                                   SCMP_SYS(chroot),
                                   SCMP_SYS(pivot_root),
                                   SCMP_SYS(bpf),
                                   SCMP_SYS(keyctl),
                                   SCMP_SYS(mknod),
                                   SCMP_SYS(mknodat)};

class Filter {
  public:
    Filter() : context_(seccomp_init(SCMP_ACT_ERRNO(ENOSYS))) {}
    ~Filter() {
        if (context_ != nullptr) {
            seccomp_release(context_);
        }
    }
    Filter(const Filter&) = delete;
    Filter& operator=(const Filter&) = delete;

    void add(std::uint32_t action, int call) {
        note(seccomp_rule_add_array(context_, action, call, 0, nullptr));
    }
    void add(std::uint32_t action, int call, scmp_arg_cmp when) {
        note(seccomp_rule_add_array(context_, action, call, 1, &when));
    }
    // 0, or the first error.
    int load() {
        if (context_ == nullptr) {
            return ENOMEM;
        }
        note(seccomp_load(context_));
        return error_;
    }

  private:
    void note(int status) { error_ = error_ == 0 ? -status : error_; }

    scmp_filter_ctx context_;
    int error_ = 0;
};

}  // namespace

int install_filter() {
    Filter filter;
    for (const int call : kAllowed) {
        filter.add(SCMP_ACT_ALLOW, call);
    }
    for (const int call : kForbidden) {
        filter.add(SCMP_ACT_ERRNO(EPERM), call);
    }
    // Threads are made, processes are not. clone3 hides its flags from the filter: without it the
    // C library uses clone.
    filter.add(SCMP_ACT_ALLOW, SCMP_SYS(clone),
               {0, SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD});
    filter.add(SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), {0, SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0});
    // Shared memory escapes the limit of the process's data.
    filter.add(SCMP_ACT_ALLOW, SCMP_SYS(mmap), {3, SCMP_CMP_MASKED_EQ, MAP_SHARED, 0});
    filter.add(SCMP_ACT_ERRNO(EPERM), SCMP_SYS(mmap),
               {3, SCMP_CMP_MASKED_EQ, MAP_SHARED, MAP_SHARED});
    return filter.load();
}

}  // namespace sallyport::engine::nodebox
