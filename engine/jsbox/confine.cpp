#include "engine/jsbox/confine.hpp"

#include "engine/jsbox/channel.hpp"
#include "engine/jsbox/private_pages.hpp"

#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <initializer_list>

namespace sallyport::engine::jsbox {
namespace {

// What the process may hold beside the guest's memory: frames in transit, their parts, the
// snapshot.
constexpr rlim_t kHostDataBytesMax = 192u << 20;

bool complain(const char* what, int error) {
    std::fprintf(stderr, "sallyport-jsbox: %s: %s\n", what, std::strerror(error));
    return false;
}

bool limit(int resource, const char* name, rlim_t value) {
    const rlimit wanted{value, value};
    return setrlimit(static_cast<__rlimit_resource_t>(resource), &wanted) == 0 ||
           complain(name, errno);
}

bool lower_limits() {
    return limit(RLIMIT_CORE, "RLIMIT_CORE", 0) && limit(RLIMIT_FSIZE, "RLIMIT_FSIZE", 0) &&
           limit(RLIMIT_NOFILE, "RLIMIT_NOFILE", kChannelFd + 1) &&
           limit(RLIMIT_NPROC, "RLIMIT_NPROC", 0) && limit(RLIMIT_MEMLOCK, "RLIMIT_MEMLOCK", 0) &&
           limit(RLIMIT_DATA, "RLIMIT_DATA", kMemoryBytesMax + kHostDataBytesMax);
}

class Filter {
  public:
    Filter() : context_(seccomp_init(SCMP_ACT_KILL_PROCESS)) {}
    ~Filter() {
        if (context_ != nullptr) {
            seccomp_release(context_);
        }
    }
    Filter(const Filter&) = delete;
    Filter& operator=(const Filter&) = delete;

    void allow(int call) {
        add(seccomp_rule_add_array(context_, SCMP_ACT_ALLOW, call, 0, nullptr));
    }
    void allow_when(int call, std::initializer_list<scmp_arg_cmp> conditions) {
        add(seccomp_rule_add_array(context_, SCMP_ACT_ALLOW, call,
                                   static_cast<unsigned>(conditions.size()), conditions.begin()));
    }
    // 0, or the first error.
    int load() {
        if (context_ == nullptr) {
            return ENOMEM;
        }
        add(seccomp_load(context_));
        return error_;
    }

  private:
    void add(int status) { error_ = error_ == 0 ? -status : error_; }

    scmp_filter_ctx context_;
    int error_ = 0;
};

scmp_arg_cmp equals(unsigned argument, scmp_datum_t value) {
    return {argument, SCMP_CMP_EQ, value, 0};
}
scmp_arg_cmp has_none_of(unsigned argument, scmp_datum_t bits) {
    return {argument, SCMP_CMP_MASKED_EQ, bits, 0};
}

int install_filter() {
    Filter filter;
    filter.allow_when(SCMP_SYS(read), {equals(0, kChannelFd)});
    filter.allow_when(SCMP_SYS(write), {equals(0, kChannelFd)});
    filter.allow_when(SCMP_SYS(close), {equals(0, STDERR_FILENO)});
    // Which of its own pages were written to; nothing else can be asked of that file.
    filter.allow_when(SCMP_SYS(ioctl), {equals(0, private_pages::kPagemapFd),
                                        equals(1, private_pages::kScanRequest)});
    filter.allow_when(SCMP_SYS(pread64), {equals(0, private_pages::kPagemapFd)});
    filter.allow(SCMP_SYS(poll));
    filter.allow(SCMP_SYS(ppoll));
    // The guest's memory grows by mprotect; the host's frames come from malloc. Never executable,
    // never shared: shared anonymous memory escapes RLIMIT_DATA.
    filter.allow_when(SCMP_SYS(mmap), {has_none_of(2, PROT_EXEC), has_none_of(3, MAP_SHARED)});
    filter.allow_when(SCMP_SYS(mprotect), {has_none_of(2, PROT_EXEC)});
    for (const int call :
         {SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(brk), SCMP_SYS(futex),
          SCMP_SYS(rt_sigreturn), SCMP_SYS(rt_sigprocmask), SCMP_SYS(setitimer),
          SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday), SCMP_SYS(getrandom),
          SCMP_SYS(restart_syscall), SCMP_SYS(exit), SCMP_SYS(exit_group)}) {
        filter.allow(call);
    }
    return filter.load();
}

}  // namespace

bool confine_early(long parent_pid) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent_pid) {
        return false;  // the engine died before the line above
    }
    prctl(PR_SET_DUMPABLE, 0);
    umask(077);
    clearenv();
    return chdir("/") == 0;
}

bool confine_fully() {
    if (!lower_limits()) {
        return false;
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        return complain("no_new_privs", errno);
    }
    // Standard error stays open until the filter stands, so that a failure can be told; behind the
    // filter nothing can be written to it, and the filter lets exactly this one close pass.
    close_range(0, STDOUT_FILENO, 0);
    close_range(kChannelFd + (private_pages::available() ? 2 : 1), ~0U, 0);
    if (const int error = install_filter(); error != 0) {
        return complain("seccomp filter", error);
    }
    close(STDERR_FILENO);
    return true;
}

}  // namespace sallyport::engine::jsbox
