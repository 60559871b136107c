#include "engine/core/item_memory.hpp"

#include "common/bytes.hpp"
#include "common/crypto.hpp"
#include "engine/core/pieces/input.hpp"
#include "engine/core/time_text.hpp"

#include <algorithm>
#include <limits>
#include <optional>
#include <unordered_set>
#include <utility>

namespace sallyport::engine {
namespace {

// Of SHA-256: enough that two ids never meet by chance.
constexpr std::size_t kDigestBytes = 16;
// Numbers below are seconds since 1970, others milliseconds: as seconds the year is 5138.
constexpr double kSecondsBelow = 1e11;
constexpr double kTimeMax = 9e15;

std::string short_digest(std::string_view text) {
    const Bytes whole = digest(DigestAlgorithm::sha256, text);
    return base64url_encode(whole.data(), kDigestBytes);
}

Json at_path(Json value, std::string_view path) {
    while (!path.empty() && value.exists()) {
        const std::size_t dot = std::min(path.find('.'), path.size());
        const std::string_view name = path.substr(0, dot);
        path.remove_prefix(std::min(dot + 1, path.size()));
        if (value.is_array()) {
            const auto index = parse_u64(name);
            value = index && *index < value.size() ? value.at(*index) : Json();
        } else {
            value = value[name];
        }
    }
    return value;
}

bool is_missing(const Json& value) {
    return !value.exists() || value.is_null() || (value.is_string() && value.text().empty());
}

std::optional<std::int64_t> time_of(const Json& value) {
    if (!value.is_number()) {
        return parse_iso_time(value.text());
    }
    const double given = value.number_or(0);
    const double ms = given < kSecondsBelow ? given * 1000 : given;
    return ms >= 0 && ms < kTimeMax ? std::optional(static_cast<std::int64_t>(ms)) : std::nullopt;
}

struct SeenItem {
    Json item;
    std::string digest;  // of what identifies it
    std::int64_t time_ms = 0;
};

Error item_error(std::size_t index, std::string_view what, const std::string& path) {
    return Error{"item " + std::to_string(index) + " of the list has no " + std::string(what) +
                 " at '" + path + "'"};
}

// Those of the list, each once.
Result<std::vector<SeenItem>> read_items(const ListSettings& settings, const Json& list) {
    std::vector<SeenItem> items;
    std::unordered_set<std::string> known;
    for (std::size_t i = 0; i < list.size(); ++i) {
        SeenItem seen;
        seen.item = list.at(i);
        Json id = settings.id_path.empty() ? Json() : at_path(seen.item, settings.id_path);
        if (settings.keyed) {
            id = seen.item[kItemKey];
            seen.item.erase(kItemKey);
        }
        if (!settings.id_path.empty() && is_missing(id)) {
            return item_error(i, "id", settings.id_path);
        }
        seen.digest = short_digest(id.exists() ? value_text(id) : seen.item.dump());
        std::string key = seen.digest;
        if (settings.by_time) {
            const auto time = time_of(at_path(seen.item, settings.time_path));
            if (!time) {
                return item_error(i, "time", settings.time_path);
            }
            seen.time_ms = *time;
            key += "@" + std::to_string(*time);
        }
        if (known.insert(key).second) {
            items.push_back(std::move(seen));
        }
    }
    return items;
}

Json texts(const std::vector<std::string>& values) {
    const std::size_t first =
        values.size() > kItemsRememberedMax ? values.size() - kItemsRememberedMax : 0;
    Json list = Json::array();
    for (std::size_t i = first; i < values.size(); ++i) {
        list.append(Json::string(values[i]));
    }
    return list;
}

std::unordered_set<std::string> remembered(const Json& memory) {
    std::unordered_set<std::string> seen;
    memory["seen"].each_element([&seen](const Json& one) { seen.emplace(one.text()); });
    return seen;
}

ItemRound round_by_id(const ListSettings& settings, const Json& memory, bool first,
                      const std::vector<SeenItem>& items) {
    ItemRound round;
    std::unordered_set<std::string> seen = remembered(memory);
    std::vector<std::string> in_list;
    for (const SeenItem& one : items) {
        const bool known = seen.contains(one.digest);
        if (!known && !first) {
            if (round.items.size() == kNewItemsMax) {
                continue;  // the next look's
            }
            round.items.push_back({one.item, "item:" + one.digest});
        }
        in_list.push_back(one.digest);
    }
    round.changed = first || !round.items.empty();
    if (!round.changed) {
        return round;
    }
    // What left the list is forgotten first.
    const std::unordered_set<std::string> listed(in_list.begin(), in_list.end());
    std::vector<std::string> next;
    if (!first) {
        memory["seen"].each_element([&](const Json& one) {
            if (!listed.contains(std::string(one.text()))) {
                next.emplace_back(one.text());
            }
        });
    }
    next.insert(next.end(), in_list.begin(), in_list.end());
    round.memory = Json::object({{"source", Json::string(settings.source)}, {"seen", texts(next)}});
    return round;
}

// Several items may be of one time, and not all of them there when the first was seen: those of the
// newest time are remembered one by one.
ItemRound round_by_time(const ListSettings& settings, const Json& memory, bool first,
                        std::vector<SeenItem> items) {
    ItemRound round;
    std::stable_sort(items.begin(), items.end(),
                     [](const SeenItem& a, const SeenItem& b) { return a.time_ms < b.time_ms; });
    constexpr std::int64_t kNone = std::numeric_limits<std::int64_t>::min();
    std::int64_t newest = first ? kNone : memory["newest"].integer_or(kNone);
    const std::unordered_set<std::string> seen = remembered(memory);
    std::vector<std::string> at_newest;
    if (!first) {
        memory["seen"].each_element(
            [&at_newest](const Json& one) { at_newest.emplace_back(one.text()); });
    }
    const std::int64_t before = newest;
    for (const SeenItem& one : items) {
        const bool known =
            one.time_ms < before || (one.time_ms == before && seen.contains(one.digest));
        if (!first && known) {
            continue;
        }
        if (!first && round.items.size() == kNewItemsMax) {
            break;  // the next look's
        }
        if (!first) {
            round.items.push_back(
                {one.item, "item:" + one.digest + "@" + std::to_string(one.time_ms)});
        }
        if (one.time_ms > newest) {
            newest = one.time_ms;
            at_newest.clear();
        }
        at_newest.push_back(one.digest);
    }
    round.changed = first || !round.items.empty();
    if (round.changed) {
        round.memory =
            Json::object({{"source", Json::string(settings.source)}, {"seen", texts(at_newest)}});
        if (newest != kNone) {
            round.memory.set("newest", Json::integer(newest));
        }
    }
    return round;
}

}  // namespace

std::string item_source(std::string_view what) {
    return short_digest(what);
}

Result<ListSettings> list_settings(const Json& input) {
    const auto by = input_choice(input, "deduplication", "ID", {"ID", "TIME"});
    if (!by.ok()) {
        return by.error();
    }
    ListSettings settings;
    settings.by_time = *by == "TIME";
    for (const auto& [name, value] :
         {std::pair("listPath", &settings.list_path), std::pair("idPath", &settings.id_path),
          std::pair("timePath", &settings.time_path)}) {
        const auto path = input_text_or(input, name, "");
        if (!path.ok()) {
            return path.error();
        }
        *value = *path;
    }
    if (settings.by_time && settings.time_path.empty()) {
        return input_error("timePath", "Expected string, received: undefined");
    }
    std::string source = *by;
    for (const std::string_view name :
         {"method", "url", "queryParams", "body_type", "body", "listPath", "idPath", "timePath"}) {
        const Json value = input[name];
        source += '\n' + (value.exists() ? value.dump() : std::string());
    }
    settings.source = item_source(source);
    return settings;
}

Result<Json> find_list(const ListSettings& settings, const Json& answer) {
    Json list = at_path(answer, settings.list_path);
    if (!list.is_array()) {
        return Error{settings.list_path.empty()
                         ? "the answer is no list; listPath says where in it the list is"
                         : "there is no list at '" + settings.list_path + "' of the answer"};
    }
    if (list.size() > kListItemsMax) {
        return Error{"the list has more than " + std::to_string(kListItemsMax) +
                     " items; ask for the newest only"};
    }
    return list;
}

Result<ItemRound> look_at_items(const ListSettings& settings, const Json& memory,
                                const Json& list) {
    Result<std::vector<SeenItem>> items = read_items(settings, list);
    if (!items.ok()) {
        return items.error();
    }
    const bool first = memory["source"].text() != settings.source;
    return settings.by_time ? round_by_time(settings, memory, first, *std::move(items))
                            : round_by_id(settings, memory, first, *items);
}

Result<ItemRound> look_at_ordered(const std::string& source, const Json& memory, const Json& list) {
    ItemRound round;
    const bool first = memory["source"].text() != source;
    const std::string before(first ? "" : memory["newest"].text());
    const bool any_before = !first && memory["newest"].exists();
    std::unordered_set<std::string> seen;
    if (!first) {
        seen = remembered(memory);
    }
    Json newest = any_before ? Json::string(before) : Json();
    std::vector<std::string> at_newest(seen.begin(), seen.end());
    for (std::size_t i = 0; i < list.size(); ++i) {
        Json item = list.at(i).deep_copy();
        const std::string key(item[kItemKey].text());
        item.erase(kItemKey);
        const std::string digest = short_digest(item.dump());
        if (any_before && key == before && seen.contains(digest)) {
            continue;
        }
        if (!first) {
            round.items.push_back({item, "item:" + short_digest(key + '\n' + digest)});
        }
        if (!newest.exists() || newest.text() != key) {
            newest = Json::string(key);
            at_newest.clear();
        }
        at_newest.push_back(digest);
    }
    if (list.size() >= kNewItemsMax && (first || round.items.empty())) {
        return Error{"the newest value is shared by " + std::to_string(kNewItemsMax) +
                     " rows or more; order by a column that tells rows apart"};
    }
    round.changed = first || !round.items.empty();
    round.memory = Json::object({{"source", Json::string(source)}, {"seen", texts(at_newest)}});
    if (newest.exists()) {
        round.memory.set("newest", newest);
    }
    return round;
}

}  // namespace sallyport::engine
