#include "engine/nodebox/jail.hpp"

#include "engine/nodebox/filter.hpp"

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <string_view>

namespace sallyport::engine::nodebox {
namespace {

// Nobody's number: no account of Debian's has it, and no file is its.
constexpr uid_t kUnusedId = 61'717;
// Who the process is inside; not root, so that exec leaves it no capability.
constexpr unsigned kInsideId = 1000;
// A mount point that is everywhere and that nothing inside needs.
constexpr const char* kBase = "/proc";
constexpr const char* kRootOptions = "size=1m,nr_inodes=64,mode=755";
constexpr const char* kScratchOptions = "size=32m,nr_inodes=4096,mode=700";
// Node's own threads are a dozen.
constexpr rlim_t kThreadsMax = 64;
constexpr rlim_t kFilesMax = 256;
constexpr rlim_t kFileBytesMax = 64u << 20;
constexpr rlim_t kStackBytes = 8u << 20;
constexpr int kChannelFd = 3;

std::string failed(std::string_view what) {
    return std::string(what) + ": " + std::strerror(errno);
}

bool put(const char* path, const std::string& text) {
    const int file = open(path, O_WRONLY | O_CLOEXEC);
    if (file < 0) {
        return false;
    }
    const bool done = write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    const int error = errno;
    close(file);
    errno = error;
    return done;
}

std::string below(const char* path) {
    return std::string(kBase) + path;
}

bool read_only(const std::string& target) {
    mount_attr attributes{};
    attributes.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
    return mount_setattr(AT_FDCWD, target.c_str(), AT_RECURSIVE, &attributes, sizeof attributes) ==
           0;
}

bool bind(const char* from, const std::string& target) {
    return mount(from, target.c_str(), nullptr, MS_BIND | MS_REC, nullptr) == 0;
}

// A folder of the host, seen inside at the same place; one that is not there is left out.
bool show_folder(const char* path) {
    struct stat entry {};
    if (lstat(path, &entry) != 0) {
        return errno == ENOENT;
    }
    const std::string target = below(path);
    if (S_ISLNK(entry.st_mode)) {
        char to[256];
        const ssize_t size = readlink(path, to, sizeof to - 1);
        return size > 0 && symlink(std::string(to, static_cast<std::size_t>(size)).c_str(),
                                   target.c_str()) == 0;
    }
    return mkdir(target.c_str(), 0755) == 0 && bind(path, target) && read_only(target);
}

bool show_file(const char* path, const std::string& target, bool device) {
    const int made = open(target.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (made < 0) {
        return false;
    }
    close(made);
    return bind(path, target) && (device || read_only(target));
}

// The working directory is the folder of packages: it was entered while its path could be walked.
std::string build_root(const Plan& plan) {
    if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount("tmpfs", kBase, "tmpfs", MS_NOSUID | MS_NODEV, kRootOptions) != 0) {
        return failed("a file system of its own");
    }
    for (const char* folder : {"/dev", "/usr", "/usr/share", kJailPackages, kJailScratch}) {
        if (mkdir(below(folder).c_str(), 0755) != 0) {
            return failed(folder);
        }
    }
    for (const char* folder : {"/usr/lib", "/usr/lib64", "/lib", "/lib64", "/usr/share/nodejs"}) {
        if (!show_folder(folder)) {
            return failed(folder);
        }
    }
    for (const char* device : {"/dev/null", "/dev/urandom"}) {
        if (!show_file(device, below(device), true)) {
            return failed(device);
        }
    }
    if (!show_file(plan.node.c_str(), below(kJailNode), false)) {
        return failed(plan.node);
    }
    if (!plan.packages.empty() &&
        (!bind(".", below(kJailPackages)) || !read_only(below(kJailPackages)))) {
        return failed(plan.packages);
    }
    if (mount("tmpfs", below(kJailScratch).c_str(), "tmpfs", MS_NOSUID | MS_NODEV,
              kScratchOptions) != 0) {
        return failed("a folder for its files");
    }
    return {};
}

std::string change_root() {
    if (chdir(kBase) != 0 || syscall(SYS_pivot_root, ".", ".") != 0 ||
        umount2(".", MNT_DETACH) != 0 || chdir("/") != 0) {
        return failed("a root of its own");
    }
    mount_attr attributes{};
    attributes.attr_set = MOUNT_ATTR_RDONLY;
    if (mount_setattr(AT_FDCWD, "/", 0, &attributes, sizeof attributes) != 0) {
        return failed("a read-only root");
    }
    return chdir(kJailPackages) == 0 ? std::string() : failed(kJailPackages);
}

bool limit(int resource, rlim_t value, rlim_t beyond = 0) {
    rlimit wanted{value, value + beyond};
    rlimit now{};
    const auto which = static_cast<__rlimit_resource_t>(resource);
    if (getrlimit(which, &now) == 0 && now.rlim_max < wanted.rlim_max) {
        wanted = {std::min(value, now.rlim_max), now.rlim_max};
    }
    return setrlimit(which, &wanted) == 0;
}

std::string lower_limits(const Plan& plan) {
    const bool lowered =
        limit(RLIMIT_CORE, 0) && limit(RLIMIT_NOFILE, kFilesMax) &&
        limit(RLIMIT_FSIZE, kFileBytesMax) && limit(RLIMIT_MEMLOCK, 0) &&
        limit(RLIMIT_STACK, kStackBytes) &&
        // One signal that says so, and a second later the one that cannot be caught.
        limit(RLIMIT_CPU, plan.cpu_seconds, 1) &&
        limit(RLIMIT_DATA, plan.memory_bytes + kNodeOwnBytes + plan.code_range_bytes) &&
        // Without namespaces of its own the number counts all processes of the user.
        (!plan.jailed || limit(RLIMIT_NPROC, kThreadsMax));
    return lowered ? std::string() : failed("limits");
}

void drop_bounding_set() {
    // Until the kernel knows no further capability.
    for (int capability = 0; prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0; ++capability) {
    }
}

}  // namespace

std::string step_down(const Plan& plan) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    umask(077);
    clearenv();
    if (!plan.packages.empty() && chdir(plan.packages.c_str()) != 0) {
        return failed(plan.packages);
    }
    if (geteuid() == 0 && plan.jailed &&
        (setgroups(0, nullptr) != 0 || setresgid(kUnusedId, kUnusedId, kUnusedId) != 0 ||
         setresuid(kUnusedId, kUnusedId, kUnusedId) != 0)) {
        return failed("another user than root");
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);  // a change of identity forgot it
    if (getppid() != plan.parent_pid) {
        return "the engine is gone";
    }
    return {};
}

std::string enter_namespaces(const Plan& plan) {
    if (!plan.jailed) {
        return {};
    }
    const uid_t user = geteuid();
    const gid_t group = getegid();
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC |
                CLONE_NEWUTS | CLONE_NEWCGROUP) != 0) {
        return failed("user namespaces are not to be had here (unshare)");
    }
    prctl(PR_SET_DUMPABLE, 1);  // else the maps below belong to root
    const std::string inside = std::to_string(kInsideId) + " ";
    if (!put("/proc/self/setgroups", "deny") ||
        !put("/proc/self/uid_map", inside + std::to_string(user) + " 1") ||
        !put("/proc/self/gid_map", inside + std::to_string(group) + " 1")) {
        return failed("a user of its own");
    }
    return {};
}

std::string close_walls(const Plan& plan) {
    if (plan.jailed) {
        if (std::string problem = build_root(plan); !problem.empty()) {
            return problem;
        }
        if (std::string problem = change_root(); !problem.empty()) {
            return problem;
        }
        drop_bounding_set();
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (std::string problem = lower_limits(plan); !problem.empty()) {
        return problem;
    }
    close_range(kChannelFd + 1, ~0U, CLOSE_RANGE_CLOEXEC);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        return failed("no_new_privs");
    }
    if (plan.jailed) {
        if (const int error = install_filter(); error != 0) {
            errno = error;
            return failed("a system-call filter");
        }
    }
    return {};
}

}  // namespace sallyport::engine::nodebox
