// nginx as a service, for binary upgrades: USR2 starts the new program, WINCH sends the old one's
// workers home, QUIT ends it.
#pragma once

#include "tests/integration/fixtures/http_client.hpp"
#include "tests/integration/fixtures/nginx_server.hpp"

#include <gtest/gtest.h>
#include <signal.h>

#include <cerrno>
#include <cstdlib>
#include <string>
#include <utility>

namespace sallyport::test {

// nginx as a service runs it: a daemon. Others ignore USR2 and WINCH.
class FreeNginx {
  public:
    // `files` has been stopped; `path` is answered when nginx serves.
    FreeNginx(const NginxServer& files, std::string path) : files_(files), path_(std::move(path)) {
        std::string text = files.dir().read("nginx.conf");
        text.replace(text.find("daemon off;"), 11, "daemon on;");
        files.dir().write("nginx.conf", text);
        const std::string folder = files.dir().path();
        // exec needs the whole path.
        run_command({"sh", "-c",
                     "\"$(command -v " + nginx_path() + ")\" -p " + folder + " -e " + folder +
                         "/error.log -c " + folder + "/nginx.conf >>" + folder +
                         "/output.log 2>&1"});
        EXPECT_TRUE(serves());
    }
    ~FreeNginx() { end(pid()); }
    FreeNginx(const FreeNginx&) = delete;
    FreeNginx& operator=(const FreeNginx&) = delete;

    pid_t pid() const { return std::atoi(files_.dir().read("nginx.pid").c_str()); }
    bool serves() const {
        return wait_until([&] { return get(files_.url(path_)).status > 0; });
    }
    static bool gone(pid_t pid) {
        return wait_until([&] { return ::kill(pid, 0) != 0 && errno == ESRCH; });
    }
    static void end(pid_t pid) {
        if (pid > 1 && ::kill(pid, SIGQUIT) == 0) {
            EXPECT_TRUE(gone(pid));
        }
    }
    // The old program has gone when this returns true.
    bool upgrade() const {
        const pid_t before = pid();
        ::kill(before, SIGUSR2);
        const bool started = wait_until([&] { return pid() > 1 && pid() != before; });
        ::kill(before, SIGWINCH);
        const bool left = wait_until([&] {
            for (const ChildProcess& child : children_of(before)) {
                if (child.command_line.find("worker process") != std::string::npos) {
                    return false;
                }
            }
            return true;
        });
        ::kill(before, SIGQUIT);
        return started && left && gone(before) && serves();
    }

  private:
    const NginxServer& files_;
    std::string path_;
};

}  // namespace sallyport::test
