// A master that Sentinels name. Every attempt to connect asks a Sentinel first, and the server has
// to call itself master: so a failover is followed as soon as the old connection breaks, hangs past
// its budget, or answers READONLY.
#include "module/nginx/guard.hpp"
#include "module/nginx/redis_client.hpp"
#include "module/store/redis_topology.hpp"
#include "module/store/resp_writer.hpp"

#include <optional>

namespace sallyport::ngx {
namespace {

using Redirected = RedisConnection::Redirected;

// One Sentinel has this long to answer before the next is asked.
constexpr std::int64_t kSentinelBudgetMs = 1'000;

class SentinelClient final : public RedisClient, private RedisConnection::Owner {
  public:
    SentinelClient(RedisTarget& target, ngx_cycle_t* cycle)
        : RedisClient(target, cycle),
          master_(*this, target, RedisConnection::Peer::master, label(), cycle) {
        retire_.handler = [](ngx_event_t* event) noexcept {
            auto* self = static_cast<SentinelClient*>(event->data);
            guarded(self->cycle_->log, "Redis Sentinel", [&] { self->next_sentinel(); });
        };
        retire_.data = this;
        retire_.log = cycle->log;
        question_.owner = this;
        question_.budget_ms = kSentinelBudgetMs;
        question_.write = [](const RedisCall& call, std::string& out) {
            const auto& self = *static_cast<const SentinelClient*>(call.owner);
            store::RespWriter(out)
                .command(3)
                .word("SENTINEL")
                .word("GET-MASTER-ADDR-BY-NAME")
                .word(self.target_.spec.master);
        };
        question_.done = [](RedisCall& call, const store::Reply* reply) {
            static_cast<SentinelClient*>(call.owner)->answered(reply);
        };
    }
    ~SentinelClient() override {
        if (retire_.posted) {
            ngx_delete_posted_event(&retire_);
        }
        RedisClient::cancel(question_);
    }

    void open() override { master_.open(); }
    bool available() const override { return master_.available(); }

  private:
    RedisConnection::Owner& owner() { return *this; }
    bool route(RedisCall& call) override { return master_.submit(call); }

    void find_address(RedisConnection& connection) override {
        if (&connection == sentinel_.get()) {
            connection.connect_to(current());
            return;
        }
        asked_ = 0;
        found_.reset();
        why_ = "no Sentinel answers";
        schedule();
    }
    Redirected redirect(RedisConnection&, RedisCall&, const store::Reply&) override {
        return Redirected::no;
    }
    // A Sentinel's connection that fails does so through its question; when it never opened, here.
    void availability_changed(RedisConnection& connection) override {
        if (&connection == sentinel_.get() && !connection.available() && !question_.pending()) {
            schedule();
        }
    }

    const RedisAddress& current() const {
        return target_.addresses[next_ % target_.addresses.size()];
    }

    // Connections are never destroyed from their own callbacks: the change happens in a turn of its
    // own.
    void schedule() {
        if (!retire_.posted) {
            ngx_post_event(&retire_, &ngx_posted_events);
        }
    }

    void next_sentinel() {
        RedisClient::cancel(question_);
        sentinel_.reset();
        if (found_) {
            const RedisAddress address = *found_;
            found_.reset();
            master_.connect_to(address);
            return;
        }
        if (asked_ == target_.addresses.size()) {
            master_.failed(why_);
            return;
        }
        ++asked_;
        sentinel_ = std::make_unique<RedisConnection>(
            owner(), target_, RedisConnection::Peer::sentinel, label() + " Sentinel", cycle_);
        question_.deadline_ms = static_cast<std::int64_t>(ngx_current_msec) + kSentinelBudgetMs;
        sentinel_->open();
        if (!sentinel_->submit(question_)) {
            ++next_;
            schedule();
        }
    }

    void answered(const store::Reply* reply) {
        const auto endpoint =
            reply == nullptr ? std::nullopt : store::parse_sentinel_master(*reply);
        if (endpoint) {
            found_ = numeric_address(endpoint->host, endpoint->port);
            if (found_) {
                found_->host = endpoint->host;
            } else {
                why_ = "the Sentinel names " + endpoint->host +
                       ", which is no address; set its announce-ip, or resolve-hostnames no";
            }
        } else if (reply != nullptr) {
            why_ = reply->kind == store::ReplyKind::nil
                       ? "the Sentinels do not know the master " + target_.spec.master
                       : "the Sentinel says: " + std::string(reply->text());
        }
        if (!found_) {
            ++next_;  // the one that knows is asked first the next time, too
        }
        schedule();
    }

    RedisConnection master_;
    std::unique_ptr<RedisConnection> sentinel_;
    RedisCall question_;
    std::optional<RedisAddress> found_;
    std::size_t next_ = 0;   // the Sentinel to ask
    std::size_t asked_ = 0;  // in this search
    std::string why_;
    ngx_event_t retire_{};
};

}  // namespace

std::unique_ptr<RedisClient> make_sentinel_client(RedisTarget& target, ngx_cycle_t* cycle) {
    return std::make_unique<SentinelClient>(target, cycle);
}

}  // namespace sallyport::ngx
