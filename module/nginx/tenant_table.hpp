// `sallyport_limit_table`: tenants' numbers (policy/tenant_limits.hpp) out of a file, or out of one
// value in Redis. A worker's own copy; it is looked at now and then, and when it has changed and is
// good it takes the place of the old one at once. What is bad is logged and changes nothing.
#pragma once

#include "module/nginx/redis_conf.hpp"
#include "module/nginx/watched_file.hpp"
#include "module/policy/tenant_limits.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace sallyport::ngx {

class TenantTable {
  public:
    explicit TenantTable(std::string name) : name_(std::move(name)) {}
    ~TenantTable();
    TenantTable(const TenantTable&) = delete;
    TenantTable& operator=(const TenantTable&) = delete;

    // While the configuration is read: exactly one of the two.
    Status read_file(std::string path, std::int64_t refresh_ms);
    void read_redis(std::string store, std::int64_t refresh_ms);
    // After it: the store is known then.
    Status resolve(ngx_conf_t* cf);
    // In a worker.
    void watch(ngx_cycle_t* cycle);

    const std::string& name() const { return name_; }
    std::size_t size() const { return table_ ? table_->size() : 0; }
    // Null: the tenant has no numbers of its own. Lives until the table is read again: use it at
    // once.
    const policy::TenantLimits::Numbers* find(std::string_view tenant) const {
        return table_ ? table_->find(tenant) : nullptr;
    }

  private:
    Status take(std::string_view text);
    void ask();
    void answered(const store::Reply* reply);

    std::string name_;
    std::unique_ptr<policy::TenantLimits> table_;
    std::unique_ptr<WatchedFile> file_;

    std::string store_name_;
    RedisStore* store_ = nullptr;
    std::int64_t refresh_ms_ = kRefreshMs;
    std::string digest_;  // of the text that was read last, good or bad
    RedisCall call_;
    ngx_event_t timer_{};
    ngx_log_t* log_ = nullptr;
};

}  // namespace sallyport::ngx
