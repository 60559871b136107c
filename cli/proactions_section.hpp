// One map of an imported YAML file: its settings are asked for by name and type, and what was never
// asked for, or is of another type than it should be, is named. Nothing is taken for its default in
// silence. Only for proactions*.cpp.
#pragma once

#include "cli/proactions.hpp"

#include <yaml-cpp/yaml.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sallyport::cli {

class ProactionsSection {
  public:
    // `prefix`: its own name, empty for the whole file. `node` may be no map, or missing.
    ProactionsSection(const YAML::Node& node, std::string prefix, ProactionsImport& out);

    // Whether the section says something and is not switched off: a map without `enabled: false`,
    // or `true`.
    bool is_on();
    bool has(const std::string& name) const;
    // Undefined when it is missing. Counts as asked for.
    YAML::Node take(const std::string& name);
    ProactionsSection section(const std::string& name);

    // The fallback when it is missing; nothing, and named, when it is something else.
    std::optional<bool> flag(const std::string& name, bool fallback);
    std::optional<std::int64_t> integer(const std::string& name, std::int64_t fallback);
    std::optional<double> number(const std::string& name, double fallback);
    std::optional<std::string> text(const std::string& name, const std::string& fallback);
    // A sequence, or words between commas, joined by commas; empty when missing or empty.
    std::optional<std::string> list(const std::string& name);

    void leave(const std::string& name, const std::string& why);
    void leave(const std::string& why);  // the section itself
    void line(const std::string& text) { out_.conf += text + "\n"; }
    // Names what was not asked for.
    void finish();

  private:
    YAML::Node node_;
    std::string prefix_;
    ProactionsImport& out_;
    std::vector<std::string> asked_;
};

// YAML's `true`, a whole number, a text: what Node.js would have, so that a `"1"` in quotes is a
// text.
std::optional<bool> yaml_flag(const YAML::Node& node);
std::optional<std::int64_t> yaml_integer(const YAML::Node& node);
std::vector<std::string> yaml_words(const YAML::Node& node);

// What may stand as one argument of a directive without quotes.
bool is_plain_word(const std::string& text);

void proactions_helmet(ProactionsSection helmet);
void proactions_cors(ProactionsSection cors);
void proactions_rate_limit(ProactionsSection limit);
void proactions_body_limits(ProactionsSection limits);

}  // namespace sallyport::cli
