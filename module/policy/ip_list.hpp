// Allow and deny rules over named lists of addresses.
//
// Rules of one gate are judged in this order, whatever order they were written in:
//   1. a deny entry matches                     -> refused (ip_denied)
//      or a list of them is not loaded yet      -> refused (ip_list_not_loaded)
//   2. an allow entry matches                   -> passes
//      or else a list of them is not loaded yet -> refused (ip_list_not_loaded)
//   3. `allow all`                              -> passes
//   4. `deny all`, or any allow entry exists    -> refused (ip_denied, ip_not_allowed)
//   5. otherwise                                -> passes
// So `deny` wins over `allow`, and `allow office; deny all;` means what it says.
#pragma once

#include "common/result.hpp"
#include "module/policy/decision.hpp"
#include "module/policy/ip_set_slots.hpp"

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::policy {

// One list may hold this many blocks: four times the largest published feeds, and under 150 MiB.
inline constexpr std::size_t kIpListBlocksMax = 4'000'000;

struct IpList {
    std::string name;
    IpSet set;                         // of a list that never changes
    const IpSetSlots* live = nullptr;  // of one that is refreshed
    bool refuse_unloaded = false;      // of one that may have to be waited for

    bool contains(const IpAddress& address) const {
        return live != nullptr ? live->contains(address) : set.contains(address);
    }
    // Nothing can be said about anybody yet.
    bool must_be_awaited() const { return refuse_unloaded && live->version() == 0; }
};

// One block a line; `#` or `;` starts a comment; blank lines and CRLF are fine. `source` (the
// file's name) and the line number stand in front of an error. A block of length 0 is refused: it
// would open or close everything by one line of a file.
Result<std::vector<Cidr>> parse_ip_list(std::string_view text, std::string_view source);

// An address or block as an argument of a directive; length 0 is refused as above.
Result<Cidr> parse_ip_block(std::string_view text);

// Lower-case letters, digits and underscores, starting with a letter; `all`, `off` and `unix` are
// taken.
bool is_ip_list_name(std::string_view text);

// What one configuration level says. Lists outlive the rules.
struct IpRules {
    struct Side {
        std::vector<const IpList*> lists;
        std::vector<Cidr> blocks;
        bool unix_clients = false;  // the word `unix:`: clients without an address
        bool all = false;

        bool has_entries() const { return !lists.empty() || !blocks.empty() || unix_clients; }
        bool empty() const { return !has_entries() && !all; }
    };
    Side allow;
    Side deny;

    bool empty() const { return allow.empty() && deny.empty(); }
};

// An inner level adds its denials to the outer level's; its word on who is allowed (`allow …`,
// `deny all`) replaces the outer level's, when it has one.
IpRules nest(const IpRules& outer, const IpRules& inner);

// Rules ready to be asked, for every request.
class IpGate {
  public:
    struct Outcome {
        Decision decision;
        std::string_view rule;  // the list's name, or the directive; lives as long as the gate
    };

    explicit IpGate(const IpRules& rules);
    // `client` is null for clients without an address (unix sockets). One whose address is not
    // `verified` may be denied by it, never allowed.
    Outcome decide(const IpAddress* client, bool verified = true) const;
    // Whether it may refuse with 503.
    bool may_await() const;
    // The short cut of nearly every request: true when decide() would let it pass, at the gates
    // that lists alone keep shut. False says nothing.
    bool lets_pass(const IpAddress* client) const {
        if (!only_denies_lists_ || client == nullptr) {
            return false;
        }
        for (const IpList* list : deny_.lists) {
            if (list->contains(*client) || list->must_be_awaited()) {
                return false;
            }
        }
        return true;
    }

  private:
    struct Side {
        std::vector<const IpList*> lists;
        IpSet blocks;
        bool unix_clients = false;
        bool all = false;
        bool has_entries = false;
    };
    static Side compile(const IpRules::Side& side);
    enum class Match : std::uint8_t { no, yes, unloaded };
    static Match match(const Side& side, const IpAddress* client, std::string_view* rule);

    Side allow_;
    Side deny_;
    bool only_denies_lists_;
};

}  // namespace sallyport::policy
