// A cluster: one connection a node, calls routed by their key's slot. The map comes from CLUSTER
// SLOTS, corrected by every MOVED at once; it is asked for again when a node fails, and now and
// then.
#include "module/nginx/guard.hpp"
#include "module/nginx/redis_client.hpp"
#include "module/store/redis_slot.hpp"
#include "module/store/redis_topology.hpp"
#include "module/store/resp_writer.hpp"

#include <algorithm>
#include <array>

namespace sallyport::ngx {
namespace {

using Redirected = RedisConnection::Redirected;

// Connections of a worker to one cluster: a node beyond is not spoken to.
constexpr std::size_t kNodesMax = 128;
// A slot on the move needs one redirection, a stale map another.
constexpr std::uint8_t kRedirectsMax = 5;
constexpr std::int64_t kMapBudgetMs = 1'000;
// Not more often than this, however many answers say MOVED.
constexpr ngx_msec_t kRefreshSoonMs = 200;
constexpr ngx_msec_t kSlotsRefreshMs = 30'000;

class ClusterClient final : public RedisClient, private RedisConnection::Owner {
  public:
    ClusterClient(RedisTarget& target, ngx_cycle_t* cycle) : RedisClient(target, cycle) {
        slots_.fill(nullptr);
        refresh_.handler = [](ngx_event_t* event) noexcept {
            auto* self = static_cast<ClusterClient*>(event->data);
            guarded(self->cycle_->log, "Redis cluster", [&] { self->refresh(); });
        };
        refresh_.data = this;
        refresh_.log = cycle->log;
        refresh_.cancelable = 1;
        question_.owner = this;
        question_.write = [](const RedisCall&, std::string& out) {
            store::RespWriter(out).command(2).word("CLUSTER").word("SLOTS");
        };
        question_.done = [](RedisCall& call, const store::Reply* reply) {
            static_cast<ClusterClient*>(call.owner)->answered(reply);
        };
    }
    ~ClusterClient() override {
        RedisClient::cancel(question_);
        if (refresh_.timer_set) {
            ngx_del_timer(&refresh_);
        }
    }

    void open() override {
        add_seeds();
        refresh();
    }
    bool available() const override {
        return std::any_of(nodes_.begin(), nodes_.end(),
                           [](const auto& node) { return node->connection->available(); });
    }

  private:
    struct Node {
        RedisAddress address;
        std::unique_ptr<RedisConnection> connection;
        bool mapped = false;  // serves slots
    };

    RedisConnection::Owner& owner() { return *this; }
    bool route(RedisCall& call) override {
        Node* node = slots_[call.slot];
        if (node == nullptr) {
            node = any_node();
        }
        return node != nullptr && node->connection->submit(call);
    }

    // The next node that can be asked, in turn.
    Node* any_node() {
        for (std::size_t i = 0; i < nodes_.size(); ++i) {
            Node& node = *nodes_[next_++ % nodes_.size()];
            if (node.connection->available()) {
                return &node;
            }
        }
        return nullptr;
    }

    Node* node_at(const RedisAddress& address) {
        for (const auto& node : nodes_) {
            if (node->address.text == address.text) {
                return node.get();
            }
        }
        if (nodes_.size() == kNodesMax) {
            return nullptr;
        }
        auto node = std::make_unique<Node>();
        node->address = address;
        node->connection =
            std::make_unique<RedisConnection>(owner(), target_, RedisConnection::Peer::node,
                                              label() + " node " + address.text, cycle_);
        nodes_.push_back(std::move(node));
        nodes_.back()->connection->open();
        return nodes_.back().get();
    }

    Node* node_of(const RedisConnection& connection) {
        for (const auto& node : nodes_) {
            if (node->connection.get() == &connection) {
                return node.get();
            }
        }
        return nullptr;
    }

    // What a node says about another, or about itself with an empty host.
    Node* node_named(std::string_view host, std::uint16_t port, const RedisConnection& by) {
        const Node* teller = node_of(by);
        std::string numeric(host);
        if (numeric.empty() && teller != nullptr) {
            numeric = teller->address.text.substr(0, teller->address.text.rfind(':'));
            if (numeric.starts_with('[')) {
                numeric = numeric.substr(1, numeric.size() - 2);
            }
        }
        const auto address = numeric_address(numeric, port);
        if (!address) {
            ngx_log_error(NGX_LOG_ERR, cycle_->log, 0,
                          "sallyport: store %s: a node is called \"%s\", which is no address; set "
                          "its cluster-preferred-endpoint-type to ip",
                          label().c_str(), numeric.c_str());
            return nullptr;
        }
        return node_at(*address);
    }

    void find_address(RedisConnection& connection) override {
        if (const Node* node = node_of(connection)) {
            connection.connect_to(node->address);
        }
    }

    Redirected redirect(RedisConnection& connection, RedisCall& call,
                        const store::Reply& error) override {
        if (error.is_error("TRYAGAIN")) {
            connection.again(call);  // keys on the move: the node is well
            return Redirected::taken;
        }
        const auto where = store::parse_redirect(error.text());
        if (!where) {
            return Redirected::no;
        }
        Node* node = node_named(where->host, where->port, connection);
        if (node == nullptr || ++call.redirects > kRedirectsMax) {
            return Redirected::failed;
        }
        if (!where->ask) {
            slots_[where->slot] = node;
            node->mapped = true;  // the map refers to it, so it stays
            refresh_soon();
        }
        call.asking = where->ask;
        call.script_sent = false;
        return node->connection->submit(call) ? Redirected::taken : Redirected::failed;
    }

    void availability_changed(RedisConnection&) override { refresh_soon(); }

    void refresh_in(ngx_msec_t after_ms) {
        if (refresh_.timer_set) {
            ngx_del_timer(&refresh_);
        }
        ngx_add_timer(&refresh_, after_ms);
    }

    void refresh_soon() {
        if (!question_.pending() && !soon_) {
            soon_ = true;
            refresh_in(kRefreshSoonMs);
        }
    }

    void add_seeds() {
        for (const RedisAddress& seed : target_.addresses) {
            node_at(seed);
        }
    }

    // From the timer: no connection is in the middle of anything, so nodes that left can go.
    void refresh() {
        soon_ = false;
        if (question_.pending()) {
            return;
        }
        if (have_map_) {
            std::erase_if(nodes_, [&](const auto& node) {
                return !node->mapped && node->connection->idle();
            });
        }
        Node* node = any_node();
        if (node == nullptr) {
            add_seeds();  // all nodes that we know have failed: begin anew
            node = any_node();
        }
        question_.deadline_ms = static_cast<std::int64_t>(ngx_current_msec) + kMapBudgetMs;
        question_.script_sent = false;
        question_.asking = false;
        asked_ = node;
        if (node == nullptr || !node->connection->submit(question_)) {
            refresh_in(kRefreshSoonMs);
        }
    }

    void answered(const store::Reply* reply) {
        const auto map = reply == nullptr ? std::nullopt : store::parse_cluster_slots(*reply);
        if (!map || map->empty()) {
            refresh_in(kRefreshSoonMs);
            return;
        }
        for (const auto& node : nodes_) {
            node->mapped = false;
        }
        slots_.fill(nullptr);
        for (const store::SlotRange& range : *map) {
            Node* node = node_named(range.master.host, range.master.port, *asked_->connection);
            if (node == nullptr) {
                continue;
            }
            node->mapped = true;
            std::fill(slots_.begin() + range.first, slots_.begin() + range.last + 1, node);
        }
        have_map_ = true;
        // While a node is away the others are about to choose another in its place.
        const bool whole = std::all_of(nodes_.begin(), nodes_.end(), [](const auto& node) {
            return !node->mapped || node->connection->available();
        });
        refresh_in(whole ? kSlotsRefreshMs : kRefreshSoonMs);
    }

    std::vector<std::unique_ptr<Node>> nodes_;
    std::array<Node*, store::kSlots> slots_;
    RedisCall question_;
    Node* asked_ = nullptr;
    std::size_t next_ = 0;
    bool soon_ = false;
    bool have_map_ = false;
    ngx_event_t refresh_{};
};

}  // namespace

std::unique_ptr<RedisClient> make_cluster_client(RedisTarget& target, ngx_cycle_t* cycle) {
    return std::make_unique<ClusterClient>(target, cycle);
}

}  // namespace sallyport::ngx
