#include "cli/command.hpp"
#include "cli/lint/lint.hpp"
#include "common/file_text.hpp"
#include "common/json.hpp"
#include "module/policy/rate_limit_spec.hpp"

#include <glob.h>

#include <cstdio>
#include <filesystem>
#include <memory>

namespace sallyport::cli {
namespace {

constexpr std::size_t kFileBytesMax = std::size_t{64} << 20;

struct CheckOptions {
    std::string conf;
    std::vector<std::string> ignored;
    bool json = false;
    bool list = false;
};

std::vector<std::string> expand(const std::string& pattern) {
    if (pattern.find_first_of("*?[") == std::string::npos) {
        return {pattern};
    }
    glob_t found{};
    std::vector<std::string> names;
    if (glob(pattern.c_str(), 0, nullptr, &found) == 0) {
        names.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
    }
    globfree(&found);
    return names;
}

const char* word(lint::Severity severity) {
    return severity == lint::Severity::error ? "error" : "warning";
}

Json json_of(const lint::Rule& rule) {
    return Json::object({{"rule", Json::string(rule.id)},
                         {"severity", Json::string(word(rule.severity))},
                         {"why", Json::string(rule.why)},
                         {"remedy", Json::string(rule.remedy)}});
}

struct Limit {
    std::string name;
    std::string bound;
};

// Every limit with what it lets pass at most. What cannot be read is for `nginx -t` to name.
void collect_limits(const std::vector<lint::Directive>& block, std::vector<Limit>& out) {
    for (const lint::Directive& directive : block) {
        if (directive.name == "sallyport_limit") {
            const std::vector<std::string_view> words(directive.args.begin(), directive.args.end());
            if (const auto spec = policy::parse_limit(words)) {
                out.push_back({spec->name, policy::bound_text(*spec)});
            }
        }
        collect_limits(directive.block, out);
    }
}

void print_json(const std::vector<lint::Finding>& findings, const std::vector<Limit>& limits) {
    Json bounds = Json::array();
    for (const Limit& limit : limits) {
        bounds.append(Json::object(
            {{"name", Json::string(limit.name)}, {"bound", Json::string(limit.bound)}}));
    }
    Json list = Json::array();
    for (const lint::Finding& finding : findings) {
        Json one = json_of(*finding.rule);
        one.set("file", Json::string(finding.file));
        one.set("line", Json::integer(finding.line));
        one.set("text", Json::string(finding.text));
        list.append(one);
    }
    std::printf("%s\n",
                Json::object({{"limits", bounds}, {"findings", list}}).dump_pretty().c_str());
}

void print_text(const std::vector<lint::Finding>& findings, const std::vector<Limit>& limits) {
    for (const Limit& limit : limits) {
        std::printf("limit %s: %s\n", limit.name.c_str(), limit.bound.c_str());
    }
    for (const lint::Finding& finding : findings) {
        std::printf("%s:%u: %s: %s [%s]\n    why: %s\n    remedy: %s\n", finding.file.c_str(),
                    finding.line, word(finding.rule->severity), finding.text.c_str(),
                    std::string(finding.rule->id).c_str(), std::string(finding.rule->why).c_str(),
                    std::string(finding.rule->remedy).c_str());
    }
}

void print_rules(bool as_json) {
    Json list = Json::array();
    for (const lint::Rule& rule : lint::rules()) {
        list.append(json_of(rule));
        if (!as_json) {
            std::printf("%-30s %-8s %s\n", std::string(rule.id).c_str(), word(rule.severity),
                        std::string(rule.why).c_str());
        }
    }
    if (as_json) {
        std::printf("%s\n", list.dump_pretty().c_str());
    }
}

void run(const CheckOptions& options) {
    if (options.list) {
        print_rules(options.json);
        return;
    }
    if (options.conf.empty()) {
        fail("name the configuration, such as /etc/nginx/nginx.conf", kUsage);
    }
    for (const std::string& id : options.ignored) {
        if (lint::find_rule(id) == nullptr) {
            fail("there is no rule \"" + id + "\"; run: sallyport check --rules", kUsage);
        }
    }
    const lint::ConfSource source{
        [](const std::string& path) { return read_file_text(path, kFileBytesMax); }, expand};
    const auto conf =
        lint::parse_nginx_conf(std::filesystem::absolute(options.conf).string(), source);
    if (!conf) {
        fail(conf.message(), kUsage);
    }
    const auto findings = lint::lint(*conf, options.ignored);
    std::vector<Limit> limits;
    collect_limits(*conf, limits);
    options.json ? print_json(findings, limits) : print_text(findings, limits);
    if (!findings.empty()) {
        stop(kFailed);
    }
}

}  // namespace

void add_check(const Command& program) {
    auto options = std::make_shared<CheckOptions>();
    const Command command = program.command(
        "check",
        "Looks through a whole nginx configuration for what nginx accepts and attackers use");
    command.option("conf", options->conf, "The main configuration; includes are followed");
    command.flag("--json", options->json, "Print JSON");
    command.flag("--rules", options->list, "List the rules");
    command.option("--ignore", options->ignored, "Leave this rule out (may be repeated)")
        .one_value_each();
    command.footer(
        "Exit codes: 0 nothing found, 1 something found, 2 the configuration cannot be "
        "read.");
    command.run([options] { run(*options); });
}

}  // namespace sallyport::cli
