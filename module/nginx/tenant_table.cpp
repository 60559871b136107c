#include "module/nginx/tenant_table.hpp"

#include "module/nginx/guard.hpp"
#include "module/store/redis_slot.hpp"
#include "module/store/tenant_table_commands.hpp"

namespace sallyport::ngx {

TenantTable::~TenantTable() {
    if (timer_.timer_set) {
        ngx_del_timer(&timer_);
    }
    // A client that has ended has forgotten its calls.
    if (store_ != nullptr && store_->client != nullptr) {
        RedisClient::cancel(call_);
    }
}

Status TenantTable::read_file(std::string path, std::int64_t refresh_ms) {
    file_ =
        std::make_unique<WatchedFile>(std::move(path), policy::kTenantTableBytesMax, refresh_ms,
                                      [this](const WatchedText& read) { return take(read.text); });
    return file_->load();
}

void TenantTable::read_redis(std::string store, std::int64_t refresh_ms) {
    store_name_ = std::move(store);
    refresh_ms_ = refresh_ms;
}

Status TenantTable::resolve(ngx_conf_t* cf) {
    if (file_ != nullptr) {
        return Done{};
    }
    store_ = redis_store(cf, store_name_);
    if (store_ == nullptr) {
        return Error{"\"sallyport_limit_table\": store \"" + store_name_ + "\" of table \"" +
                     name_ + "\" is not declared; add sallyport_redis " + store_name_ +
                     " redis://host:port or name a file="};
    }
    store_->used = true;
    return Done{};
}

Status TenantTable::take(std::string_view text) {
    auto read = policy::TenantLimits::parse(text);
    if (!read) {
        return read.error();
    }
    table_ = std::make_unique<policy::TenantLimits>(std::move(*read));
    return Done{};
}

void TenantTable::watch(ngx_cycle_t* cycle) {
    log_ = cycle->log;
    if (file_ != nullptr) {
        file_->watch(cycle);
        return;
    }
    call_.owner = this;
    call_.script = &store::tenant_table_script();
    call_.slot = store::key_slot(store::tenant_table_key(name_));
    call_.write = [](const RedisCall& call, std::string& out) {
        const auto& self = *static_cast<const TenantTable*>(call.owner);
        store::append_tenant_table(out, self.name_, self.digest_);
    };
    call_.done = [](RedisCall& call, const store::Reply* reply) {
        static_cast<TenantTable*>(call.owner)->answered(reply);
    };
    timer_.data = this;
    timer_.log = log_;
    timer_.cancelable = 1;
    timer_.handler = [](ngx_event_t* event) noexcept {
        auto* self = static_cast<TenantTable*>(event->data);
        guarded(event->log, "tenant table", [&] { self->ask(); });
        ngx_add_timer(event, static_cast<ngx_msec_t>(self->refresh_ms_));
    };
    // At once: requests go by the limits' own numbers until the table is here.
    ngx_add_timer(&timer_, 1);
}

void TenantTable::ask() {
    if (!call_.pending() && store_->client != nullptr) {
        // Without an answer what is known stays; the store's breaker has its own word.
        (void)store_->client->submit(call_);
    }
}

void TenantTable::answered(const store::Reply* reply) {
    using Kind = store::TenantTableReply::Kind;
    const auto answer =
        reply == nullptr ? std::nullopt : store::parse_tenant_table(*reply, digest_);
    if (!answer || answer->kind == Kind::same || answer->digest == digest_) {
        return;
    }
    digest_ = answer->digest;
    Status status = Done{};
    switch (answer->kind) {
        case Kind::same:
            return;
        case Kind::absent:
            status = Error{"is not there; SET the key " + store::tenant_table_key(name_)};
            break;
        case Kind::too_large:
            status = Error{"is larger than a mebibyte; name a file= instead"};
            break;
        case Kind::changed:
            status = take(answer->text);
            break;
    }
    if (!status) {
        ngx_log_error(NGX_LOG_ERR, log_, 0,
                      "sallyport: table \"%s\" in the store: %s; what was read before stays in "
                      "force",
                      name_.c_str(), status.message().c_str());
        return;
    }
    ngx_log_error(NGX_LOG_NOTICE, log_, 0, "sallyport: table \"%s\" was read, %uz tenants",
                  name_.c_str(), size());
}

}  // namespace sallyport::ngx
