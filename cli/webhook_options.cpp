#include "cli/webhook_options.hpp"

#include "common/bytes.hpp"
#include "common/file_text.hpp"
#include "module/policy/webhook_presets.hpp"

#include <cstdlib>
#include <ctime>

namespace sallyport::cli {

namespace webhook = policy::webhook;

namespace {

// A delivery on the command line is a trial; a larger one is a mistake in the path.
constexpr std::size_t kBodyBytesMax = 64 * 1024 * 1024;

std::string preset_names() {
    std::string names;
    for (const webhook::Preset& preset : webhook::presets()) {
        names.append(names.empty() ? "" : ", ").append(preset.name);
    }
    return names;
}

}  // namespace

void WebhookOptions::add_to(const Command& command) {
    command.option("preset", preset, "The sender: github, stripe, slack, standard …").required();
    command.option("--secret", secret,
                   "The secret or key: file:PATH, env:NAME, or itself (others can see it then)");
    command.option("--secret-file", secret_file, "The file with the secret or key");
    command.option("--body", body_file, "The file with the delivery's body").required();
    command.option("--url", url, "The URL it is sent to, for senders that sign it").shows_default();
    command.option("--method", method, "The method, for senders that sign it").shows_default();
    command.option("--header", headers, "A further header field, \"NAME: VALUE\"");
    command.option("--time", time_s, "The time in Unix seconds; default now");
    command.option("--profile", profile,
                   "A description in the profile language, instead of a preset's");
    command.option("--key", keys,
                   "A key of the profile language, such as param:webhook_id=1 or tolerance=60");
}

webhook::Profile WebhookOptions::read_profile() const {
    std::string_view text = profile;
    if (text.empty()) {
        const webhook::Preset* known = webhook::find_preset(preset);
        if (known == nullptr) {
            fail("there is no preset \"" + preset + "\"; known are " + preset_names() +
                     "; or describe one with --profile",
                 kUsage);
        }
        text = known->text;
    }
    auto pairs = webhook::parse_pairs(text);
    if (!pairs) {
        fail(pairs.message(), kUsage);
    }
    for (const std::string& key : keys) {
        const auto more = webhook::parse_pairs(key);
        if (!more) {
            fail(more.message(), kUsage);
        }
        pairs = webhook::merge_pairs(std::move(*pairs), *more);
    }
    auto built = webhook::build_profile(preset, *pairs);
    if (!built) {
        fail(built.message(), kUsage);
    }
    return std::move(*built);
}

Secret WebhookOptions::read_secret() const {
    if (secret.empty() == secret_file.empty()) {
        fail("give the secret with --secret or with --secret-file", kUsage);
    }
    std::string file = secret_file;
    if (secret.starts_with("file:")) {
        file = secret.substr(5);
    } else if (secret.starts_with("env:")) {
        const char* value = std::getenv(secret.c_str() + 4);
        if (value == nullptr || *value == '\0') {
            fail("the environment variable \"" + secret.substr(4) + "\" is not set or empty");
        }
        return Secret(std::string_view(value));
    } else if (!secret.empty()) {
        return Secret(secret);
    }
    auto text = read_secret_file(file);
    if (!text) {
        fail(text.message());
    }
    return std::move(*text);
}

std::string WebhookOptions::read_body() const {
    auto body = read_file_text(body_file, kBodyBytesMax);
    if (!body) {
        fail(body.message());
    }
    return std::move(*body);
}

webhook::HeaderFields WebhookOptions::read_headers() const {
    webhook::HeaderFields out;
    for (const std::string& header : headers) {
        const std::size_t colon = header.find(':');
        if (colon == std::string::npos || !is_token(header.substr(0, colon))) {
            fail("--header wants \"NAME: VALUE\", not \"" + header + "\"", kUsage);
        }
        out.emplace_back(header.substr(0, colon), trim_ows(header.substr(colon + 1)));
    }
    return out;
}

webhook::RequestHead WebhookOptions::head() const {
    const std::string_view whole = url;
    const std::size_t scheme = whole.find("://");
    if (scheme == std::string_view::npos) {
        fail("--url wants a whole URL such as https://example.org/hook", kUsage);
    }
    const std::string_view rest = whole.substr(scheme + 3);
    const std::size_t slash = rest.find('/');
    return {.method = method,
            .target = slash == std::string_view::npos ? "/" : rest.substr(slash),
            .scheme = whole.substr(0, scheme),
            .host = rest.substr(0, slash)};
}

std::int64_t WebhookOptions::now_ms() const {
    return (time_s != 0 ? time_s : static_cast<std::int64_t>(std::time(nullptr))) * 1000;
}

}  // namespace sallyport::cli
