// Session tickets sealed with keys of ours: where the keys lie, and how OpenSSL gets at them.
#pragma once

#include "common/result.hpp"
#include "module/nginx/ngx.hpp"
#include "module/policy/ticket_keys.hpp"

#include <openssl/ssl.h>

namespace sallyport::ngx {

// Ticket keys on a page of their own that no core file shows (MADV_DONTDUMP); wiped at the end.
// What forks with it keeps that. Throws std::bad_alloc.
class TicketKeyPage {
  public:
    TicketKeyPage();
    ~TicketKeyPage();
    TicketKeyPage(const TicketKeyPage&) = delete;
    TicketKeyPage& operator=(const TicketKeyPage&) = delete;

    policy::TicketKeys& keys() { return *keys_; }

  private:
    policy::TicketKeys* keys_;
};

// From now on `ctx` seals tickets with the first of `keys` and opens them with any. `keys` outlives
// `ctx`, is not empty when a handshake needs it, and may be replaced at any time between.
Status use_ticket_keys(SSL_CTX* ctx, const policy::TicketKeys* keys);

// One key from OpenSSL's generator.
policy::TicketKeys fresh_ticket_key();

}  // namespace sallyport::ngx
