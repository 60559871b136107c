// Stands between a program and the C library: a wall clock that was set, a disk that has turned
// read-only. Neither can be had from the kernel for one process alone.
#include "tests/engine/faults.hpp"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdlib>
#include <ctime>

namespace {

using sallyport::test::Faults;

const Faults* map_faults() {
    const char* path = std::getenv(sallyport::test::kFaultsVariable);
    const int file = path == nullptr ? -1 : ::open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return nullptr;
    }
    void* page = ::mmap(nullptr, sizeof(Faults), PROT_READ, MAP_SHARED, file, 0);
    ::close(file);
    return page == MAP_FAILED ? nullptr : static_cast<const Faults*>(page);
}

const Faults* faults = nullptr;

__attribute__((constructor)) void begin() {
    faults = map_faults();
}

template <typename Function>
Function* next(const char* name) {
    return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

bool refused() {
    if (faults == nullptr || !faults->read_only.load(std::memory_order_relaxed)) {
        return false;
    }
    errno = EROFS;
    return true;
}

}  // namespace

extern "C" {

int clock_gettime(clockid_t clock, timespec* at) noexcept {
    static const auto real = next<int(clockid_t, timespec*)>("clock_gettime");
    const int result = real(clock, at);
    if (result == 0 && faults != nullptr &&
        (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        at->tv_sec += faults->clock_step_s.load(std::memory_order_relaxed);
    }
    return result;
}

std::time_t time(std::time_t* at) noexcept {
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    if (at != nullptr) {
        *at = now.tv_sec;
    }
    return now.tv_sec;
}

int gettimeofday(timeval* at, void*) noexcept {
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    *at = {now.tv_sec, now.tv_nsec / 1000};
    return 0;
}

ssize_t pwrite64(int file, const void* bytes, std::size_t size, off64_t offset) {
    static const auto real = next<ssize_t(int, const void*, std::size_t, off64_t)>("pwrite64");
    return refused() ? -1 : real(file, bytes, size, offset);
}

int ftruncate64(int file, off64_t size) noexcept {
    static const auto real = next<int(int, off64_t)>("ftruncate64");
    return refused() ? -1 : real(file, size);
}

int fdatasync(int file) {
    static const auto real = next<int(int)>("fdatasync");
    return refused() ? -1 : real(file);
}

int fsync(int file) {
    static const auto real = next<int(int)>("fsync");
    return refused() ? -1 : real(file);
}

int open64(const char* path, int flags, ...) {
    static const auto real = next<int(const char*, int, ...)>("open64");
    va_list more;
    va_start(more, flags);
    const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(more, mode_t) : 0;
    va_end(more);
    return (flags & O_CREAT) != 0 && refused() ? -1 : real(path, flags, mode);
}

}  // extern "C"
