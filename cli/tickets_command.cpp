#include "cli/command.hpp"
#include "common/crypto.hpp"
#include "common/file_text.hpp"
#include "module/policy/ticket_keys.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

namespace sallyport::cli {
namespace {

struct TicketOptions {
    std::string path;
    std::size_t keep = policy::kTicketKeysKept;
};

// The old file's owner and mode, so that nginx's workers can still read it.
bool take_over(int fd, const std::string& path) {
    struct stat old {};
    if (::stat(path.c_str(), &old) != 0) {
        return errno == ENOENT;
    }
    return ::fchown(fd, old.st_uid, old.st_gid) == 0 && ::fchmod(fd, old.st_mode & 0770) == 0;
}

// Written beside the file and renamed, so that nobody reads a half of it.
void replace(const std::string& path, std::string_view text) {
    const std::string fresh = path + ".new";
    ::unlink(fresh.c_str());
    const int fd =
        ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    const bool written =
        fd >= 0 && take_over(fd, path) &&
        ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
        ::fsync(fd) == 0;
    const int error = errno;
    if (fd >= 0) {
        ::close(fd);
    }
    if (!written || ::rename(fresh.c_str(), path.c_str()) != 0) {
        const int cause = written ? errno : error;
        ::unlink(fresh.c_str());
        fail("\"" + path + "\" cannot be written: " + std::strerror(cause));
    }
}

policy::TicketKeys fresh() {
    const Secret bytes(random_bytes(policy::kTicketKeyBytes));
    return std::move(*policy::TicketKeys::from_bytes(bytes.reveal()));
}

void run(const TicketOptions& options) {
    policy::TicketKeys keys = fresh();
    if (::access(options.path.c_str(), F_OK) == 0) {
        auto text = read_file_text(options.path, policy::kTicketFileBytesMax);
        if (!text) {
            fail(text.message());
        }
        auto parsed = policy::TicketKeys::parse(*text);
        wipe(text->data(), text->size());
        if (!parsed) {
            fail("\"" + options.path + "\": " + parsed.message());
        }
        keys = std::move(*parsed);
    }
    const Secret text = keys.rotated(fresh(), options.keep).text();
    replace(options.path, text.reveal());
}

}  // namespace

void add_tickets(const Command& program) {
    auto options = std::make_shared<TicketOptions>();
    const Command command =
        program.command("tickets", "Makes the file of sallyport_tls_tickets, or rotates its keys");
    command.option("file", options->path, "The file; the same on all nodes").required();
    command.option("--keep", options->keep, "How many keys stay in it")
        .between(std::size_t{2}, policy::kTicketKeysMax)
        .shows_default();
    command.run([options] { run(*options); });
}

}  // namespace sallyport::cli
