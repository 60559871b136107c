// The gateway's verdict on a delivery that was captured, without a gateway.
#include "cli/webhook_options.hpp"

#include <cstdio>
#include <memory>
#include <memory_resource>

namespace sallyport::cli {
namespace {

namespace webhook = policy::webhook;

void run(const WebhookOptions& options) {
    const webhook::Profile profile = options.read_profile();
    auto key = webhook::SecretKey::make(profile, options.read_secret());
    if (!key) {
        fail(key.message());
    }
    std::vector<webhook::SecretKey> keys;
    keys.push_back(std::move(*key));
    const std::string body = options.read_body();
    const webhook::HeaderFields headers = options.read_headers();
    std::pmr::monotonic_buffer_resource memory;
    webhook::Verification verification(profile, keys, &memory);
    for (const auto& [name, value] : headers) {
        verification.offer_header(name, value);
    }
    webhook::Outcome outcome{verification.begin(options.head(), options.now_ms())};
    if (outcome.reason == policy::Reason::none) {
        outcome.reason = verification.update(body);
    }
    if (outcome.reason == policy::Reason::none) {
        outcome = verification.finish(options.now_ms(), body);
    }
    const std::string_view word = policy::word(outcome.reason);
    if (outcome.reason != policy::Reason::none) {
        fail("refused: " + std::string(word) + ": " + std::string(policy::meaning(outcome.reason)));
    }
    std::printf("genuine\n");
    if (!outcome.id.empty()) {
        std::printf("id %.*s (%s)\n", static_cast<int>(outcome.id.size()), outcome.id.data(),
                    outcome.id_authenticated ? "signed" : "not signed");
    }
    if (outcome.timestamp_ms) {
        std::printf("age %lld s\n",
                    static_cast<long long>((options.now_ms() - *outcome.timestamp_ms) / 1000));
    }
}

}  // namespace

void add_verify(const Command& program) {
    auto options = std::make_shared<WebhookOptions>();
    const Command command = program.command(
        "verify", "Says whether a captured webhook delivery would be let in, and why not");
    options->add_to(command);
    command.run([options] { run(*options); });
}

}  // namespace sallyport::cli
