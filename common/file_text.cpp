#include "common/file_text.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "common/limits.hpp"

namespace sallyport {
namespace {

class FileDescriptor {
public:
    explicit FileDescriptor(const std::string& path)
        : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)) {}
    ~FileDescriptor() {
        if (fd_ >= 0) {
            ::close(fd_);
        }
    }
    FileDescriptor(const FileDescriptor&) = delete;
    FileDescriptor& operator=(const FileDescriptor&) = delete;
    int get() const { return fd_; }

private:
    int fd_;
};

Error file_error(const std::string& path, const std::string& what) {
    return Error{"\"" + path + "\" " + what};
}

Result<std::string> read_all(int fd, const std::string& path, std::size_t bytes_max) {
    std::string text;
    char buffer[16384];
    while (true) {
        const ssize_t got = ::read(fd, buffer, sizeof(buffer));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            const int error = errno;
            wipe(text.data(), text.size());
            return file_error(path, std::string("cannot be read: ") + std::strerror(error));
        }
        if (got == 0) {
            wipe(buffer, sizeof(buffer));
            return text;
        }
        if (text.size() + static_cast<std::size_t>(got) > bytes_max) {
            wipe(text.data(), text.size());
            return file_error(path, "is larger than " + std::to_string(bytes_max) + " bytes");
        }
        text.append(buffer, static_cast<std::size_t>(got));
    }
}

}  // namespace

Result<std::string> read_file_text(const std::string& path, std::size_t bytes_max) {
    const FileDescriptor file(path);
    if (file.get() < 0) {
        return file_error(path, std::string("cannot be opened: ") + std::strerror(errno));
    }
    return read_all(file.get(), path, bytes_max);
}

Result<Secret> read_secret_file(const std::string& path) {
    const FileDescriptor file(path);
    if (file.get() < 0) {
        return file_error(path, std::string("cannot be opened: ") + std::strerror(errno));
    }
    struct stat info {};
    if (::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode)) {
        return file_error(path, "is not a regular file");
    }
    if ((info.st_mode & 07) != 0) {
        return file_error(path, "is open to every user; run: chmod o-rwx " + path);
    }
    auto text = read_all(file.get(), path, limits::kSecretBytesMax);
    if (!text) {
        return text.error();
    }
    std::string_view view = *text;
    if (view.ends_with('\n')) {
        view.remove_suffix(1);
    }
    if (view.ends_with('\r')) {
        view.remove_suffix(1);
    }
    Secret secret(view);
    wipe(text->data(), text->size());
    if (secret.empty()) {
        return file_error(path, "is empty; write a secret of at least " +
                                    std::to_string(limits::kSecretBytesMin) +
                                    " bytes, for example: openssl rand -hex 32 > " + path);
    }
    return secret;
}

}  // namespace sallyport
