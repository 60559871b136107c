// Ticket keys in Redis: one hash for all nodes that share a secret, asked and replaced by one
// script.
#pragma once

#include "module/store/redis_script.hpp"
#include "module/store/resp_reader.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sallyport::store {

const RedisScript& tls_tickets_script();

// Where nodes with this name (their secret's, not a secret itself) keep their keys.
std::string tls_tickets_key(std::string_view name);

struct TlsTicketsQuestion {
    std::string_view key;
    std::int64_t rotate_ms = 0;
    std::int64_t remember_ms = 0;
    std::string_view seen;  // sealed; empty: none
    std::string_view put;   // sealed; empty: only ask
};
void append_tls_tickets(std::string& out, const TlsTicketsQuestion& question);

struct TlsTicketsAnswer {
    std::string sealed;  // empty: there are none
    bool due = false;
};
// Nothing when the reply is none of the script's.
std::optional<TlsTicketsAnswer> parse_tls_tickets(const Reply& reply);

}  // namespace sallyport::store
