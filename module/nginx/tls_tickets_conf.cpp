#include "module/nginx/tls_tickets_conf.hpp"

#include "common/units.hpp"
#include "module/nginx/str.hpp"

#include <utility>

namespace sallyport::ngx {
namespace {

constexpr std::int64_t kRotateMs = std::int64_t{12} * 3'600'000;
constexpr std::int64_t kRotateMsMin = 60'000;
constexpr std::int64_t kRotateMsMax = std::int64_t{7} * 86'400'000;

Result<std::int64_t> parse_rotate_ms(std::string_view text) {
    const auto duration = parse_duration_ms(text);
    if (!duration) {
        return duration.error();
    }
    if (*duration < kRotateMsMin || *duration > kRotateMsMax) {
        return Error{"rotate=" + std::string(text) + " is out of range; write 1m to 7d"};
    }
    return *duration;
}

Status set_time(std::int64_t& to, const Result<std::int64_t>& time) {
    if (!time) {
        return time.error();
    }
    to = *time;
    return Done{};
}

// Words of the directive before it is known where the keys come from.
struct Words {
    std::string path;
    std::string store;
    std::int64_t rotate_ms = 0;
    std::int64_t refresh_ms = kRefreshMs;
};

Status take_word(DirectiveCall& call, std::string_view word, Words& out) {
    if (const auto file = option(word, "file")) {
        const auto full = full_path(call.cf, *file);
        if (!full) {
            return full.error();
        }
        out.path = *full;
        return Done{};
    }
    if (const auto store = option(word, "redis")) {
        out.store = *store;
        return Done{};
    }
    if (const auto rotate = option(word, "rotate")) {
        return set_time(out.rotate_ms, parse_rotate_ms(*rotate));
    }
    if (const auto refresh = option(word, "refresh")) {
        return set_time(out.refresh_ms, parse_refresh_ms(*refresh));
    }
    return Error{"unknown parameter \"" + std::string(word) +
                 "\"; write file=PATH or redis=STORE, rotate=TIME, refresh=TIME"};
}

Status take_file(policy::TicketKeys& keys, const WatchedText& file) {
    if ((file.mode & 027) != 0) {
        return Error{
            "it holds keys and is open to others; run: chmod 0600 on it (0640 when "
            "nginx's group must read it)"};
    }
    auto parsed = policy::TicketKeys::parse(file.text);
    if (!parsed) {
        return parsed.error();
    }
    keys = std::move(*parsed);
    return Done{};
}

// ssl_session_ticket_key would be a second owner of the same thing.
Status check_no_other_keys(const ngx_http_ssl_srv_conf_t& tls) {
    if (tls.session_ticket_keys != nullptr) {
        return Error{
            "\"sallyport_tls_tickets\": \"ssl_session_ticket_key\" names keys of its own; remove "
            "one of the two"};
    }
    return Done{};
}

}  // namespace

Status set_tickets(DirectiveCall& call, std::unique_ptr<TicketSource>& source) {
    if (source != nullptr) {
        return Error{"is given twice; keep one"};
    }
    Words words;
    for (std::size_t i = 0; i < call.size(); ++i) {
        const Status status = take_word(call, call.arg(i), words);
        if (!status.ok()) {
            return status;
        }
    }
    if (words.path.empty() == words.store.empty()) {
        return Error{"needs one place for the keys; write file=PATH or redis=STORE"};
    }
    if (!words.path.empty() && words.rotate_ms != 0) {
        return Error{"\"rotate=\" means nothing with a file; rotate it with: sallyport tickets " +
                     words.path};
    }
    auto made = std::make_unique<TicketSource>();
    made->store_name = words.store;
    made->times = {words.rotate_ms == 0 ? kRotateMs : words.rotate_ms, words.refresh_ms};
    if (words.path.empty()) {
        // The one that seals, and the next.
        made->page.keys() = fresh_ticket_key().rotated(fresh_ticket_key(), policy::kTicketKeysKept);
    } else {
        made->file =
            std::make_unique<WatchedFile>(words.path, policy::kTicketFileBytesMax, words.refresh_ms,
                                          [keys = &made->page.keys()](const WatchedText& file) {
                                              return take_file(*keys, file);
                                          });
        const Status status = made->file->load();
        if (!status.ok()) {
            return status;
        }
    }
    source = std::move(made);
    return Done{};
}

Status use_tickets(ngx_conf_t* cf, TicketSource& source) {
    if (!source.store_name.empty()) {
        source.store = redis_store(cf, source.store_name);
        if (source.store == nullptr) {
            return Error{"\"sallyport_tls_tickets\": no sallyport_redis is called \"" +
                         source.store_name + "\"; declare it, or mend the name"};
        }
        if (source.store->target.spec.key_file.empty()) {
            return Error{"\"sallyport_tls_tickets\": the store \"" + source.store_name +
                         "\" has no key_file=, which the keys are sealed with in Redis; add one"};
        }
        source.store->used = true;
    }
    const auto* core = static_cast<const ngx_http_core_main_conf_t*>(
        ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module));
    auto* const* servers = static_cast<ngx_http_core_srv_conf_t* const*>(core->servers.elts);
    for (ngx_uint_t i = 0; i < core->servers.nelts; ++i) {
        const auto& tls = *static_cast<const ngx_http_ssl_srv_conf_t*>(
            servers[i]->ctx->srv_conf[ngx_http_ssl_module.ctx_index]);
        if (tls.ssl.ctx == nullptr) {
            continue;
        }
        Status status = check_no_other_keys(tls);
        if (status.ok()) {
            status = use_ticket_keys(tls.ssl.ctx, &source.page.keys());
        }
        if (!status.ok()) {
            return status;
        }
    }
    return Done{};
}

void start_tickets(ngx_cycle_t* cycle, TicketSource& source) {
    if (source.file != nullptr) {
        source.file->watch(cycle);
    } else if (source.store->client != nullptr) {
        source.shared =
            std::make_unique<SharedTickets>(*source.store, source.times, source.page.keys(), cycle);
    }
}

void stop_tickets(TicketSource& source) {
    source.shared.reset();
}

Status tickets_state(const TicketSource& source) {
    return source.file != nullptr     ? source.file->state()
           : source.shared != nullptr ? source.shared->state()
                                      : Status(Done{});
}

}  // namespace sallyport::ngx
