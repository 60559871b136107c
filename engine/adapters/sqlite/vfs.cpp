#include "engine/adapters/sqlite/vfs.hpp"

#include <sqlite3.h>

#include <cstddef>
#include <cstring>

namespace sallyport::engine {
namespace {

constexpr const char* kName = "sallyport-gathering";
// SQLite's unix layer takes less than 128 KB at a time (it fails at that very size).
constexpr std::size_t kHeldMax = 96 * 1024;

sqlite3_vfs* system_vfs() {
    static sqlite3_vfs* const found = sqlite3_vfs_find(nullptr);
    return found;
}

// SQLite gives the memory, as it knows no constructors; the system's file stands behind this.
struct GatheredFile {
    sqlite3_file as_sqlite_sees_it;
    sqlite3_file* real;
    char* held;  // kHeldMax bytes, made for the first write
    std::size_t held_size;
    sqlite3_int64 held_at;
};
static_assert(offsetof(GatheredFile, as_sqlite_sees_it) == 0);
static_assert(alignof(GatheredFile) <= 8 && sizeof(GatheredFile) % 8 == 0);  // as SQLite aligns

GatheredFile* gathered(sqlite3_file* file) {
    return reinterpret_cast<GatheredFile*>(file);
}

int write_held(GatheredFile* file) {
    if (file->held_size == 0) {
        return SQLITE_OK;
    }
    const int code = file->real->pMethods->xWrite(file->real, file->held,
                                                  static_cast<int>(file->held_size), file->held_at);
    // After an error SQLite takes the transaction back; what was held is of no more use.
    file->held_size = 0;
    return code;
}

int close_file(sqlite3_file* from) {
    GatheredFile* const file = gathered(from);
    const int written = write_held(file);
    sqlite3_free(file->held);
    file->held = nullptr;
    const int closed = file->real->pMethods->xClose(file->real);
    return written != SQLITE_OK ? written : closed;
}

int write_file(sqlite3_file* to, const void* bytes, int size, sqlite3_int64 at) {
    GatheredFile* const file = gathered(to);
    const auto length = static_cast<std::size_t>(size);
    const bool follows = at == file->held_at + static_cast<sqlite3_int64>(file->held_size);
    if (!follows || length > kHeldMax - file->held_size) {
        const int code = write_held(file);
        if (code != SQLITE_OK) {
            return code;
        }
    }
    if (file->held == nullptr) {
        file->held = static_cast<char*>(sqlite3_malloc64(kHeldMax));
    }
    if (file->held == nullptr || length > kHeldMax) {
        return file->real->pMethods->xWrite(file->real, bytes, size, at);
    }
    if (file->held_size == 0) {
        file->held_at = at;
    }
    std::memcpy(file->held + file->held_size, bytes, length);
    file->held_size += length;
    return SQLITE_OK;
}

// A method that does to the system's file what it says, once that has all that was written.
template <auto Method>
struct AfterHeld;
template <typename... Arguments, int (*sqlite3_io_methods::*Method)(sqlite3_file*, Arguments...)>
struct AfterHeld<Method> {
    static int call(sqlite3_file* of, Arguments... arguments) {
        GatheredFile* const file = gathered(of);
        const int code = write_held(file);
        return code != SQLITE_OK ? code : (file->real->pMethods->*Method)(file->real, arguments...);
    }
};

// A method that does not look at what is in the file.
template <auto Method>
struct Direct;
template <typename Result, typename... Arguments,
          Result (*sqlite3_io_methods::*Method)(sqlite3_file*, Arguments...)>
struct Direct<Method> {
    static Result call(sqlite3_file* of, Arguments... arguments) {
        sqlite3_file* const real = gathered(of)->real;
        return (real->pMethods->*Method)(real, arguments...);
    }
};

using Io = sqlite3_io_methods;
constexpr int kIoVersion = 3;
constexpr Io kMethods = {
    .iVersion = kIoVersion,
    .xClose = close_file,
    .xRead = AfterHeld<&Io::xRead>::call,
    .xWrite = write_file,
    .xTruncate = AfterHeld<&Io::xTruncate>::call,
    .xSync = AfterHeld<&Io::xSync>::call,
    .xFileSize = AfterHeld<&Io::xFileSize>::call,
    .xLock = Direct<&Io::xLock>::call,
    .xUnlock = AfterHeld<&Io::xUnlock>::call,
    .xCheckReservedLock = Direct<&Io::xCheckReservedLock>::call,
    .xFileControl = AfterHeld<&Io::xFileControl>::call,
    .xSectorSize = Direct<&Io::xSectorSize>::call,
    .xDeviceCharacteristics = Direct<&Io::xDeviceCharacteristics>::call,
    .xShmMap = Direct<&Io::xShmMap>::call,
    .xShmLock = Direct<&Io::xShmLock>::call,
    .xShmBarrier = Direct<&Io::xShmBarrier>::call,
    .xShmUnmap = Direct<&Io::xShmUnmap>::call,
    .xFetch = AfterHeld<&Io::xFetch>::call,
    .xUnfetch = Direct<&Io::xUnfetch>::call,
};

int open_file(sqlite3_vfs*, const char* name, sqlite3_file* to, int flags, int* flags_out) {
    sqlite3_vfs* const system = system_vfs();
    if ((flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL)) == 0) {
        return system->xOpen(system, name, to, flags, flags_out);
    }
    GatheredFile* const file = gathered(to);
    *file = {};
    file->real = reinterpret_cast<sqlite3_file*>(file + 1);
    const int code = system->xOpen(system, name, file->real, flags, flags_out);
    if (code != SQLITE_OK) {
        return code;
    }
    if (file->real->pMethods->iVersion < kIoVersion) {
        static_cast<void>(file->real->pMethods->xClose(file->real));
        return SQLITE_CANTOPEN;
    }
    file->as_sqlite_sees_it.pMethods = &kMethods;
    return SQLITE_OK;
}

bool register_vfs() {
    const sqlite3_vfs* const system = system_vfs();
    if (system == nullptr) {
        return false;
    }
    // All but opening is the system's, its own data too.
    static sqlite3_vfs vfs = *system;
    vfs.zName = kName;
    vfs.szOsFile = static_cast<int>(sizeof(GatheredFile)) + system->szOsFile;
    vfs.pNext = nullptr;
    vfs.xOpen = open_file;
    return sqlite3_vfs_register(&vfs, 0) == SQLITE_OK;
}

}  // namespace

const char* gathering_vfs() {
    static const bool registered = register_vfs();
    return registered ? kName : nullptr;
}

}  // namespace sallyport::engine
