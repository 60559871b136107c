#include "engine/core/piece_queue.hpp"

#include "engine/core/job_queue.hpp"
#include "engine/core/piece_input.hpp"
#include "engine/core/piece_table.hpp"

namespace sallyport::engine {
namespace {

// In front of the name, so that a queue and a value of the same name differ.
constexpr std::string_view kKeyPrefix = "_queue_rmAPlFmX0s_";
constexpr std::int64_t kItemsMax = 100'000;

Result<Json> kept_items(const Json& stored) {
    if (!stored.exists() || stored.is_null()) {
        return Json::array();
    }
    return stored.is_array() ? Result<Json>(stored) : Error{"The queue's entry is not a list"};
}

Result<StoreOutcome> push(const Json& input, const Json& items) {
    const auto added = input_list(input, "items");
    if (!added.ok()) {
        return added.error();
    }
    Json list = items.deep_copy();
    added->each_element([&list](const Json& item) { list.append(item); });
    if (list.dump().size() > kStoreValueBytesMax) {
        return Error{"The queue is full: it may hold 512 KB"};
    }
    return StoreOutcome{StoreOutcome::Kind::put, list, Json::null()};
}

struct SplitItems {
    Json first;
    Json rest;
};
SplitItems split_items(const Json& items, std::int64_t count) {
    SplitItems out{Json::array(), Json::array()};
    std::int64_t at = 0;
    items.each_element(
        [&](const Json& item) { (at++ < count ? out.first : out.rest).append(item); });
    return out;
}

Result<StoreOutcome> pull(const Json& input, const Json& items) {
    const auto count = input_whole(input, "numOfItems", 0, kItemsMax);
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
    const auto count = given ? input_whole(input, "numOfItems", 0, kItemsMax)
                             : Result<std::int64_t>(std::int64_t{1});
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
    std::string key = std::string(kKeyPrefix) + *name;
    if (name->empty() || key.size() > kStoreKeyBytesMax) {
        return input_error("queueName", "Expected 1 to " +
                                            std::to_string(kStoreKeyBytesMax - kKeyPrefix.size()) +
                                            " characters, received: " + *name);
    }
    return key;
}

Result<StoreOutcome> queue_outcome(std::string_view action, const Json& input, const Json& stored) {
    if (action == "clear-queue") {
        return StoreOutcome{
            StoreOutcome::Kind::remove, {}, Json::object({{"success", Json::boolean(true)}})};
    }
    const Result<Json> items = kept_items(stored);
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
