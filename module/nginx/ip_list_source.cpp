// Reads lists from their files and puts them where all workers see them.
#include "common/file_text.hpp"
#include "module/nginx/feature.hpp"
#include "module/nginx/ip_list_conf.hpp"
#include "module/nginx/str.hpp"

#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

namespace sallyport::ngx {
namespace {

// Four million blocks at the longest common text, with comments.
constexpr std::size_t kFileBytesMax = std::size_t{256} << 20;

// Memory that the workers inherit; untouched pages cost nothing. Zeroed.
class SharedMapping {
  public:
    explicit SharedMapping(std::size_t bytes)
        : bytes_(bytes),
          address_(mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)) {
        if (address_ == MAP_FAILED) {
            throw std::bad_alloc();
        }
    }
    ~SharedMapping() { munmap(address_, bytes_); }
    SharedMapping(const SharedMapping&) = delete;
    SharedMapping& operator=(const SharedMapping&) = delete;

    std::span<std::byte> bytes() const { return {static_cast<std::byte*>(address_), bytes_}; }

  private:
    std::size_t bytes_;
    void* address_;
};

std::size_t whole_pages(std::size_t bytes) {
    constexpr std::size_t kPage = policy::IpSetSlots::kControlBytes;
    const std::size_t page = std::max<std::size_t>(kPage, ngx_pagesize);
    return (bytes + page - 1) / page * page;
}

FileIdentity identity_of(const std::string& path) {
    struct stat info;
    if (stat(path.c_str(), &info) != 0) {
        return {};
    }
    const auto ns = [](const timespec& time) {
        return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
    };
    return {info.st_dev, info.st_ino, info.st_size, ns(info.st_mtim), ns(info.st_ctim)};
}

// False while nginx starts, and where the running configuration had no such module or another build
// of it.
bool runs_this_module(const ngx_cycle_t* cycle) {
    if (cycle == nullptr || cycle->conf_ctx == nullptr || cycle->modules == nullptr) {
        return false;
    }
    for (ngx_uint_t i = 0; i < cycle->modules_n; ++i) {
        if (cycle->modules[i] == &ngx_http_sallyport_module) {
            return true;
        }
    }
    return false;
}

// After a reload: what the running configuration has of the same list holds until the store was
// asked.
void take_over(NamedList& named) {
    auto* cycle = const_cast<ngx_cycle_t*>(ngx_cycle);
    if (ngx_test_config != 0 || !runs_this_module(cycle)) {
        return;
    }
    const auto* running = static_cast<const IpListMain*>(feature_main(cycle, FeatureId::ip_list));
    const NamedList* old = running == nullptr ? nullptr : running->find(named.spec.name);
    if (old != nullptr && old->slots && old->spec.stored == named.spec.stored &&
        named.slots->adopt(*old->slots)) {
        named.slots->note(kLoadedAtS) = old->slots->note(kLoadedAtS).load();
    }
}

void place(ngx_conf_t* cf, NamedList& named, const policy::IpSetImage& image, std::size_t blocks) {
    if (!named.spec.is_looked_at()) {
        named.list.set = policy::IpSet(image);
        return;
    }
    const std::size_t room = policy::ip_list_room(named.spec, blocks);
    const std::size_t slot =
        whole_pages(std::max(image.bytes(), policy::IpSetImage::bytes_max(room)));
    const auto* mapping = pool_new<SharedMapping>(cf->pool, policy::IpSetSlots::memory_bytes(slot));
    named.slots.emplace(mapping->bytes());
    named.list.live = &*named.slots;
    if (named.spec.stored.given()) {
        named.list.refuse_unloaded = named.spec.refuse_unloaded;
        take_over(named);
        return;
    }
    named.slots->publish(image, blocks);
    named.slots->note(kLoadedAtS) = static_cast<std::uint64_t>(ngx_time());
}

}  // namespace

NamedList* IpListMain::find(std::string_view name) const {
    const auto found = std::find_if(lists.begin(), lists.end(),
                                    [&](const NamedList* one) { return one->list.name == name; });
    return found == lists.end() ? nullptr : *found;
}

FileIdentities look_at_sources(const policy::IpListSpec& spec) {
    FileIdentities identities;
    identities.reserve(spec.sources.size());
    for (const auto& source : spec.sources) {
        identities.push_back(identity_of(source.path));
    }
    return identities;
}

Result<std::vector<Cidr>> read_blocks(const policy::IpListSpec& spec) {
    std::vector<Cidr> blocks = spec.blocks;
    for (const auto& source : spec.sources) {
        // A pipe nobody writes to reads as an empty list, which would let everybody in.
        std::error_code unseen;
        const auto kind = std::filesystem::status(source.path, unseen).type();
        if (kind == std::filesystem::file_type::fifo) {
            return Error{in_quotes(source.path) +
                         " is a pipe, not a file; write the list to a file"};
        }
        const auto text = read_file_text(source.path, kFileBytesMax);
        if (!text) {
            return text.error();
        }
        auto parsed = policy::parse_feed(source.feed, *text, source.path);
        if (!parsed) {
            return parsed.error();
        }
        if (blocks.empty()) {
            blocks = std::move(*parsed);
        } else {
            blocks.insert(blocks.end(), parsed->begin(), parsed->end());
        }
    }
    if (blocks.size() > policy::kIpListBlocksMax) {
        return Error{"list \"" + spec.name + "\" has more than " +
                     std::to_string(policy::kIpListBlocksMax) + " blocks; split it"};
    }
    return blocks;
}

Status load_list(ngx_conf_t* cf, NamedList& named) {
    for (auto& source : named.spec.sources) {
        ngx_str_t full = copy(cf->pool, source.path);
        if (ngx_conf_full_name(cf->cycle, &full, 1) != NGX_OK) {
            throw std::bad_alloc();
        }
        source.path = view(full);
    }
    named.list.name = named.spec.name;
    named.loaded = look_at_sources(named.spec);
    const auto blocks = read_blocks(named.spec);
    if (!blocks) {
        return blocks.error();
    }
    const policy::IpSetImage image(*blocks);
    const Status share = policy::check_share(named.spec.guard, image.coverage());
    if (!share) {
        return Error{"list \"" + named.spec.name + "\" " + share.message()};
    }
    named.blocks_read = blocks->size();
    place(cf, named, image, blocks->size());
    return Done{};
}

Status find_stores(ngx_conf_t* cf, IpListMain& main) {
    for (NamedList* named : main.refreshed) {
        if (!named->spec.stored.given()) {
            continue;
        }
        named->store = redis_store(cf, named->spec.stored.store);
        if (named->store == nullptr) {
            return Error{"\"sallyport_ip_list\": list \"" + named->spec.name +
                         "\" is in the store \"" + named->spec.stored.store +
                         "\", which is not declared; write: sallyport_redis " +
                         named->spec.stored.store + " redis://…"};
        }
    }
    return Done{};
}

const policy::IpList* find_ip_list(ngx_conf_t* cf, std::string_view name) {
    const auto* main = static_cast<const IpListMain*>(feature_main(cf, FeatureId::ip_list));
    const NamedList* named = main->find(name);
    return named == nullptr ? nullptr : &named->list;
}

std::vector<IpListState> ip_list_states(ngx_cycle_t* cycle) {
    std::vector<IpListState> states;
    const auto* main = static_cast<const IpListMain*>(feature_main(cycle, FeatureId::ip_list));
    if (main == nullptr) {
        return states;
    }
    for (const NamedList* named : main->lists) {
        IpListState state;
        state.name = named->list.name;
        state.blocks = named->blocks_read;
        if (named->slots) {
            state.blocks = named->slots->blocks();
            state.refreshed = true;
            state.version = named->slots->version();
            state.loaded_at_s = named->slots->note(kLoadedAtS);
            state.refusals = named->slots->note(kRefusals);
            state.refused_at_s = named->slots->note(kRefusedAtS);
            state.awaited = state.version == 0;
        }
        states.push_back(state);
    }
    return states;
}

bool request_list_refresh(ngx_cycle_t* cycle, std::string_view name, bool force) {
    const auto* main = static_cast<const IpListMain*>(feature_main(cycle, FeatureId::ip_list));
    const NamedList* named = main == nullptr ? nullptr : main->find(name);
    if (named == nullptr || !named->slots) {
        return false;
    }
    const std::uint64_t request = named->slots->note(kRequests).load() + 1;
    if (force) {
        named->slots->note(kForced) = request;
    }
    named->slots->note(kRequests) = request;
    return true;
}

}  // namespace sallyport::ngx
