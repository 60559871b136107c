// Reads a list from its store (store/ip_list_commands.hpp), in the process that refreshes lists.
//
// One look: the version; when it is another one the pieces; then the version again. Every question
// has its own budget, so that a store that dies in between ends the look and the next one starts
// anew.
#pragma once

#include "module/nginx/redis_conf.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace sallyport::ngx {

class ListLook final : private RedisCall {
  public:
    class Taker {
      public:
        // A whole list of that version; `force` as asked for.
        virtual void whole_list(std::string_view text, const std::string& version, bool force) = 0;
        // The store answers, and there is no list to take.
        virtual void no_list(const std::string& why) = 0;

        virtual ~Taker() = default;
    };

    // REQUIRES: all live longer than the look.
    ListLook(Taker& taker, RedisStore& store, std::string key);
    ~ListLook() { RedisClient::cancel(*this); }
    ListLook(const ListLook&) = delete;
    ListLook& operator=(const ListLook&) = delete;

    bool busy() const { return pending(); }
    // Reads the list unless its version is `known` or has `failed` before. Does nothing while busy,
    // or when nobody should wait for the store.
    void start(ngx_cycle_t* cycle, const std::string& known, const std::string& failed, bool force);

  private:
    enum class Step : std::uint8_t { version, piece, version_again };

    static void write(const RedisCall& call, std::string& out);
    static void done(RedisCall& call, const store::Reply* reply);
    void ask(Step step);
    void version_came(const store::Reply& reply);
    void piece_came(const store::Reply& reply);
    void version_came_again(const store::Reply& reply);

    Taker& taker_;
    RedisStore& store_;
    std::string key_;
    std::string version_key_;
    Step step_ = Step::version;
    std::string known_;
    std::string failed_;
    std::string version_;
    std::string cursor_;
    std::string text_;
    bool force_ = false;
};

}  // namespace sallyport::ngx
