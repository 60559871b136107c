// Bans that nodes share through a store (store/ban_commands.hpp). A worker's own.
//
// Nothing here is on a request's path: requests are judged by the zone alone, and an outage of the
// store changes nothing but what other nodes learn. A node says what it has decided, hears what
// others did, and has outcomes counted together: `after` failures spread over several nodes are as
// many as on one. Workers take turns, so that a node asks once, however many workers it has.
#pragma once

#include "module/nginx/ban_zone.hpp"
#include "module/nginx/redis_conf.hpp"
#include "module/store/ban_commands.hpp"

#include <memory>
#include <string>
#include <vector>

namespace sallyport::ngx {

class BanSync {
  public:
    // REQUIRES: zone and store live longer than this.
    BanSync(BanZone& zone, RedisStore& store, ngx_cycle_t* cycle);
    ~BanSync();
    BanSync(const BanSync&) = delete;
    BanSync& operator=(const BanSync&) = delete;

    // Has one outcome counted for all nodes, when the store can be asked. `rule` lives as long as
    // the configuration.
    void count(const policy::BanRule& rule, const policy::BanSubject& subject);
    // Says what the zone has not told yet, without waiting for the next turn.
    void say_soon();

  private:
    struct Strike final : RedisCall {
        BanSync* sync = nullptr;
        const policy::BanRule* rule = nullptr;
        policy::BanSubject subject;
    };
    // What this worker says or asks on behalf of its node; one at a time.
    struct Talk final : RedisCall {
        BanSync* sync = nullptr;
        bool saying = false;
        std::vector<policy::BanEntry> entries;  // when saying
        store::BanHearing heard;                // when asking
    };

    static void write_strike(const RedisCall& call, std::string& out);
    static void strike_done(RedisCall& call, const store::Reply* reply);
    static void write_talk(const RedisCall& call, std::string& out);
    static void talk_done(RedisCall& call, const store::Reply* reply);

    void prepare(RedisCall& call) const;
    void arm();
    void turn();
    bool say();
    void pull();
    void hear(const store::BanNews& news);
    void take(const policy::BanWord& word);

    BanZone& zone_;
    RedisStore& store_;
    ngx_log_t* log_;
    std::string fresh_;  // begins an epoch, should the store have none
    ngx_event_t timer_{};
    ngx_connection_t dummy_{};  // nginx's event code logs a timer's connection
    Talk talk_;
    std::vector<std::unique_ptr<Strike>> strikes_;
    std::vector<Strike*> free_;
    bool strangers_logged_ = false;
};

}  // namespace sallyport::ngx
