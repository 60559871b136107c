#include "engine/app/config.hpp"

#include "common/bytes.hpp"
#include "common/file_text.hpp"
#include "common/limits.hpp"
#include "common/units.hpp"
#include "engine/app/config_names.hpp"
#include "engine/app/config_table.hpp"
#include "engine/app/execution_mode.hpp"

#include <algorithm>
#include <array>
#include <optional>

namespace sallyport::engine {
namespace {

const std::string* find(const Environment& environment, const std::string& name) {
    const auto found = environment.find(name);
    return found == environment.end() ? nullptr : &found->second;
}

// The value of a setting: given, from its file, or the default.
Result<std::string> value_of(const Setting& setting, const Environment& environment) {
    const std::string name(setting.name);
    const std::string* given = find(environment, name);
    const std::string* file = setting.secret ? find(environment, name + "_FILE") : nullptr;
    if (file == nullptr || file->empty()) {
        return given != nullptr ? *given : std::string(setting.fallback);
    }
    if (given != nullptr && !given->empty()) {
        return Error{name + " and " + name + "_FILE are both set: keep one"};
    }
    const Result<Secret> secret = read_secret_file(*file);
    if (!secret.ok()) {
        return Error{name + "_FILE: " + secret.message() + std::string(kMakeSecret) + " > FILE"};
    }
    return std::string(secret->reveal());
}

bool is_set(const Setting& setting, const Environment& environment) {
    return find(environment, std::string(setting.name)) != nullptr ||
           find(environment, std::string(setting.name) + "_FILE") != nullptr;
}

bool is_required(const Setting& setting) {
    return setting.name == "AP_JWT_SECRET" || setting.name == "AP_ENCRYPTION_KEY";
}

// Empty, and that is allowed.
bool is_left_out(const Setting& setting, const std::string& value, const Environment& environment) {
    const bool asked_for = setting.secret && is_set(setting, environment);
    return value.empty() && setting.fallback.empty() && !is_required(setting) && !asked_for;
}

bool is_known(std::string_view name) {
    return is_alias(name) ||
           std::any_of(settings().begin(), settings().end(), [name](const Setting& setting) {
               return setting.name == name ||
                      (setting.secret && std::string(setting.name) + "_FILE" == name);
           });
}

void collect_warnings(const Environment& environment, Config& config) {
    std::vector<std::string_view> names;
    for (const Setting& setting : settings()) {
        names.push_back(setting.name);
    }
    for (const auto& [name, value] : environment) {
        if ((!name.starts_with("AP_") && !name.starts_with("SALLYPORT_")) || is_known(name)) {
            continue;
        }
        const std::string_view why = why_without_effect(name);
        const std::string nearest = why.empty() ? nearest_name(name, names) : std::string();
        config.warnings.push_back(name +
                                  (why.empty() ? " is set and has no effect on this engine"
                                               : " has no effect: " + std::string(why)) +
                                  (nearest.empty() ? "" : "; did you mean " + nearest + "?"));
    }
}

Status check_files(const FilesConfig& files) {
    const S3Account& account = files.account;
    if (account.bucket.empty()) {
        return files.in_s3 ? Status(Error{"AP_FILE_STORAGE_LOCATION is S3: set AP_S3_BUCKET, "
                                          "AP_S3_ACCESS_KEY_ID and AP_S3_SECRET_ACCESS_KEY"})
                           : Status(Done{});
    }
    if (account.key_id.empty() || account.secret.empty()) {
        return Error{
            "AP_S3_BUCKET is set: set AP_S3_ACCESS_KEY_ID and AP_S3_SECRET_ACCESS_KEY as well"};
    }
    const Result<S3Bucket> bucket = s3_bucket(account.clone());
    return bucket.ok() ? Status(Done{}) : Status(Error{"AP_S3_*: " + bucket.message()});
}

}  // namespace

Result<Config> read_config(const Environment& given) {
    const Environment environment = with_aliases(given);
    Config config;
    for (const Setting& setting : settings()) {
        const Result<std::string> value = value_of(setting, environment);
        if (!value.ok()) {
            return value.error();
        }
        if (is_left_out(setting, *value, environment)) {
            continue;
        }
        const std::string name(setting.name);
        if (value->empty() && setting.secret) {
            const bool key = setting.name == "AP_ENCRYPTION_KEY";
            return Error{name + (is_set(setting, environment) ? " is empty" : " is not set") +
                         std::string(key ? kMakeKey : kMakeSecret)};
        }
        const Status applied = setting.apply(config, *value);
        if (!applied.ok()) {
            return Error{name + " " + applied.message()};
        }
    }
    const PostgresConfig& postgres = config.postgres;
    if (config.use_postgres && postgres.url.empty() &&
        (postgres.host.empty() || postgres.database.empty() || postgres.username.empty())) {
        return Error{
            "AP_DB_TYPE is POSTGRES: set AP_POSTGRES_URL, or AP_POSTGRES_HOST, "
            "AP_POSTGRES_DATABASE and AP_POSTGRES_USERNAME"};
    }
    if (!config.mail.host.empty() && config.mail.sender.empty()) {
        return Error{
            "AP_SMTP_HOST is set: set AP_SMTP_SENDER_EMAIL, the address that mails come from"};
    }
    const Status files = check_files(config.files);
    if (!files.ok()) {
        return files.error();
    }
    if (config.redis.is_set()) {
        const Result<RedisOptions> redis = redis_options(config.redis, config.ca_file);
        if (!redis.ok()) {
            return redis.error();
        }
        if (!config.use_postgres) {
            config.warnings.emplace_back(
                "AP_REDIS_* has no effect: one engine on the embedded database wakes itself");
        }
    }
    collect_npm_environment(environment, config);
    collect_warnings(environment, config);
    return config;
}

std::string print_config(const Environment& given) {
    const Environment environment = with_aliases(given);
    std::string out;
    for (const Setting& setting : settings()) {
        const Result<std::string> value = value_of(setting, environment);
        const std::string text = value.ok() ? *value : std::string();
        const bool masked = setting.secret && !text.empty();
        out += std::string(setting.name) + "=" + (masked ? "********" : text) + "\n";
    }
    return out;
}

std::string describe_settings() {
    std::string out;
    for (const Setting& setting : settings()) {
        out += "  " + std::string(setting.name) + (setting.secret ? " (or …_FILE)" : "") +
               "\n      " + std::string(setting.meaning);
        if (!setting.fallback.empty()) {
            out += " [" + std::string(setting.fallback) + "]";
        }
        out += "\n";
    }
    return out;
}

Result<Environment> parse_env_file(std::string_view text) {
    Environment environment;
    std::size_t line_number = 0;
    std::string problem;
    for_each_split(text, '\n', [&](std::string_view line) {
        ++line_number;
        if (line.ends_with('\r')) {
            line.remove_suffix(1);
        }
        line = trim_ows(line);
        if (line.empty() || line.starts_with('#')) {
            return;
        }
        const std::size_t equals = line.find('=');
        if (equals == std::string_view::npos || equals == 0) {
            problem = "line " + std::to_string(line_number) + " is not NAME=value";
            return;
        }
        std::string_view value = line.substr(equals + 1);
        const bool quoted = value.size() >= 2 && (value.front() == '"' || value.front() == '\'') &&
                            value.back() == value.front();
        environment[std::string(trim_ows(line.substr(0, equals)))] =
            quoted ? value.substr(1, value.size() - 2) : value;
    });
    if (!problem.empty()) {
        return Error{problem};
    }
    return environment;
}

}  // namespace sallyport::engine
