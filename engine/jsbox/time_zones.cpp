#include "engine/jsbox/time_zones.hpp"

#include "engine/jsbox/zone_words.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <set>

namespace sallyport::engine::jsbox::zones {
namespace {

// The file has some 110 KB.
constexpr off_t kFileBytesMax = 4 << 20;
// Zones that are kept as clocks: some 2 KB each.
constexpr std::size_t kKeptMax = 16;
// ICU has no names of times before 1970.
constexpr std::int64_t kNamedFromS = 0;

struct Zone {
    std::string asked;  // the name it was asked by
    std::string canonical;
    const TimeNames* names = nullptr;
    ZoneClock clock;
};

struct State {
    std::string_view text;
    std::array<std::unique_ptr<Zone>, kKeptMax> kept;
    std::size_t next = 0;  // which gives way
};
State g;

std::string_view canonical_of(std::string_view written, std::string_view root) {
    if (const std::string_view own = canonical_name(written); !own.empty()) {
        return own;
    }
    const std::string_view renamed = canonical_name(root);
    return renamed.empty() ? root : renamed;
}

const Zone* find(std::string_view name) {
    if (name.empty() || name.size() > kNameBytesMax) {
        return nullptr;
    }
    for (const auto& zone : g.kept) {
        if (zone != nullptr && (zone->asked == name || zone->canonical == name)) {
            return zone.get();
        }
    }
    const std::string_view written = written_name(g.text, name);
    std::optional<ZoneSource> source;
    if (!written.empty()) {
        source = find_zone(g.text, written);
    }
    if (!source) {
        return nullptr;
    }
    std::string canonical(canonical_of(written, source->name));
    // Of two histories for one zone (before 1970) its canonical name's.
    if (canonical != source->name) {
        if (auto other = find_zone(g.text, canonical)) {
            source = std::move(other);
        }
    }
    const TimeNames* names = time_names(canonical);
    auto& place = g.kept[g.next++ % kKeptMax];
    place.reset(new Zone{std::string(name), std::move(canonical), names, ZoneClock(*source)});
    return place.get();
}

}  // namespace

bool open(const char* path) {
    g = State{};
    const int file = ::open(path, O_RDONLY | O_CLOEXEC);
    struct stat status {};
    if (file < 0) {
        return false;
    }
    void* at = MAP_FAILED;
    if (fstat(file, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0 &&
        status.st_size <= kFileBytesMax) {
        at = mmap(nullptr, static_cast<std::size_t>(status.st_size), PROT_READ, MAP_PRIVATE, file,
                  0);
    }
    close(file);
    if (at == MAP_FAILED) {
        return false;
    }
    g.text = {static_cast<const char*>(at), static_cast<std::size_t>(status.st_size)};
    return true;
}

void forget() {
    for (auto& zone : g.kept) {
        zone.reset();
    }
    g.next = 0;
}

std::optional<std::string> canonical(std::string_view name) {
    const Zone* zone = find(name);
    return zone != nullptr ? std::optional(zone->canonical) : std::nullopt;
}

std::optional<Reading> reading_at(std::string_view name, std::int64_t unix_s) {
    const Zone* zone = find(name);
    return zone != nullptr ? std::optional(zone->clock.at(unix_s)) : std::nullopt;
}

std::string name_at(std::string_view name, std::int64_t unix_s, bool is_long) {
    const Zone* zone = find(name);
    if (zone == nullptr || zone->names == nullptr || unix_s < kNamedFromS) {
        return {};
    }
    const TimeNames& names = *zone->names;
    const Reading reading = zone->clock.at(unix_s);
    const std::int32_t standard_s = names.standard_min * 60;
    if (reading.offset_s == standard_s) {
        return std::string(is_long ? names.standard : names.short_standard);
    }
    if (reading.summer_s > 0 && reading.offset_s - reading.summer_s == standard_s) {
        return std::string(is_long ? names.summer : names.short_summer);
    }
    return {};
}

std::string canonical_names() {
    std::set<std::string_view> names;
    for (const auto& [name, is_link] : zone_names(g.text)) {
        const std::string_view own = canonical_name(name);
        if (!own.empty() || !is_link) {  // another link is called as the zone it leads to
            names.insert(own.empty() ? name : own);
        }
    }
    std::string out;
    for (const std::string_view name : names) {
        const bool is_place = name.find('/') != std::string_view::npos && !name.starts_with("Etc/");
        if (is_place || name == "UTC") {
            out += name;
            out += '\n';
        }
    }
    return out;
}

}  // namespace sallyport::engine::jsbox::zones
