// Tenants' numbers as Redis keeps them: one string, the text of a file, so that an operator changes
// all of it at once: `redis-cli -x SET sallyport:{table}:NAME < tenants.txt`.
#pragma once

#include "module/store/redis_script.hpp"
#include "module/store/resp_reader.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace sallyport::store {

// A larger table belongs into a file: Redis reads it for every look.
inline constexpr std::size_t kTenantTableRedisBytesMax = std::size_t{1} << 20;

std::string tenant_table_key(std::string_view table);
const RedisScript& tenant_table_script();
// `known`: the digest of the text that was read last.
void append_tenant_table(std::string& out, std::string_view table, std::string_view known);

struct TenantTableReply {
    enum class Kind { absent, too_large, same, changed };
    Kind kind = Kind::absent;
    std::string digest;
    std::string text;  // changed
};
// Nothing when the reply is not the script's.
std::optional<TenantTableReply> parse_tenant_table(const Reply& reply, std::string_view known);

}  // namespace sallyport::store
