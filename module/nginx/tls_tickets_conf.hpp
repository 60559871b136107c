// sallyport_tls_tickets: whose keys seal session tickets.
//
//   sallyport_tls_tickets file=PATH [refresh=TIME]
//   sallyport_tls_tickets redis=STORE [rotate=TIME] [refresh=TIME]          http
#pragma once

#include "module/nginx/directive.hpp"
#include "module/nginx/tls_tickets.hpp"
#include "module/nginx/tls_tickets_redis.hpp"
#include "module/nginx/watched_file.hpp"

#include <memory>
#include <string>

namespace sallyport::ngx {

struct TicketSource {
    TicketKeyPage page;
    std::unique_ptr<WatchedFile> file;  // file=
    std::string store_name;             // redis=
    RedisStore* store = nullptr;
    TicketTimes times;
    std::unique_ptr<SharedTickets> shared;  // a worker's
};

// Reads the directive into `source`, which was null.
Status set_tickets(DirectiveCall& call, std::unique_ptr<TicketSource>& source);
// After the whole http block was read: finds the store, hands the keys to every server's context.
Status use_tickets(ngx_conf_t* cf, TicketSource& source);
// A worker starts, and ends.
void start_tickets(ngx_cycle_t* cycle, TicketSource& source);
void stop_tickets(TicketSource& source);
// What keeps the newest keys from being used.
Status tickets_state(const TicketSource& source);

}  // namespace sallyport::ngx
