#include <cstdio>
#include <ctime>
#include <memory>

#include "cli/command.hpp"
#include "common/file_text.hpp"
#include "module/policy/webhook_presets.hpp"
#include "module/policy/webhook_sign.hpp"

namespace sallyport::cli {
namespace {

namespace webhook = policy::webhook;

// A delivery on the command line is a trial; a larger one is a mistake in the path.
constexpr std::size_t kBodyBytesMax = 64 * 1024 * 1024;

struct SignOptions {
    std::string preset;
    std::string profile;
    std::string secret_file;
    std::string body_file;
    std::string id;
    std::string url = "https://localhost/";
    std::string method = "POST";
    std::int64_t time_s = 0;
    bool curl = false;
};

std::string preset_names() {
    std::string names;
    for (const webhook::Preset& preset : webhook::presets()) {
        names.append(names.empty() ? "" : ", ").append(preset.name);
    }
    return names;
}

webhook::Profile find_profile(const SignOptions& options) {
    std::string_view text = options.profile;
    if (text.empty()) {
        const webhook::Preset* preset = webhook::find_preset(options.preset);
        if (preset == nullptr) {
            fail("there is no preset \"" + options.preset + "\"; known are " + preset_names() +
                     "; or describe one with --profile",
                 kUsage);
        }
        text = preset->text;
    }
    auto profile = webhook::parse_profile(options.preset, text);
    if (!profile) {
        fail(profile.message(), kUsage);
    }
    return std::move(*profile);
}

// scheme://host/target, which is all that signing a URL needs.
webhook::RequestHead head_of(const SignOptions& options) {
    const std::string_view url = options.url;
    const std::size_t scheme = url.find("://");
    if (scheme == std::string_view::npos) {
        fail("--url wants a whole URL such as https://example.org/hook", kUsage);
    }
    const std::string_view rest = url.substr(scheme + 3);
    const std::size_t slash = rest.find('/');
    return {.method = options.method,
            .target = slash == std::string_view::npos ? "/" : rest.substr(slash),
            .scheme = url.substr(0, scheme),
            .host = rest.substr(0, slash)};
}

// Quotes for a POSIX shell.
std::string quoted(const std::string& text) {
    std::string out = "'";
    for (const char c : text) {
        out += c == '\'' ? std::string("'\\''") : std::string(1, c);
    }
    return out + "'";
}

void print(const SignOptions& options, const webhook::HeaderFields& fields) {
    if (!options.curl) {
        for (const auto& [name, value] : fields) {
            std::printf("%s: %s\n", name.c_str(), value.c_str());
        }
        return;
    }
    std::string line = "curl -X " + quoted(options.method);
    for (const auto& [name, value] : fields) {
        line += " -H " + quoted(name + ": " + value);
    }
    line += " --data-binary " + quoted("@" + options.body_file) + " " + quoted(options.url);
    std::printf("%s\n", line.c_str());
}

void run(const SignOptions& options) {
    const webhook::Profile profile = find_profile(options);
    auto secret_text = read_secret_file(options.secret_file);
    if (!secret_text) {
        fail(secret_text.message());
    }
    auto secret = webhook::SigningKey::make(profile, *secret_text);
    if (!secret) {
        fail(secret.message());
    }
    auto body = read_file_text(options.body_file, kBodyBytesMax);
    if (!body) {
        fail(body.message());
    }
    const std::int64_t time_s = options.time_s != 0 ? options.time_s : std::time(nullptr);
    const auto fields = webhook::sign(profile, *secret,
                                      {.head = head_of(options),
                                       .body = *body,
                                       .id = options.id,
                                       .time_ms = time_s * 1000});
    if (!fields) {
        fail(fields.message());
    }
    print(options, fields->fields);
}

}  // namespace

void add_sign(CLI::App& program) {
    auto options = std::make_shared<SignOptions>();
    CLI::App* command = program.add_subcommand(
        "sign", "Prints the header fields that a genuine webhook delivery of that sender would carry");
    command->add_option("preset", options->preset, "The sender: github, stripe, slack, standard …")
        ->required();
    command->add_option("--secret-file", options->secret_file, "The file with the shared secret")
        ->required();
    command->add_option("--body", options->body_file, "The file with the delivery's body")->required();
    command->add_option("--id", options->id, "The delivery's id, for senders that have one");
    command->add_option("--url", options->url, "The URL it is sent to, for senders that sign it")
        ->capture_default_str();
    command->add_option("--method", options->method, "The method, for senders that sign it")
        ->capture_default_str();
    command->add_option("--time", options->time_s, "The time in Unix seconds; default now");
    command->add_option("--profile", options->profile,
                        "A description in the profile language, instead of a preset's");
    command->add_flag("--curl", options->curl, "Print a curl command instead of header fields");
    command->callback([options] { run(*options); });
}

}  // namespace sallyport::cli
