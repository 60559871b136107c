// Named lists as nginx holds them: read by the master while it reads its configuration, refreshed
// by a process of their own while it runs (ip_list_refresh.cpp), asked by every worker. Lists in a
// store are read by that process alone; a reload takes over what the running configuration has.
#pragma once

#include "module/nginx/ip_list_store.hpp"
#include "module/nginx/ngx.hpp"
#include "module/policy/ip_list_spec.hpp"
#include "module/policy/ip_set_slots.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::ngx {

// Which bytes a path named when it was looked at; all zero for a path that names nothing.
struct FileIdentity {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::int64_t bytes = 0;
    std::int64_t modified_ns = 0;
    std::int64_t changed_ns = 0;
    friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
};
using FileIdentities = std::vector<FileIdentity>;

struct NamedList {
    policy::IpListSpec spec;  // with whole paths
    policy::IpList list;
    std::size_t blocks_read = 0;  // when the configuration was read
    std::optional<policy::IpSetSlots>
        slots;  // in shared memory; none for a list that never changes

    RedisStore* store = nullptr;  // of a list in a store

    FileIdentities loaded;  // what the published set was read from
    // For the process that refreshes.
    FileIdentities failed;
    FileIdentities settling;
    std::string version;         // of the store's list that is published
    std::string failed_version;  // that was not taken
    std::string complaint;       // why there was none
    std::unique_ptr<ListLook> look;
    std::unique_ptr<ListLook::Taker> taker;
    std::uint64_t answered = 0;  // requests to refresh
    ngx_msec_t next_look = 0;
};

// What processes tell one another beside a set (IpSetSlots::note).
enum ListNote : std::size_t {
    kRequests,   // to look at the sources now
    kForced,     // the last request that also lifts the size guard
    kLoadedAtS,  // wall clock
    kRefusals,   // since the configuration was loaded
    kRefusedAtS,
};

struct IpListMain {
    std::vector<NamedList*> lists;
    std::vector<NamedList*> refreshed;  // those with sources to look at

    NamedList* find(std::string_view name) const;
};

// Reads the sources and makes the set. The first version must be good.
Status load_list(ngx_conf_t* cf, NamedList& named);

FileIdentities look_at_sources(const policy::IpListSpec& spec);
Result<std::vector<Cidr>> read_blocks(const policy::IpListSpec& spec);

// Sees to it that lists with sources are looked at: by nginx's helper process or, without a master,
// by the worker itself.
Status start_refreshing(ngx_cycle_t* cycle, IpListMain& main);
Status start_refreshing_alone(ngx_cycle_t* cycle, IpListMain& main);

// Once all directives were read: the stores of lists.
Status find_stores(ngx_conf_t* cf, IpListMain& main);

// For other features. Null when there is none of that name (so far).
const policy::IpList* find_ip_list(ngx_conf_t* cf, std::string_view name);

// For the control endpoint.
struct IpListState {
    std::string_view name;
    std::uint64_t blocks = 0;
    bool refreshed = false;         // has sources that are looked at; else the rest is 0
    std::uint64_t version = 0;      // publications since the configuration was loaded
    std::uint64_t loaded_at_s = 0;  // wall clock
    std::uint64_t refusals = 0;     // new versions that were not taken
    std::uint64_t refused_at_s = 0;
    bool awaited = false;  // in a store, and not loaded so far
};
std::vector<IpListState> ip_list_states(ngx_cycle_t* cycle);
// Asks for a look at a list's sources within a second or so; `force` lifts the size guard for once.
// False when there is no such list or it has no sources that are looked at.
bool request_list_refresh(ngx_cycle_t* cycle, std::string_view name, bool force);

}  // namespace sallyport::ngx
