// `sallyport ban`: the bans of a running gateway, through its control location.
#include "cli/control_client.hpp"
#include "common/file_text.hpp"
#include "common/secret.hpp"

#include <cstdio>
#include <memory>

namespace sallyport::cli {
namespace {

constexpr std::int64_t kPage = 1000;

struct BanOptions {
    ControlTarget control;
    std::string subject;
    std::string credential_file;
    std::string time = "ever";
};

// Everything, page by page: bans that end meanwhile only make a page shorter.
void list(const BanOptions& options) {
    for (std::int64_t skip = 0;; skip += kPage) {
        const Json answer =
            ask_control(options.control, "GET", "/bans?skip=" + std::to_string(skip), {});
        answer["bans"].each_element([](const Json& row) {
            const Json left = row["remaining_s"];
            const std::string time = left.is_string()    ? std::string(left.text())
                                     : left.is_integer() ? std::to_string(left.integer_or(0)) + "s"
                                                         : "-";
            std::printf("%-10s %-10s %-16s %s\n", std::string(row["state"].text()).c_str(),
                        time.c_str(), std::string(row["rule"].text_or("-")).c_str(),
                        std::string(row["subject"].text()).c_str());
        });
        if (static_cast<std::int64_t>(answer["bans"].size()) < kPage) {
            return;
        }
    }
}

// A credential comes from a file: arguments are seen by every user of the machine.
Json body_of(const BanOptions& options) {
    if (options.subject.empty() == options.credential_file.empty()) {
        fail("give either a subject or --credential-file", kUsage);
    }
    if (!options.subject.empty()) {
        return Json::object({{"subject", Json::string(options.subject)}});
    }
    const auto credential = read_secret_file(options.credential_file);
    if (!credential) {
        fail(credential.message());
    }
    return Json::object({{"credential", Json::string(credential->reveal())}});
}

void post(const BanOptions& options, const Json& body) {
    const Json answer = ask_control(options.control, "POST", "/bans", body);
    std::printf("%s is %s\n", std::string(answer["subject"].text()).c_str(),
                std::string(answer["state"].text()).c_str());
}

Command add_action(const Command& parent, BanOptions& options, const char* name, const char* help) {
    const Command command = parent.command(name, help);
    add_control_options(command, options.control).required();
    return command;
}

Option add_subject(const Command& command, BanOptions& options) {
    return command.option("subject", options.subject,
                          "An address, a block of the zone's prefix, or credential:HASH");
}

void add_subject_or_credential(const Command& command, BanOptions& options) {
    add_subject(command, options);
    command.option("--credential-file", options.credential_file,
                   "A file (mode 0600) with the value of the credential's header");
}

}  // namespace

void add_ban(const Command& program) {
    auto options = std::make_shared<BanOptions>();
    const Command ban = program.command("ban", "Shows, makes and lifts a gateway's bans");
    ban.needs_command();
    add_action(ban, *options, "list", "Lists bans, remembered ones and allowances").run([options] {
        list(*options);
    });
    const Command add = add_action(ban, *options, "add", "Bans a subject");
    add_subject_or_credential(add, *options);
    add.option("--for", options->time, "How long: a time such as 1h, or ever").shows_default();
    add.run([options] {
        Json body = body_of(*options);
        body.set("for", Json::string(options->time));
        post(*options, body);
    });
    const Command allow = add_action(ban, *options, "allow", "Never bans a subject, until lifted");
    add_subject_or_credential(allow, *options);
    allow.run([options] {
        Json body = body_of(*options);
        body.set("allow", Json::boolean(true));
        post(*options, body);
    });
    const Command lift = add_action(ban, *options, "lift", "Ends a ban or an allowance");
    add_subject(lift, *options).required();
    lift.run([options] {
        const Json answer = ask_control(options->control, "DELETE",
                                        "/bans?subject=" + query_value(options->subject), {});
        std::printf("%s is free\n", std::string(answer["removed"].text()).c_str());
    });
}

}  // namespace sallyport::cli
