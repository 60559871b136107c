#include "module/nginx/redis_conf.hpp"

#include "common/bytes.hpp"
#include "common/crypto.hpp"
#include "common/file_text.hpp"
#include "common/limits.hpp"
#include "module/nginx/feature.hpp"
#include "module/nginx/pool.hpp"
#include "module/nginx/str.hpp"
#include "module/nginx/watched_file.hpp"

#include <openssl/ssl.h>

#include <algorithm>
#include <cstring>

namespace sallyport::ngx {
namespace {

// Names in Redis' key space need a secret that all nodes know; without key_file= it is this one,
// which hides keys from a glance but not from somebody who guesses them.
constexpr std::string_view kDefaultHashKey = "without a key_file";
constexpr in_port_t kRedisPort = 6379;
constexpr in_port_t kSentinelPort = 26379;
// How far below an authority a server's certificate may stand.
constexpr ngx_int_t kVerifyDepth = 5;

// Resolves once and for all: a running worker never waits for DNS.
Status resolve(ngx_conf_t* cf, RedisTarget& target, const store::RedisServer& server) {
    ngx_url_t url{};
    url.url = copy(cf->pool, server.address);
    url.default_port = target.spec.kind == store::RedisKind::sentinel ? kSentinelPort : kRedisPort;
    if (ngx_parse_url(cf->pool, &url) != NGX_OK || url.naddrs == 0) {
        return Error{in_quotes(server.address) + ": " +
                     (url.err == nullptr ? "no address" : std::string(url.err)) +
                     "; write a name that resolves now, or an address"};
    }
    for (ngx_uint_t i = 0; i < url.naddrs; ++i) {
        const ngx_addr_t& found = url.addrs[i];
        RedisAddress address;
        std::memcpy(&address.storage, found.sockaddr,
                    std::min<std::size_t>(found.socklen, sizeof(address.storage)));
        address.size = found.socklen;
        address.text = view(found.name);
        address.host = server.host;
        target.addresses.push_back(std::move(address));
    }
    return Done{};
}

policy::HashSecret hash_secret(const Secret& key) {
    policy::HashSecret out;
    const Secret derived = derive_key(key, "sallyport rate limit keys", out.size());
    std::copy_n(derived.data(), out.size(), out.begin());
    return out;
}

// As nginx's own directives: relative to the configuration's folder.
Status find_files(ngx_conf_t* cf, store::RedisSpec& spec) {
    for (std::string* path : {&spec.password_file, &spec.sentinel_password_file, &spec.key_file}) {
        if (path->empty()) {
            continue;
        }
        auto full = full_path(cf, *path);
        if (!full) {
            return full.error();
        }
        *path = std::move(*full);
    }
    return Done{};
}

Status read_secrets(RedisStore& store) {
    const store::RedisSpec& spec = store.target.spec;
    if (!spec.password_file.empty()) {
        const Status read = store.target.password.read(spec.password_file);
        if (!read) {
            return Error{"password_file=: " + read.message()};
        }
    }
    if (!spec.sentinel_password_file.empty()) {
        const Status read = store.target.sentinel_password.read(spec.sentinel_password_file);
        if (!read) {
            return Error{"sentinel_password_file=: " + read.message()};
        }
    }
    if (spec.key_file.empty()) {
        store.key_secret = Secret(kDefaultHashKey);
        return Done{};
    }
    auto key = read_secret_file(spec.key_file);
    if (!key) {
        return Error{"key_file=: " + key.message()};
    }
    if (key->size() < limits::kSecretBytesMin) {
        return Error{"key_file=" + in_quotes(spec.key_file) + " holds less than " +
                     std::to_string(limits::kSecretBytesMin) +
                     " bytes; make one with: openssl rand -hex 32"};
    }
    store.key_secret = std::move(*key);
    return Done{};
}

Status load_authorities(ngx_conf_t* cf, RedisTarget& target) {
    if (target.spec.tls_ca.empty()) {
        return SSL_CTX_set_default_verify_paths(target.ssl->ctx) == 1
                   ? Status(Done{})
                   : Status(Error{"the system's certificate authorities cannot be read; name them "
                                  "in tls_ca="});
    }
    ngx_str_t file = copy(cf->pool, target.spec.tls_ca);
    if (ngx_ssl_trusted_certificate(cf, target.ssl, &file, kVerifyDepth) != NGX_OK) {
        return Error{"tls_ca=" + in_quotes(target.spec.tls_ca) +
                     " cannot be used; see the message above"};
    }
    return Done{};
}

Status prepare_tls(ngx_conf_t* cf, RedisTarget& target) {
    if (!target.spec.tls) {
        return Done{};
    }
    target.ssl = pool_new<ngx_ssl_t>(cf->pool);
    target.ssl->log = cf->log;
    if (ngx_ssl_create(target.ssl, NGX_SSL_TLSv1_2 | NGX_SSL_TLSv1_3, nullptr) != NGX_OK) {
        return Error{"TLS cannot be set up; see the message above"};
    }
    ngx_pool_cleanup_t* cleanup = ngx_pool_cleanup_add(cf->pool, 0);
    if (cleanup == nullptr) {
        ngx_ssl_cleanup_ctx(target.ssl);
        throw std::bad_alloc();
    }
    cleanup->handler = ngx_ssl_cleanup_ctx;
    cleanup->data = target.ssl;
    if (!target.spec.tls_certificate.empty()) {
        ngx_str_t certificate = copy(cf->pool, target.spec.tls_certificate);
        ngx_str_t key = copy(cf->pool, target.spec.tls_key);
        if (ngx_ssl_certificate(cf, target.ssl, &certificate, &key, nullptr) != NGX_OK) {
            return Error{"tls_certificate=" + in_quotes(target.spec.tls_certificate) +
                         " and tls_key= cannot be used; see the message above"};
        }
    }
    if (!target.spec.tls_verify) {
        warn(cf, "sallyport_redis " + target.spec.name +
                     ": tls_verify=off believes any server; name its authority in tls_ca= instead");
        return Done{};
    }
    return load_authorities(cf, target);
}

}  // namespace

RedisStore* RedisMain::find(std::string_view name) const {
    const auto found = std::find_if(stores.begin(), stores.end(),
                                    [&](const auto& one) { return one->target.spec.name == name; });
    return found == stores.end() ? nullptr : found->get();
}

RedisStore* redis_store(ngx_conf_t* cf, std::string_view name) {
    return static_cast<RedisMain*>(feature_main(cf, FeatureId::redis))->find(name);
}

Status set_redis(DirectiveCall& call) {
    auto& main = *static_cast<RedisMain*>(call.main);
    std::vector<std::string_view> words;
    for (std::size_t i = 0; i < call.size(); ++i) {
        words.push_back(call.arg(i));
    }
    auto spec = store::parse_redis(words);
    if (!spec) {
        return spec.error();
    }
    if (main.find(spec->name) != nullptr) {
        return Error{"store " + in_quotes(spec->name) + " is declared twice; rename one"};
    }
    auto store = std::make_unique<RedisStore>();
    store->target.spec = std::move(*spec);
    for (const store::RedisServer& server : store->target.spec.servers) {
        if (const Status resolved = resolve(call.cf, store->target, server); !resolved) {
            return resolved.error();
        }
    }
    if (const Status found = find_files(call.cf, store->target.spec); !found) {
        return found.error();
    }
    if (const Status read = read_secrets(*store); !read) {
        return read.error();
    }
    store->hash_secret = hash_secret(store->key_secret);
    if (const Status tls = prepare_tls(call.cf, store->target); !tls) {
        return tls.error();
    }
    main.stores.push_back(std::move(store));
    return Done{};
}

}  // namespace sallyport::ngx
