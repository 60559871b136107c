// Whether this host has what tier node stands on; asked of the kernel, not of the code under test.
#pragma once

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

namespace sallyport::test {

// Without them the tier refuses to start, which the tests of its floor show.
inline bool host_has_user_namespaces() {
    const pid_t child = fork();
    if (child == 0) {
        _exit(unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET) == 0 ? 0 : 1);
    }
    int status = 1;
    return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

}  // namespace sallyport::test
