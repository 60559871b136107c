// Where the lists of triggers come from that look for new items (core/item_memory.hpp): what a look
// asks of the web, of a bucket or of a database, and what it makes of the answer.
#pragma once

#include "engine/adapters/steps/service_steps.hpp"
#include "engine/core/item_memory.hpp"
#include "engine/ports/http_client.hpp"

#include <cstdint>
#include <functional>
#include <string>

namespace sallyport::engine {

struct ItemQuestion {
    std::string tenant;
    Json settings;  // the trigger's, as the flow has them
    Json input;     // resolved
    Json memory;    // an object
    // What there is, new or not, with nothing to be remembered: a test of the trigger.
    bool sample = false;
    std::int64_t time_ms_max = 0;
    std::int64_t now_ms = 0;
};
// Called once, on the loop.
using ItemsFound = std::function<void(Result<ItemRound>)>;

struct ItemSources {
    HttpClient& http;
    ServiceSteps& services;

    // REQUIRES: fetches_items() of the settings' piece and trigger.
    void ask(const ItemQuestion& question, ItemsFound found);
};

// Nothing is remembered of them.
ItemRound sample_round(const Json& list);

void ask_web(HttpClient& http, const ItemQuestion& question, ItemsFound found);
void ask_bucket(HttpClient& http, const ItemQuestion& question, ItemsFound found);
void ask_table(ServiceSteps& services, const ItemQuestion& question, ItemsFound found);

}  // namespace sallyport::engine
