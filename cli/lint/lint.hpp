// Lints a whole nginx configuration: pitfalls that nginx accepts and attackers use. A rule is a row
// of the table: an id, why it matters, what to write instead, and a function over the tree.
#pragma once

#include "cli/lint/nginx_conf.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::lint {

enum class Severity : std::uint8_t { warning, error };

// A directive and the blocks around it, innermost last: http, server, location, location, if.
struct Place {
    const Directive* directive;
    std::span<const Directive* const> around;

    const Directive* parent() const { return around.empty() ? nullptr : around.back(); }
    // The innermost block of that name around the directive; null when there is none.
    const Directive* enclosing(std::string_view name) const;
};

class Report;

struct Rule {
    std::string_view id;
    Severity severity;
    std::string_view why;
    std::string_view remedy;
    void (*check)(const Place& place, Report& report);  // called for every directive
};

struct Finding {
    const Rule* rule;
    std::string file;
    unsigned line;
    std::string text;  // what stands there
};

class Report {
  public:
    explicit Report(const std::vector<Directive>& all) : all_(all) {}
    // The directive is what the rule is about.
    void add(const Directive& directive);
    // The whole configuration.
    const std::vector<Directive>& all() const { return all_; }

    const Rule* rule = nullptr;
    std::vector<Finding> findings;

  private:
    const std::vector<Directive>& all_;
};

// All rules.
std::span<const Rule> rules();
const Rule* find_rule(std::string_view id);

// Sorted by file and line. A comment cannot silence a rule; `ignored` ids can.
std::vector<Finding> lint(const std::vector<Directive>& conf,
                          const std::vector<std::string>& ignored);

// The rules' files, each with its rows.
std::span<const Rule> header_rules();
std::span<const Rule> uri_rules();
std::span<const Rule> access_rules();
std::span<const Rule> proxy_rules();
std::span<const Rule> tls_rules();

// Helpers of the rules.
const Directive* find_in(const Directive& block, std::string_view name);
// The directive of that name that holds here: in the innermost block around `place` that has one.
const Directive* inherited(const Place& place, std::string_view name);
bool anywhere(const std::vector<Directive>& conf, std::string_view name);
// True when `text` refers to $name or ${name}; a name that ends in `_` is a prefix ($arg_x).
bool has_variable(std::string_view text, std::string_view name);
// `location /x`, not `=`, `~`, `@`. The path, or an empty text.
std::string_view prefix_path(const Directive& location);
bool is_regex_location(const Directive& location);

}  // namespace sallyport::lint
