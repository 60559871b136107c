#include "cli/webhook_options.hpp"

#include <cstdio>
#include <memory>

namespace sallyport::cli {
namespace {

namespace webhook = policy::webhook;

struct SignOptions {
    WebhookOptions webhook;
    std::string id;
    bool curl = false;
};

// Quotes for a POSIX shell.
std::string quoted(const std::string& text) {
    std::string out = "'";
    for (const char c : text) {
        out += c == '\'' ? std::string("'\\''") : std::string(1, c);
    }
    return out + "'";
}

void print(const SignOptions& options, const webhook::SignedDelivery& delivery, bool zipped) {
    const webhook::RequestHead head = options.webhook.head();
    if (!options.curl) {
        for (const auto& [name, value] : delivery.fields) {
            std::printf("%s: %s\n", name.c_str(), value.c_str());
        }
        return;
    }
    // A sender that signs what is inside sends it compressed.
    std::string line = zipped ? "gzip -c " + quoted(options.webhook.body_file) + " | " : "";
    line += "curl -X " + quoted(options.webhook.method);
    for (const auto& [name, value] : delivery.fields) {
        line += " -H " + quoted(name + ": " + value);
    }
    line += " --data-binary " + quoted("@" + (zipped ? "-" : options.webhook.body_file)) + " " +
            quoted(std::string(head.scheme) + "://" + std::string(head.host) + delivery.target);
    std::printf("%s\n", line.c_str());
}

void run(const SignOptions& options) {
    const webhook::Profile profile = options.webhook.read_profile();
    auto key = webhook::SigningKey::make(profile, options.webhook.read_secret());
    if (!key) {
        fail(key.message());
    }
    const std::string body = options.webhook.read_body();
    const auto delivery = webhook::sign(profile, *key,
                                        {.head = options.webhook.head(),
                                         .body = body,
                                         .id = options.id,
                                         .headers = options.webhook.read_headers(),
                                         .time_ms = options.webhook.now_ms()});
    if (!delivery) {
        fail(delivery.message());
    }
    print(options, *delivery, profile.body == webhook::BodyForm::gunzip);
}

}  // namespace

void add_sign(const Command& program) {
    auto options = std::make_shared<SignOptions>();
    const Command command =
        program.command("sign",
                        "Prints the header fields that a genuine webhook delivery of that "
                        "sender would carry");
    options->webhook.add_to(command);
    command.option("--id", options->id, "The delivery's id, for senders that have one");
    command.flag("--curl", options->curl, "Print a curl command instead of header fields");
    command.run([options] { run(*options); });
}

}  // namespace sallyport::cli
