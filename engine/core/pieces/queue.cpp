#include "engine/core/pieces/queue.hpp"

#include "engine/core/expressions/js_text.hpp"
#include "engine/core/job_queue.hpp"
#include "engine/core/pieces/input.hpp"
#include "engine/core/pieces/table.hpp"

#include <algorithm>
#include <cmath>

namespace sallyport::engine {
namespace {

// In front of the name, so that a queue and a value of the same name differ.
constexpr std::string_view kKeyPrefix = "_queue_rmAPlFmX0s_";
constexpr std::size_t kKeyUnitsMax = 128;

std::string quoted_queue(const Json& input) {
    return "Queue \"" + *input_text_or(input, "queueName", "") + "\"";
}

Result<Json> kept_items(const Json& input, const Json& stored) {
    if (!stored.exists() || stored.is_null()) {
        return Json::array();
    }
    return stored.is_array() ? Result<Json>(stored)
                             : Error{quoted_queue(input) + " holds a value that is not a list"};
}

// No more than there are.
Result<std::size_t> count_of_items(const Json& input, const Json& items) {
    const Result<double> count = input_number(input, "numOfItems");
    if (!count.ok()) {
        return count.error();
    }
    if (*count < 0 || *count != std::floor(*count)) {
        return Error{"Number of items must be a whole number of 0 or more"};
    }
    return static_cast<std::size_t>(std::min(*count, static_cast<double>(items.size())));
}

Result<StoreOutcome> push(const Json& input, const Json& items) {
    const auto added = input_list(input, "items");
    if (!added.ok()) {
        return added.error();
    }
    if (added->size() == 0) {
        return StoreOutcome{StoreOutcome::Kind::keep, {}, items};
    }
    Json list = items.deep_copy();
    added->each_element([&list](const Json& item) { list.append(item); });
    if (list.dump().size() > kStoreValueBytesMax) {
        return Error{quoted_queue(input) +
                     " would exceed the 512 KB size limit, so nothing was written. Pull items from "
                     "the queue more often or push smaller items."};
    }
    return StoreOutcome{StoreOutcome::Kind::put, list, list};
}

struct SplitItems {
    Json first;
    Json rest;
};
SplitItems split_items(const Json& items, std::size_t count) {
    SplitItems out{Json::array(), Json::array()};
    std::size_t at = 0;
    items.each_element(
        [&](const Json& item) { (at++ < count ? out.first : out.rest).append(item); });
    return out;
}

Result<StoreOutcome> pull(const Json& input, const Json& items) {
    const auto count = count_of_items(input, items);
    if (!count.ok()) {
        return count.error();
    }
    const SplitItems split = split_items(items, *count);
    const auto kind = split.first.size() > 0 ? StoreOutcome::Kind::put : StoreOutcome::Kind::keep;
    return StoreOutcome{kind, split.rest, split.first};
}

Result<StoreOutcome> peek(const Json& input, const Json& items) {
    const Json wanted = input["numOfItems"];
    const bool given = wanted.exists() && !wanted.is_null();
    const auto count = given ? count_of_items(input, items)
                             : Result<std::size_t>(std::min<std::size_t>(1, items.size()));
    if (!count.ok()) {
        return count.error();
    }
    const Json first = split_items(items, *count).first;
    const auto size = [](const Json& list) {
        return Json::integer(static_cast<std::int64_t>(list.size()));
    };
    return StoreOutcome{
        StoreOutcome::Kind::keep,
        {},
        Json::object({{"items", first}, {"itemCount", size(first)}, {"queueSize", size(items)}})};
}

}  // namespace

Result<std::string> queue_store_key(const Json& input) {
    const auto name = input_text(input, "queueName");
    if (!name.ok()) {
        return name.error();
    }
    constexpr std::size_t kNameUnitsMax = kKeyUnitsMax - kKeyPrefix.size();
    const std::size_t units = js_length(*name);
    if (js_trim_start(*name).empty()) {
        return Error{"Queue name is empty"};
    }
    if (units > kNameUnitsMax) {
        return Error{"Queue name is too long (" + std::to_string(units) +
                     " characters). Use at most " + std::to_string(kNameUnitsMax) + " characters."};
    }
    return std::string(kKeyPrefix) + *name;
}

Result<StoreOutcome> queue_outcome(std::string_view action, const Json& input, const Json& stored) {
    if (action == "clear-queue") {
        return StoreOutcome{
            StoreOutcome::Kind::remove, {}, Json::object({{"success", Json::boolean(true)}})};
    }
    const Result<Json> items = kept_items(input, stored);
    if (!items.ok()) {
        return items.error();
    }
    if (action == "push-to-queue") {
        return push(input, *items);
    }
    if (action == "get-queue-size") {
        const auto size = static_cast<std::int64_t>(items->size());
        return StoreOutcome{StoreOutcome::Kind::keep,
                            {},
                            Json::object({{"queueName", input["queueName"]},
                                          {"size", Json::integer(size)},
                                          {"isEmpty", Json::boolean(size == 0)}})};
    }
    return action == "peek-queue" ? peek(input, *items) : pull(input, *items);
}

const NativePiece kQueueNative = {
    R"json({
 "name":"@activepieces/piece-queue","version":"0.1.0","displayName":"Queue",
 "description":"Keep items in order until they are taken","categories":["CORE"],
 "actions":{
  "push-to-queue":{"displayName":"Push to Queue","description":"Adds items at the end","props":{"queueName":["SHORT_TEXT","Queue Name",true],"items":["ARRAY","Items",true]}},
  "pull-from-queue":{"displayName":"Pull items from queue","description":"Takes the first items","props":{"queueName":["SHORT_TEXT","Queue Name",true],"numOfItems":["NUMBER","Number of items",true]}},
  "peek-queue":{"displayName":"Peek at Queue","description":"Gives the first items and leaves them","props":{"queueName":["SHORT_TEXT","Queue Name",true],"numOfItems":["NUMBER","Number of items",false,{"defaultValue":1}]}},
  "get-queue-size":{"displayName":"Get Queue Size","description":"How many items wait","props":{"queueName":["SHORT_TEXT","Queue Name",true]}},
  "clear-queue":{"displayName":"Clear Queue","description":"Throws all items away","props":{"queueName":["SHORT_TEXT","Queue Name",true]}},
  "enqueue-job":{"displayName":"Enqueue Job","description":"Gives a job to the flow that processes the queue","props":{"queueName":["SHORT_TEXT","Queue Name",true],"key":["SHORT_TEXT","Key",false],"data":["JSON","Data",false]}}},
 "triggers":{
  "process-jobs":{"displayName":"Process Jobs","description":"Runs once for each job of a queue","type":"POLLING","props":{
   "queueName":["SHORT_TEXT","Queue Name",true],"maxConcurrent":["NUMBER","Jobs at once",false,{"defaultValue":1}],
   "delayBetweenJobsMs":["NUMBER","Milliseconds between jobs",false,{"defaultValue":0}]}}}
})json",
    {{"push-to-queue"},
     {"pull-from-queue"},
     {"peek-queue"},
     {"get-queue-size"},
     {"clear-queue"},
     {kEnqueueJob}}};

}  // namespace sallyport::engine
