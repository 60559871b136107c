#include "module/nginx/redis_client.hpp"

namespace sallyport::ngx {
namespace {

// One server. Its name may have had several addresses: each attempt takes the next.
class SingleClient final : public RedisClient, private RedisConnection::Owner {
  public:
    SingleClient(RedisTarget& target, ngx_cycle_t* cycle)
        : RedisClient(target, cycle),
          connection_(*this, target, RedisConnection::Peer::server, label(), cycle) {}

    void open() override { connection_.open(); }
    bool available() const override { return connection_.available(); }

  private:
    bool route(RedisCall& call) override { return connection_.submit(call); }
    void find_address(RedisConnection& connection) override {
        connection.connect_to(target_.addresses[next_++ % target_.addresses.size()]);
    }
    RedisConnection::Redirected redirect(RedisConnection&, RedisCall&,
                                         const store::Reply&) override {
        return RedisConnection::Redirected::no;
    }
    void availability_changed(RedisConnection&) override {}

    RedisConnection connection_;
    std::size_t next_ = 0;
};

}  // namespace

std::unique_ptr<RedisClient> make_single_client(RedisTarget& target, ngx_cycle_t* cycle) {
    return std::make_unique<SingleClient>(target, cycle);
}

std::unique_ptr<RedisClient> RedisClient::make(RedisTarget& target, ngx_cycle_t* cycle) {
    switch (target.spec.kind) {
        case store::RedisKind::single:
            return make_single_client(target, cycle);
        case store::RedisKind::sentinel:
            return make_sentinel_client(target, cycle);
        case store::RedisKind::cluster:
            return make_cluster_client(target, cycle);
    }
    return nullptr;
}

[[gnu::hot]] bool RedisClient::submit(RedisCall& call) {
    const std::int64_t budget_ms = call.budget_ms > 0 ? call.budget_ms : target_.spec.budget_ms;
    call.deadline_ms = static_cast<std::int64_t>(ngx_current_msec) + budget_ms;
    call.script_sent = false;
    call.asking = false;
    call.redirects = 0;
    return route(call);
}

void RedisClient::cancel(RedisCall& call) {
    if (call.pending()) {
        call.connection->cancel(call);
    }
}

}  // namespace sallyport::ngx
