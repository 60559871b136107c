// One command to a store: how a feature asks Redis for something.
//
//     struct MyCall : RedisCall { …what write() needs… };
//     call.write = …; call.done = …; call.slot = store::key_slot(key);
//     if (!client->submit(call)) { …nobody should wait for the store now… }
//
// The call is the caller's and stays where it is until done() or cancel(). Commands may come from
// requests or from a worker's timers alike; a caller that ends earlier calls cancel().
#pragma once

#include "module/store/redis_script.hpp"
#include "module/store/resp_reader.hpp"

#include <cstdint>
#include <string>

namespace sallyport::ngx {

class RedisConnection;

struct RedisCall {
    // Appends exactly one command (store::RespWriter). May be called more than once: after a
    // redirection, or when the server had forgotten the script.
    void (*write)(const RedisCall&, std::string& out) = nullptr;
    // Called once unless cancelled, never from submit(). Null: no usable answer within the budget,
    // which the store's breaker has counted. Errors of the command itself (ERR, WRONGTYPE, …) come
    // as replies. The call may be submitted anew, or destroyed, from here.
    void (*done)(RedisCall&, const store::Reply*) = nullptr;
    // The answer is about to be read: a moment for done() to have its memory fetched. May be null.
    void (*expect)(const RedisCall&) = nullptr;
    void* owner = nullptr;
    // Set when write() writes EVALSHA of it: loaded and tried again when the server lacks it.
    const store::RedisScript* script = nullptr;
    // Of the command's keys, which must all be in one slot; only a cluster cares.
    std::uint16_t slot = 0;
    std::int64_t budget_ms = 0;  // 0: the store's budget=

    bool pending() const { return place != Place::idle; }

    // The client's.
    enum class Place : std::uint8_t { idle, waiting, sent, failed };
    Place place = Place::idle;
    bool script_sent = false;
    bool asking = false;
    std::uint8_t redirects = 0;
    RedisConnection* connection = nullptr;
    std::uint64_t ticket = 0;
    std::int64_t deadline_ms = 0;
};

}  // namespace sallyport::ngx
