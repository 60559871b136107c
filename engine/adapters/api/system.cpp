// Health, the machine, and the flags clients read before they sign in (engine contract 1.3).
#include "common/file_text.hpp"
#include "engine/adapters/api/api.hpp"
#include "engine/core/cgroup_limits.hpp"

#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

namespace sallyport::engine {
namespace {

// Healthy means the store answers.
void get_health(Api& api, const CallPtr& call) {
    api.ports.accounts.user_by_id("", [call](const Result<std::optional<UserRow>>& answer) {
        call->reply(
            answer.ok() ? 200 : 503,
            Json::object({{"status", Json::string(answer.ok() ? "Healthy" : "Unhealthy")}}));
    });
}

// A whole processor; room for the engine, its sandbox workers and their code steps; room for the
// database to grow while somebody comes.
constexpr std::uint64_t kMillicpusMin = 1000;
constexpr std::uint64_t kMemoryBytesMin = std::uint64_t{512} << 20;
constexpr std::uint64_t kFreeBytesMin = std::uint64_t{1} << 30;
constexpr std::size_t kLineBytesMax = 4096;

// In a container its own group is the root of what it sees.
std::string cgroup_file(std::string_view name) {
    const auto text = read_file_text("/sys/fs/cgroup/" + std::string(name), kLineBytesMax);
    return text.ok() ? *text : std::string();
}

std::uint64_t of_system(int name) {
    const long value = ::sysconf(name);
    return value < 0 ? 0 : static_cast<std::uint64_t>(value);
}

struct MachineHealth {
    bool cpu = false;
    bool ram = false;
    bool disk = false;
};

// Of the machine, or of the container that the engine is in.
MachineHealth machine_health(const std::string& data_folder) {
    const std::uint64_t millicpus = of_system(_SC_NPROCESSORS_ONLN) * 1000;
    const std::uint64_t bytes = of_system(_SC_PHYS_PAGES) * of_system(_SC_PAGESIZE);
    MachineHealth health;
    health.cpu =
        std::min(millicpus, cgroup_millicpus(cgroup_file("cpu.max")).value_or(millicpus)) >=
        kMillicpusMin;
    health.ram =
        std::min(bytes, cgroup_bytes(cgroup_file("memory.max")).value_or(bytes)) >= kMemoryBytesMin;
    struct statvfs disk {};
    health.disk = ::statvfs(data_folder.c_str(), &disk) == 0 &&
                  static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize >= kFreeBytesMin;
    return health;
}

// What an administrator would look at first. Earlier and later clients call the same by other
// names; there is no worker but the engine itself.
void get_system_health(Api& api, const CallPtr& call) {
    api.ports.accounts.user_by_id("", [&api, call](const Result<std::optional<UserRow>>& answer) {
        const MachineHealth machine = machine_health(api.options.data_dir);
        call->reply(200, Json::object({{"cpu", Json::boolean(machine.cpu)},
                                       {"ram", Json::boolean(machine.ram)},
                                       {"disk", Json::boolean(machine.disk)},
                                       {"database", Json::boolean(answer.ok())},
                                       {"appCpu", Json::boolean(machine.cpu)},
                                       {"appRam", Json::boolean(machine.ram)},
                                       {"workerCpu", Json::null()},
                                       {"workerRam", Json::null()}}));
    });
}

void answer_flags(Api& api, const CallPtr& call, bool has_users) {
    Json flags = api.options.flags.deep_copy();
    flags.set("CLOUD_AUTH_ENABLED", Json::boolean(api.ports.tokens.has_cloud_service()));
    flags.set("USER_CREATED", Json::boolean(has_users));
    call->reply(200, flags);
}

// The first user stays: once there is one nobody has to look again.
void get_flags(Api& api, const CallPtr& call) {
    if (api.has_users) {
        return answer_flags(api, call, true);
    }
    api.ports.accounts.has_users([&api, call](const Result<bool>& found) {
        if (!api.failed(call, found)) {
            api.has_users = *found;
            answer_flags(api, call, *found);
        }
    });
}

}  // namespace

const std::vector<ApiRoute> kSystemRoutes = {
    {"GET", "health", ApiRoute::Access::open, get_health},
    {"GET", "health/system", ApiRoute::Access::platform, get_system_health},
    {"GET", "flags", ApiRoute::Access::open, get_flags},
};

}  // namespace sallyport::engine
