// `sallyport list`: what a list file holds, judged as the gateway judges it; what a running gateway
// holds, and a look at its sources now.
#include "cli/control_client.hpp"
#include "common/file_text.hpp"
#include "module/policy/ip_list_spec.hpp"

#include <cstdio>
#include <memory>
#include <vector>

namespace sallyport::cli {
namespace {

constexpr std::size_t kFileBytesMax = std::size_t{256} << 20;

struct CheckOptions {
    std::vector<std::string> files;
    std::string feed = "text";
    std::string against;
    double factor = 2;
    unsigned share = 50;
    std::string contains;
};

std::vector<Cidr> read_list(const policy::FeedSource& feed, const std::string& path) {
    const auto text = read_file_text(path, kFileBytesMax);
    if (!text) {
        fail(text.message());
    }
    auto blocks = policy::parse_feed(feed, *text, path);
    if (!blocks) {
        fail(blocks.message());
    }
    return std::move(*blocks);
}

// Which block of the list an address is in: the question behind most tickets.
void show_membership(const std::vector<Cidr>& blocks, const std::string& text) {
    const auto address = IpAddress::parse(text);
    if (!address) {
        fail("\"" + text + "\" is not an address", kUsage);
    }
    for (const Cidr& block : blocks) {
        if (block.contains(*address)) {
            std::printf("%s is in %s\n", text.c_str(), block.to_string().c_str());
            return;
        }
    }
    fail(text + " is in no block");
}

void check(const CheckOptions& options) {
    const auto feed = policy::parse_feed_source(options.feed);
    if (!feed) {
        fail("--feed: " + feed.message(), kUsage);
    }
    std::vector<Cidr> blocks;
    for (const std::string& file : options.files) {
        const auto more = read_list(*feed, file);
        blocks.insert(blocks.end(), more.begin(), more.end());
    }
    const policy::IpSetImage image(blocks);
    const policy::IpCoverage coverage = image.coverage();
    const policy::IpListGuard guard{options.factor, options.share};
    std::printf("%zu blocks, %zu ranges, %zu KiB in memory, %.4f%% of IPv4, %.4f%% of IPv6\n",
                blocks.size(), image.range_count(), (image.bytes() + 1023) / 1024,
                coverage.v4 * 100, coverage.v6 * 100);
    if (const Status share = policy::check_share(guard, coverage); !share) {
        fail("the list " + share.message());
    }
    if (!options.against.empty()) {
        const std::size_t before = read_list(*feed, options.against).size();
        if (const Status size = policy::check_size(guard, before, blocks.size()); !size) {
            fail("the list " + size.message());
        }
    }
    if (!options.contains.empty()) {
        show_membership(blocks, options.contains);
    }
}

struct RunningOptions {
    ControlTarget control;
    std::string name;
    bool force = false;
};

void show(const RunningOptions& options) {
    const Json answer = ask_control(options.control, "GET", "/lists", {});
    answer["lists"].each_element([](const Json& row) {
        std::printf("%-24s %10lld blocks  %lld versions, %lld refused\n",
                    std::string(row["name"].text()).c_str(),
                    static_cast<long long>(row["blocks"].integer_or(0)),
                    static_cast<long long>(row["version"].integer_or(0)),
                    static_cast<long long>(row["refusals"].integer_or(0)));
    });
}

void reload(const RunningOptions& options) {
    Json body = Json::object({{"force", Json::boolean(options.force)}});
    if (!options.name.empty()) {
        body.set("name", Json::string(options.name));
    }
    const Json answer = ask_control(options.control, "POST", "/lists/reload", body);
    answer["lists"].each_element([](const Json& name) {
        std::printf("%s is being read again\n", std::string(name.text()).c_str());
    });
}

void add_running(const Command& list) {
    auto options = std::make_shared<RunningOptions>();
    const Command shows = list.command("show", "Shows the lists of a running gateway");
    add_control_options(shows, options->control).required();
    shows.run([options] { show(*options); });
    const Command reloads =
        list.command("reload", "Has a running gateway look at its lists' sources now");
    add_control_options(reloads, options->control).required();
    reloads.option("name", options->name, "One list; without it all of them");
    reloads.flag("--force", options->force, "Take the new version whatever its size");
    reloads.run([options] { reload(*options); });
}

}  // namespace

void add_list(const Command& program) {
    auto options = std::make_shared<CheckOptions>();
    const Command list = program.command("list", "Works with address lists (sallyport_ip_list)");
    list.needs_command();
    const Command command = list.command(
        "check",
        "Reads list files as the gateway would: every mistake with its line, size and reach");
    command.option("file", options->files, "Files of one list").required();
    command
        .option("--feed", options->feed,
                "The format: text, or a provider's, such as github.hooks or aws.CLOUDFRONT")
        .shows_default();
    command.option("--against", options->against,
                   "The file in use: refuse one that differs by more than --guard");
    command.option("--guard", options->factor, "The factor for --against; 0: any")
        .shows_default()
        .between(0.0, 1000.0);
    command.option("--share", options->share, "How many percent of all addresses it may cover")
        .shows_default()
        .between(1u, 100u);
    command.option("--contains", options->contains,
                   "Say which block this address is in; fail when it is in none");
    command.run([options] { check(*options); });
    add_running(list);
}

}  // namespace sallyport::cli
