#include "engine/app/data_folder.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

namespace sallyport::engine {
namespace {

Status make(const std::string& path) {
    std::error_code error;
    const bool made = std::filesystem::create_directories(path, error);
    if (error) {
        return Error{"cannot make the data folder " + path + ": " + error.message() +
                     "; choose another with --data"};
    }
    if (made && ::chmod(path.c_str(), 0700) != 0) {
        return Error{"cannot close the data folder " + path + " to others"};
    }
    return Done{};
}

}  // namespace

Result<std::unique_ptr<DataFolder>> DataFolder::take(const std::string& path, bool alone) {
    const Status made = make(path);
    if (!made.ok()) {
        return made.error();
    }
    if (!alone) {
        return std::unique_ptr<DataFolder>(new DataFolder(-1));
    }
    const std::string name = path + "/engine.lock";
    const int lock = ::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (lock < 0) {
        return Error{"cannot open " + name + ": check that its folder exists and is writable"};
    }
    std::unique_ptr<DataFolder> folder(new DataFolder(lock));
    if (::flock(lock, LOCK_EX | LOCK_NB) != 0) {
        return Error{"another engine uses the data folder " + path +
                     ": stop it, or choose another folder with --data"};
    }
    return folder;
}

DataFolder::~DataFolder() {
    if (lock_ >= 0) {
        ::close(lock_);
    }
}

}  // namespace sallyport::engine
