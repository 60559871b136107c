// Triggers that fetch a list again and again: where the list is in an answer, which of its items
// are new, and what is to be remembered of them. The memory is one JSON object in the store; these
// are its changes. Pure.
//
// The first look remembers and gives nothing, and so does the first after the settings changed what
// the list or its items are. Later ones give what was not there: by its id, or by a time that is
// not before the newest one seen. What is remembered are digests.
#pragma once

#include "common/json.hpp"
#include "common/result.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::engine {

inline constexpr const char* kItemMemoryKind = "item_memory";

// Of a list. More is an error: nobody could say which of them are new.
inline constexpr std::size_t kListItemsMax = 5'000;
// New ones that one look gives; the next one gives the others.
inline constexpr std::size_t kNewItemsMax = 1'000;
// Digests; those of items that are no longer in the list go first.
inline constexpr std::size_t kItemsRememberedMax = 10'000;

struct ListSettings {
    bool by_time = false;
    std::string list_path;  // dotted names and indexes; empty: the answer itself
    std::string id_path;    // within an item; empty: the whole item
    std::string time_path;  // within an item
    std::string source;     // changes with whatever makes the list and its items' identity
};
// Of the trigger's input as the flow has it; references in it may be unresolved.
Result<ListSettings> list_settings(const Json& input);

// The list within an answer.
Result<Json> find_list(const ListSettings& settings, const Json& answer);

struct NewItem {
    Json item;
    std::string delivery_id;  // the same whenever the same news is given again
};
struct ItemRound {
    std::vector<NewItem> items;
    Json memory;
    bool changed = false;  // `memory` differs from what was given
};
// `memory` is empty at the first look. By id the order is the list's, by time the oldest come
// first. Fails when an item has no id or no time where the settings say so.
Result<ItemRound> look_at_items(const ListSettings& settings, const Json& memory, const Json& list);

}  // namespace sallyport::engine
