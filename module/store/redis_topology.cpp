#include "module/store/redis_topology.hpp"

#include "common/bytes.hpp"
#include "module/store/redis_slot.hpp"

namespace sallyport::store {
namespace {

std::optional<std::uint16_t> port_of(std::int64_t number) {
    if (number <= 0 || number > 65'535) {
        return std::nullopt;
    }
    return static_cast<std::uint16_t>(number);
}

// Walks over a tree whose every array may hold elements that we do not know (newer servers add
// some).
class Walk {
  public:
    explicit Walk(const Reply& reply) : reply_(reply), nodes_(reply.nodes()) {}

    const ReplyNode* next() { return at_ < nodes_.size() ? &nodes_[at_++] : nullptr; }
    std::string_view text(const ReplyNode& node) const { return reply_.text_of(node); }
    // Steps over `count` elements with all that is below them.
    void skip(std::int64_t count) {
        while (count > 0 && at_ < nodes_.size()) {
            const ReplyNode& node = nodes_[at_++];
            count += (node.kind == ReplyKind::array ? node.integer : 0) - 1;
        }
    }

  private:
    const Reply& reply_;
    const std::vector<ReplyNode>& nodes_;
    std::size_t at_ = 0;
};

// [first, last, [host, port, …], replica…]
bool read_range(Walk& walk, std::vector<SlotRange>& out) {
    const ReplyNode* range = walk.next();
    if (range == nullptr || range->kind != ReplyKind::array || range->integer < 3) {
        return false;
    }
    const ReplyNode* first = walk.next();
    const ReplyNode* last = walk.next();
    const ReplyNode* node = walk.next();
    if (node == nullptr || first->kind != ReplyKind::integer || last->kind != ReplyKind::integer ||
        first->integer < 0 || last->integer < first->integer || last->integer >= kSlots ||
        node->kind != ReplyKind::array || node->integer < 2) {
        return false;
    }
    const ReplyNode* host = walk.next();
    const ReplyNode* port = walk.next();
    if (port == nullptr || (host->kind != ReplyKind::text && host->kind != ReplyKind::nil) ||
        port->kind != ReplyKind::integer) {
        return false;
    }
    const auto number = port_of(port->integer);
    if (!number) {
        return false;
    }
    out.push_back({static_cast<std::uint16_t>(first->integer),
                   static_cast<std::uint16_t>(last->integer),
                   {std::string(walk.text(*host)), *number}});
    walk.skip(node->integer - 2);
    walk.skip(range->integer - 3);
    return true;
}

}  // namespace

std::optional<RedisEndpoint> parse_sentinel_master(const Reply& reply) {
    const auto& nodes = reply.nodes();
    if (reply.kind != ReplyKind::array || nodes.size() != 3 || nodes[1].kind != ReplyKind::text ||
        nodes[2].kind != ReplyKind::text) {
        return std::nullopt;
    }
    const auto number = parse_u64(reply.text_of(nodes[2]));
    if (!number || *number > 65'535 || *number == 0 || nodes[1].size == 0) {
        return std::nullopt;
    }
    return RedisEndpoint{std::string(reply.text_of(nodes[1])), static_cast<std::uint16_t>(*number)};
}

std::optional<std::vector<SlotRange>> parse_cluster_slots(const Reply& reply) {
    if (reply.kind != ReplyKind::array) {
        return std::nullopt;
    }
    Walk walk(reply);
    const std::int64_t ranges = walk.next()->integer;
    std::vector<SlotRange> out;
    for (std::int64_t i = 0; i < ranges; ++i) {
        if (!read_range(walk, out)) {
            return std::nullopt;
        }
    }
    return out;
}

std::string_view parse_role(const Reply& reply) {
    const auto& nodes = reply.nodes();
    if (reply.kind != ReplyKind::array || nodes.size() < 2 || nodes[1].kind != ReplyKind::text) {
        return {};
    }
    return reply.text_of(nodes[1]);
}

}  // namespace sallyport::store
