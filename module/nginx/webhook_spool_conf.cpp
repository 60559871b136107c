#include "module/nginx/webhook_spool_conf.hpp"

#include "common/bytes.hpp"
#include "common/limits.hpp"
#include "common/units.hpp"
#include "module/nginx/feature.hpp"
#include "module/nginx/pool.hpp"
#include "module/nginx/proxying.hpp"
#include "module/nginx/str.hpp"
#include "module/nginx/webhook_conf.hpp"
#include "module/store/redis_slot.hpp"

#include <algorithm>
#include <array>

namespace sallyport::ngx {
namespace {

// Redis takes 512 MiB in one value, a worker's memory does not; what providers send is far smaller.
constexpr std::uint64_t kBodyBytesMaxMax = 16 * 1024 * 1024;
constexpr std::uint64_t kEntriesMaxMax = 1'000'000'000;
constexpr std::int64_t kSpoolWaitMsMax = 30'000;
// Statuses that say "not now". What an upstream says about the delivery itself is its answer.
constexpr std::array<std::string_view, 5> kStatuses = {"429", "500", "502", "503", "504"};

Status set_statuses(WebhookSpool& spool, std::string_view value) {
    spool.statuses.clear();
    Status good = Done{};
    for_each_split(value, ',', [&](std::string_view one) {
        if (std::find(kStatuses.begin(), kStatuses.end(), one) == kStatuses.end()) {
            good = Error{"on=" + std::string(value) + ": " + in_quotes(one) +
                         " is not usable; write some of 429,500,502,503,504"};
            return;
        }
        spool.statuses.push_back(static_cast<ngx_int_t>(*parse_u64(one)));
    });
    return good;
}

Status set_number(std::uint64_t& out, std::string_view name, std::string_view value,
                  const Result<std::uint64_t>& number, std::uint64_t max) {
    if (!number || *number == 0 || *number > max) {
        return Error{std::string(name) + "=" + std::string(value) + " is not usable; write 1 to " +
                     std::to_string(max)};
    }
    out = *number;
    return Done{};
}

Status set_text(ngx_conf_t* cf, std::optional<ComplexText>& out, std::string_view value) {
    auto text = ComplexText::compile(cf, value);
    if (!text) {
        return text.error();
    }
    out = *text;
    return Done{};
}

Status set_durable(WebhookSpool& spool, std::string_view value) {
    if (value == "ack") {
        spool.durable = SpoolDurable::ack;
    } else if (value == "fsync") {
        spool.durable = SpoolDurable::fsync;
    } else if (value == "replica") {
        spool.durable = SpoolDurable::replica;
    } else {
        return Error{"durable=" + std::string(value) + " is unknown; write ack, fsync or replica"};
    }
    return Done{};
}

Status set_name(std::string& out, std::string_view name, std::string_view value) {
    if (!is_token(value) || value.size() > limits::kNameBytesMax) {
        return Error{std::string(name) + "=" + std::string(value) +
                     " is not a name; use letters, digits, - and _"};
    }
    out = value;
    return Done{};
}

Status set_wait(WebhookSpool& spool, std::string_view value) {
    const auto ms = parse_duration_ms(value);
    if (!ms || *ms < 1 || *ms > kSpoolWaitMsMax) {
        return Error{"wait=" + std::string(value) + " is not usable; write 1ms to 30s"};
    }
    spool.wait_ms = *ms;
    return Done{};
}

Status set_spool_option(ngx_conf_t* cf, WebhookSpool& spool, std::string_view arg) {
    const std::size_t equals = arg.find('=');
    const std::string_view name = arg.substr(0, equals);
    const std::string_view value =
        equals == std::string_view::npos ? std::string_view() : arg.substr(equals + 1);
    if (name == "redis") {
        return set_name(spool.redis_name, name, value);
    }
    if (name == "stream") {
        return set_name(spool.stream, name, value);
    }
    if (name == "on") {
        return set_statuses(spool, value);
    }
    if (name == "order") {
        return set_text(cf, spool.order, value);
    }
    if (name == "uri") {
        return set_text(cf, spool.uri, value);
    }
    if (name == "max_body") {
        return set_number(spool.body_bytes_max, name, value, parse_size_bytes(value),
                          kBodyBytesMaxMax);
    }
    if (name == "max_entries") {
        const auto number = parse_u64(value);
        return set_number(
            spool.entries_max, name, value,
            number ? Result<std::uint64_t>(*number) : Result<std::uint64_t>(Error{"not a number"}),
            kEntriesMaxMax);
    }
    if (name == "wait") {
        return set_wait(spool, value);
    }
    if (name == "durable") {
        return set_durable(spool, value);
    }
    return Error{"unknown parameter " + in_quotes(arg) +
                 "; known are redis=NAME, stream=NAME, on=STATUS,…, order=TEXT, uri=TEXT, "
                 "max_body=SIZE, max_entries=COUNT, wait=TIME and durable=ack|fsync|replica"};
}

// The named location, as if the operator had written it at the end of this server. nginx merges it
// and puts it into the server's table like any other.
Status add_named_location(ngx_conf_t* cf, WebhookSpoolMain& main) {
    auto* server = static_cast<ngx_http_core_srv_conf_t*>(
        ngx_http_conf_get_module_srv_conf(cf, ngx_http_core_module));
    if (std::find(main.servers.begin(), main.servers.end(), server) != main.servers.end()) {
        return Done{};
    }
    main.servers.push_back(server);
    auto* outer = server->ctx;
    auto* context = pool_new<ngx_http_conf_ctx_t>(cf->pool);
    context->main_conf = outer->main_conf;
    context->srv_conf = outer->srv_conf;
    context->loc_conf =
        static_cast<void**>(ngx_pcalloc(cf->pool, sizeof(void*) * ngx_http_max_module));
    if (context->loc_conf == nullptr) {
        throw std::bad_alloc();
    }
    for (ngx_uint_t m = 0; cf->cycle->modules[m] != nullptr; ++m) {
        if (cf->cycle->modules[m]->type != NGX_HTTP_MODULE) {
            continue;
        }
        const auto* module = static_cast<ngx_http_module_t*>(cf->cycle->modules[m]->ctx);
        if (module->create_loc_conf != nullptr) {
            void* conf = module->create_loc_conf(cf);
            if (conf == nullptr) {
                throw std::bad_alloc();
            }
            context->loc_conf[cf->cycle->modules[m]->ctx_index] = conf;
        }
    }
    auto* core =
        static_cast<ngx_http_core_loc_conf_t*>(context->loc_conf[ngx_http_core_module.ctx_index]);
    auto* server_core =
        static_cast<ngx_http_core_loc_conf_t*>(outer->loc_conf[ngx_http_core_module.ctx_index]);
    core->loc_conf = context->loc_conf;
    core->name = copy(cf->pool, kSpoolLocation);
    core->named = 1;
    core->handler = spool_content;
    if (ngx_http_add_location(cf, &server_core->locations, core) != NGX_OK) {
        return Error{"the spool's location cannot be added; see the message above"};
    }
    return Done{};
}

// In front of the operator's own pages for these statuses; others stay as they are.
void add_error_pages(ngx_conf_t* cf, const WebhookSpool& spool) {
    auto* core = static_cast<ngx_http_core_loc_conf_t*>(
        ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module));
    const ngx_array_t* before = core->error_pages;
    const std::size_t others = before == nullptr ? 0 : before->nelts;
    ngx_array_t* pages =
        ngx_array_create(cf->pool, spool.statuses.size() + others, sizeof(ngx_http_err_page_t));
    if (pages == nullptr) {
        throw std::bad_alloc();
    }
    for (const ngx_int_t status : spool.statuses) {
        auto* page = static_cast<ngx_http_err_page_t*>(ngx_array_push(pages));
        *page = {};
        page->status = status;
        page->overwrite = -1;
        page->value.value = copy(cf->pool, kSpoolLocation);
    }
    for (std::size_t i = 0; i < others; ++i) {
        const auto& page = static_cast<const ngx_http_err_page_t*>(before->elts)[i];
        if (view(page.value.value) != kSpoolLocation) {
            *static_cast<ngx_http_err_page_t*>(ngx_array_push(pages)) = page;
        }
    }
    core->error_pages = pages;
}

// As with proxy_intercept_errors on, in every module that proxies.
void intercept_errors(ngx_conf_t* cf) {
    for_each_proxying_conf(
        cf, [](ngx_http_upstream_conf_t& upstream) { upstream.intercept_errors = 1; });
}

Status find_store(ngx_conf_t* cf, WebhookSpoolMain& main, WebhookSpool& spool) {
    if (spool.store != nullptr) {
        return Done{};
    }
    RedisStore* store = redis_store(cf, spool.redis_name);
    if (store == nullptr) {
        return Error{"\"sallyport_webhook_spool\": store " + in_quotes(spool.redis_name) +
                     " is not declared; add sallyport_redis " + spool.redis_name +
                     " redis://host:port"};
    }
    spool.store = store;
    if (main.client(store) == nullptr &&
        std::none_of(main.clients.begin(), main.clients.end(),
                     [&](const SpoolClient& one) { return one.store == store; })) {
        main.clients.push_back({store, nullptr});
    }
    return Done{};
}

}  // namespace

RedisClient* WebhookSpoolMain::client(const RedisStore* store) const {
    for (const SpoolClient& one : clients) {
        if (one.store == store) {
            return one.client.get();
        }
    }
    return nullptr;
}

Status set_webhook_spool(DirectiveCall& call) {
    auto& location = *static_cast<WebhookSpoolLocation*>(call.location);
    if (location.spool) {
        return Error{"is given twice at the same level; keep one"};
    }
    if (call.arg(0) == "off" && call.size() == 1) {
        location.spool = nullptr;
        return Done{};
    }
    auto* spool = pool_new<WebhookSpool>(call.cf->pool);
    for (std::size_t i = 0; i < call.size(); ++i) {
        const Status set = set_spool_option(call.cf, *spool, call.arg(i));
        if (!set) {
            return set;
        }
    }
    if (spool->redis_name.empty()) {
        return Error{"names no store; write redis= and the name of a sallyport_redis"};
    }
    spool->names.emplace(spool->stream);
    spool->slot = store::key_slot(spool->names->stream);
    location.spool = spool;
    return add_named_location(call.cf, *static_cast<WebhookSpoolMain*>(call.main));
}

Status merge_webhook_spool(ngx_conf_t* cf, const void* parent_conf, void* child_conf) {
    const auto& parent = *static_cast<const WebhookSpoolLocation*>(parent_conf);
    auto& child = *static_cast<WebhookSpoolLocation*>(child_conf);
    child.spool = child.spool ? child.spool : parent.spool;
    auto& main = *static_cast<WebhookSpoolMain*>(feature_main(cf, FeatureId::webhook_spool));
    child.main = &main;
    WebhookSpool* spool = child.spool.value_or(nullptr);
    const auto* core = static_cast<ngx_http_core_loc_conf_t*>(
        ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module));
    // At server level locations may differ; requests that reach none of them are not kept.
    if (spool == nullptr || core->name.len == 0) {
        return Done{};
    }
    if (view(core->name) == kSpoolLocation) {
        child.spool = nullptr;
        return Done{};
    }
    const auto& webhook =
        *static_cast<const WebhookLocation*>(feature_location(cf, FeatureId::webhook));
    if (webhook.profile.value_or(nullptr) == nullptr ||
        webhook.replay.value_or(nullptr) == nullptr) {
        return Error{"\"sallyport_webhook_spool\" in location " + in_quotes(view(core->name)) +
                     " needs sallyport_webhook and sallyport_webhook_replay: only what is genuine "
                     "is kept, and the replay key becomes its Idempotency-Key"};
    }
    const Status found = find_store(cf, main, *spool);
    if (!found) {
        return found;
    }
    add_error_pages(cf, *spool);
    intercept_errors(cf);
    return Done{};
}

}  // namespace sallyport::ngx
