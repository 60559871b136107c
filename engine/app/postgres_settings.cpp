#include "engine/app/postgres_settings.hpp"

#include <cstdio>
#include <fstream>
#include <string>

namespace sallyport::engine {
namespace {

// Where Debian keeps the authorities that the system trusts.
constexpr const char* kSystemAuthorities = "/etc/ssl/certs/ca-certificates.crt";

Result<std::string> authority_file(const Config& config) {
    const std::string& given = config.postgres.ssl_ca;
    if (given.find("-----BEGIN") == std::string::npos) {
        const std::string& fallback = config.ca_file.empty() ? kSystemAuthorities : config.ca_file;
        return given.empty() ? fallback : given;
    }
    const std::string path = config.data_dir + "/postgres-ca.pem";
    std::ofstream out(path, std::ios::trunc);
    out << given << "\n";
    if (!out.flush()) {
        return Error{"cannot write " + path + " for AP_POSTGRES_SSL_CA"};
    }
    return path;
}

}  // namespace

Result<PostgresOptions> postgres_options(const Config& config) {
    const PostgresConfig& from = config.postgres;
    PostgresOptions options;
    if (!from.url.empty()) {
        options.emplace_back("dbname", from.url.reveal());
    } else {
        options.emplace_back("host", from.host);
        options.emplace_back("port", std::to_string(from.port));
        options.emplace_back("dbname", from.database);
        options.emplace_back("user", from.username);
        if (!from.password.empty()) {
            options.emplace_back("password", from.password.reveal());
        }
    }
    if (from.use_ssl) {
        const Result<std::string> file = authority_file(config);
        if (!file.ok()) {
            return file.error();
        }
        options.emplace_back("sslmode", "verify-full");
        options.emplace_back("sslrootcert", *file);
    }
    options.emplace_back("application_name", "sallyport-engine");
    options.emplace_back("client_encoding", "UTF8");
    options.emplace_back("connect_timeout", "5");
    // A server that went away without a word is noticed after this time.
    options.emplace_back("tcp_user_timeout", "10000");
    options.emplace_back("keepalives_idle", "10");
    return options;
}

}  // namespace sallyport::engine
