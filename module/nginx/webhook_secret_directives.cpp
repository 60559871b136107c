// The directives that hold secrets, and those of handshakes, which may bring one.
#include "common/bytes.hpp"
#include "common/file_text.hpp"
#include "common/limits.hpp"
#include "module/nginx/pool.hpp"
#include "module/nginx/request.hpp"
#include "module/nginx/str.hpp"
#include "module/nginx/webhook_conf.hpp"
#include "module/policy/webhook_time.hpp"

#include <map>
#include <string>

namespace sallyport::ngx {

namespace hook = policy::webhook;

namespace {

constexpr std::size_t kHandshakesMax = 8;

WebhookLocation& location_of(DirectiveCall& call) {
    return *static_cast<WebhookLocation*>(call.location);
}

// nginx forgets the environment after start, so what was read once is kept for reloads. Master
// only.
Result<Secret> secret_from_environment(const std::string& name) {
    static std::map<std::string, Secret> seen;
    if (const char* value = std::getenv(name.c_str()); value != nullptr && *value != '\0') {
        seen[name] = Secret(std::string_view(value));
    }
    const auto found = seen.find(name);
    if (found == seen.end()) {
        return Error{"the environment variable " + in_quotes(name) +
                     " is not set or empty; set it for nginx, or use file:PATH"};
    }
    return found->second.clone();
}

Result<std::string> full_path(DirectiveCall& call, std::string path) {
    if (path.empty()) {
        return Error{"\"file:\" names no file; write file:PATH"};
    }
    if (path.front() != '/') {
        ngx_str_t full = copy(call.cf->pool, path);
        if (ngx_conf_full_name(call.cf->cycle, &full, 1) != NGX_OK) {
            return Error{"the path " + in_quotes(path) + " cannot be resolved"};
        }
        path = view(full);
    }
    return path;
}

Result<WebhookSecretSource> read_source(DirectiveCall& call, std::string_view text) {
    WebhookSecretSource out;
    out.shown = "literal";
    Result<Secret> read = Secret(text);
    if (text.starts_with("file:")) {
        auto path = full_path(call, std::string(text.substr(5)));
        if (!path) {
            return path.error();
        }
        out.path = std::move(*path);
        out.shown = "file:" + out.path;
        read = read_secret_file(out.path);
    } else if (text.starts_with("env:")) {
        const std::string name(text.substr(4));
        if (name.empty()) {
            return Error{"\"env:\" names no variable; write env:NAME"};
        }
        out.shown = text;
        read = secret_from_environment(name);
    }
    if (!read) {
        return read.error();
    }
    if (read->empty()) {
        return Error{
            "the secret is empty, so anybody could sign with it; give the provider's secret"};
    }
    out.text = std::move(*read);
    return out;
}

Result<std::int64_t> moment(std::string_view name, std::string_view text) {
    const auto time = hook::parse_timestamp(text, hook::TimeFormat::iso8601);
    if (!time) {
        return Error{std::string(name) + "=" + std::string(text) +
                     " is not a moment; write for example " + std::string(name) +
                     "=2026-12-31T23:59:59Z"};
    }
    return *time;
}

Status set_window(WebhookSecretSource& source, std::string_view arg) {
    for (const bool end : {false, true}) {
        const std::string_view name = end ? "not_after" : "not_before";
        if (const auto text = option(arg, name)) {
            const auto time = moment(name, *text);
            if (!time) {
                return time.error();
            }
            (end ? source.not_after_ms : source.not_before_ms) = *time;
            return Done{};
        }
    }
    return Error{"unknown parameter " + in_quotes(arg) +
                 "; known are not_before=MOMENT and not_after=MOMENT"};
}

Status set_handshake_option(DirectiveCall& call, WebhookHandshake& handshake, hook::Pairs& pairs,
                            std::string_view arg) {
    if (const auto token = option(arg, "token")) {
        auto source = read_source(call, *token);
        if (!source) {
            return source.error();
        }
        handshake.token = std::move(source->text);
        return Done{};
    }
    if (const auto store = option(arg, "store")) {
        auto path = full_path(call, std::string(*store));
        if (!path) {
            return path.error();
        }
        handshake.store = std::move(*path);
        return Done{};
    }
    if (const auto until = option(arg, "until")) {
        const auto time = moment("until", *until);
        if (!time) {
            return time.error();
        }
        handshake.until_ms = *time;
        return Done{};
    }
    const auto more = hook::parse_pairs(arg);
    if (!more) {
        return more.error();
    }
    pairs.insert(pairs.end(), more->begin(), more->end());
    return Done{};
}

Status check_handshake(const WebhookHandshake& handshake, std::string_view name) {
    const bool first = handshake.handshake.trust == hook::Handshake::Trust::first;
    const bool needs_token = handshake.handshake.check || handshake.handshake.token_follows;
    if (needs_token && !handshake.token) {
        return Error{in_quotes(name) +
                     " needs the token that the provider must show; add "
                     "token=file:PATH"};
    }
    if (!needs_token && handshake.token) {
        return Error{in_quotes(name) + " checks no token; leave token= out"};
    }
    if (first != !handshake.store.empty()) {
        return Error{first
                         ? in_quotes(name) + " brings the secret; say where it goes with store=PATH"
                         : in_quotes(name) + " brings no secret; leave store= out"};
    }
    return first || handshake.until_ms == 0
               ? Status(Done{})
               : Status(Error{"\"until\" belongs to handshakes that bring a secret"});
}

}  // namespace

// sallyport_webhook_secret file:PATH | env:NAME | literal [not_before=MOMENT] [not_after=MOMENT]
Status set_webhook_secret(DirectiveCall& call) {
    WebhookLocation& location = location_of(call);
    if (location.own_secrets == nullptr) {
        location.own_secrets = pool_new<std::vector<WebhookSecretSource>>(call.cf->pool);
        location.secrets = location.own_secrets;
    }
    if (location.own_secrets->size() == hook::kSecretsMax) {
        return Error{"at most " + std::to_string(hook::kSecretsMax) +
                     " secrets can be live at once; retire the oldest"};
    }
    auto source = read_source(call, call.arg(0));
    if (!source) {
        return source.error();
    }
    for (std::size_t i = 1; i < call.size(); ++i) {
        const Status window = set_window(*source, call.arg(i));
        if (!window) {
            return window;
        }
    }
    if (source->not_after_ms != 0 && source->not_after_ms <= source->not_before_ms) {
        return Error{"not_after lies before not_before"};
    }
    if (source->not_after_ms != 0 && source->not_after_ms <= now_ms()) {
        warn(call.cf, "sallyport_webhook_secret " + source->shown +
                          " is past its not_after and is not used; remove it");
    }
    if (source->text.size() < limits::kSecretBytesMin) {
        warn(call.cf, "sallyport_webhook_secret is shorter than " +
                          std::to_string(limits::kSecretBytesMin) +
                          " bytes and can be guessed from one delivery; use a longer one");
    }
    for (const WebhookSecretSource& other : *location.own_secrets) {
        if (constant_time_equal(other.text.reveal(), source->text.reveal())) {
            return Error{"the same secret is given twice at the same level; keep one"};
        }
    }
    location.own_secrets->push_back(std::move(*source));
    return Done{};
}

// sallyport_webhook_handshake NAME | "method=… …" [token=…] [store=PATH] [until=MOMENT] | off
Status set_webhook_handshake(DirectiveCall& call) {
    WebhookLocation& location = location_of(call);
    if (location.own_handshakes == nullptr) {
        location.own_handshakes = pool_new<std::vector<WebhookHandshake>>(call.cf->pool);
        location.handshakes = location.own_handshakes;
    }
    const std::string_view name = call.arg(0);
    if (name == "off" && call.size() == 1) {
        return location.own_handshakes->empty()
                   ? Status(Done{})
                   : Status(Error{"\"off\" stands beside other handshakes; keep one"});
    }
    const bool named = name.find('=') == std::string_view::npos;
    WebhookHandshake options;
    hook::Pairs pairs;
    for (std::size_t i = named ? 1 : 0; i < call.size(); ++i) {
        const Status status = set_handshake_option(call, options, pairs, call.arg(i));
        if (!status) {
            return status;
        }
    }
    if (named && !pairs.empty()) {
        return Error{"unknown parameter " + in_quotes(pairs.front().first) +
                     "; known are token=SECRET, store=PATH and until=MOMENT"};
    }
    std::vector<hook::Handshake> found;
    if (named) {
        auto known = hook::handshakes_named(name);
        if (!known) {
            return known.error();
        }
        found = std::move(*known);
    } else {
        auto described = hook::handshake_described(pairs);
        if (!described) {
            return described.error();
        }
        described->name = "own";
        found.push_back(std::move(*described));
    }
    for (hook::Handshake& handshake : found) {
        if (location.own_handshakes->size() == kHandshakesMax) {
            return Error{"at most " + std::to_string(kHandshakesMax) +
                         " handshakes can be answered in one place; use several locations"};
        }
        WebhookHandshake added;
        added.handshake = std::move(handshake);
        if (options.token) {
            added.token = options.token->clone();
        }
        added.store = options.store;
        added.until_ms = options.until_ms;
        const Status checked = check_handshake(added, name);
        if (!checked) {
            return checked;
        }
        location.own_handshakes->push_back(std::move(added));
    }
    return Done{};
}

// sallyport_webhook_certificates FOLDER
Status set_webhook_certificates(DirectiveCall& call) {
    WebhookCertificates& certificates = webhook_main(call).certificates;
    if (certificates.has_folder()) {
        return Error{"is given twice; keep one"};
    }
    auto path = full_path(call, std::string(call.arg(0)));
    if (!path) {
        return path.error();
    }
    ngx_file_info_t info;
    if (ngx_file_info(path->c_str(), &info) == NGX_FILE_ERROR || !ngx_is_dir(&info)) {
        return Error{in_quotes(*path) +
                     " is not a folder; make one that nginx's workers and `sallyport certs` may "
                     "write into"};
    }
    certificates.use_folder(std::move(*path));
    return Done{};
}

}  // namespace sallyport::ngx
