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

// The member of an item that holds what it is told from others by, or is ordered by: a text. Items
// are given without it.
inline constexpr std::string_view kItemKey = "key of the item";

struct ListSettings {
    bool by_time = false;
    std::string list_path;  // dotted names and indexes; empty: the answer itself
    std::string id_path;    // within an item; empty: the whole item
    bool keyed = false;     // by kItemKey instead
    std::string time_path;  // within an item
    std::string source;     // changes with whatever makes the list and its items' identity
};
// A digest of what makes a list, which tells one from another.
std::string item_source(std::string_view what);

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

// For lists that are asked from the newest key on, in the order of that key, oldest first, and at
// most kNewItemsMax of them: `memory` has the key as `newest`. Those of the newest key itself are
// told apart by their digests. Fails when so many are of one key that none can be told from
// another.
Result<ItemRound> look_at_ordered(const std::string& source, const Json& memory, const Json& list);

}  // namespace sallyport::engine
