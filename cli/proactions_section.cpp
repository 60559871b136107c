#include "cli/proactions_section.hpp"

#include "common/bytes.hpp"

#include <algorithm>
#include <utility>

namespace sallyport::cli {
namespace {

YAML::Node missing() {
    return YAML::Node(YAML::NodeType::Undefined);
}

// What goes into a comment or a message: one line.
std::string in_one_line(std::string text) {
    std::replace_if(
        text.begin(), text.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
    return text;
}

// `null` is what JavaScript takes for a setting that is not there.
bool is_given(const YAML::Node& node) {
    return node.IsDefined() && !node.IsNull();
}

bool is_quoted(const YAML::Node& node) {
    return node.Tag() == "!";
}

}  // namespace

std::optional<bool> yaml_flag(const YAML::Node& node) {
    bool value = false;
    if (!node.IsScalar() || is_quoted(node) || !YAML::convert<bool>::decode(node, value)) {
        return std::nullopt;
    }
    return value;
}

std::optional<std::int64_t> yaml_integer(const YAML::Node& node) {
    std::int64_t value = 0;
    if (!node.IsScalar() || is_quoted(node) || !YAML::convert<std::int64_t>::decode(node, value)) {
        return std::nullopt;
    }
    return value;
}

std::vector<std::string> yaml_words(const YAML::Node& node) {
    std::vector<std::string> out;
    if (node.IsSequence()) {
        for (const auto& one : node) {
            out.push_back(one.IsScalar() ? one.Scalar() : std::string());
        }
    } else if (node.IsScalar()) {
        for_each_split(node.Scalar(), ',',
                       [&](std::string_view part) { out.emplace_back(trim_ows(part)); });
    }
    return out;
}

bool is_plain_word(const std::string& text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return c > ' ' && c <= '~' && c != '"' && c != '\'' && c != '\\' && c != ';' && c != '{' &&
               c != '}' && c != '$' && c != '#';
    });
}

ProactionsSection::ProactionsSection(const YAML::Node& node, std::string prefix,
                                     ProactionsImport& out)
    : node_(node), prefix_(std::move(prefix)), out_(out) {}

bool ProactionsSection::is_on() {
    if (!is_given(node_)) {
        return false;
    }
    if (node_.IsMap()) {
        return flag("enabled", true).value_or(false);
    }
    const auto value = yaml_flag(node_);
    if (!value) {
        leave("is neither a map of settings nor true or false");
    }
    return value.value_or(false);
}

bool ProactionsSection::has(const std::string& name) const {
    return node_.IsMap() && std::as_const(node_)[name].IsDefined();
}

YAML::Node ProactionsSection::take(const std::string& name) {
    asked_.push_back(name);
    return has(name) ? std::as_const(node_)[name] : missing();
}

ProactionsSection ProactionsSection::section(const std::string& name) {
    return {take(name), prefix_.empty() ? name : prefix_ + "." + name, out_};
}

std::optional<bool> ProactionsSection::flag(const std::string& name, bool fallback) {
    const YAML::Node node = take(name);
    const auto value = is_given(node) ? yaml_flag(node) : fallback;
    if (!value) {
        leave(name, "is neither true nor false");
    }
    return value;
}

std::optional<std::int64_t> ProactionsSection::integer(const std::string& name,
                                                       std::int64_t fallback) {
    const YAML::Node node = take(name);
    const auto value = is_given(node) ? yaml_integer(node) : fallback;
    if (!value) {
        leave(name, "is not a whole number");
    }
    return value;
}

std::optional<double> ProactionsSection::number(const std::string& name, double fallback) {
    const YAML::Node node = take(name);
    double value = fallback;
    if (is_given(node) &&
        (!node.IsScalar() || is_quoted(node) || !YAML::convert<double>::decode(node, value))) {
        leave(name, "is not a number");
        return std::nullopt;
    }
    return value;
}

std::optional<std::string> ProactionsSection::text(const std::string& name,
                                                   const std::string& fallback) {
    const YAML::Node node = take(name);
    if (!is_given(node)) {
        return fallback;
    }
    if (!node.IsScalar()) {
        leave(name, "is not a text");
        return std::nullopt;
    }
    return node.Scalar();
}

std::optional<std::string> ProactionsSection::list(const std::string& name) {
    const YAML::Node node = take(name);
    std::string out;
    for (const std::string& word : yaml_words(node)) {
        if (!is_plain_word(word)) {
            leave(name, "is not a list of plain words");
            return std::nullopt;
        }
        out += (out.empty() ? "" : ",") + word;
    }
    if (is_given(node) && !node.IsSequence() && !node.IsScalar()) {
        leave(name, "is not a list of plain words");
        return std::nullopt;
    }
    return out;
}

void ProactionsSection::leave(const std::string& name, const std::string& why) {
    const std::string key = in_one_line(prefix_.empty() ? name : prefix_ + "." + name);
    out_.left_out.push_back(key + ": " + in_one_line(why));
    out_.conf += "# not carried over: " + out_.left_out.back() + "\n";
}

void ProactionsSection::leave(const std::string& why) {
    out_.left_out.push_back(prefix_ + ": " + in_one_line(why));
    out_.conf += "# not carried over: " + out_.left_out.back() + "\n";
}

void ProactionsSection::finish() {
    if (!node_.IsMap()) {
        return;
    }
    for (const auto& member : node_) {
        const std::string name = member.first.IsScalar() ? member.first.Scalar() : "?";
        if (std::find(asked_.begin(), asked_.end(), name) == asked_.end()) {
            leave(name, "no directive of the gateway means this");
        }
    }
}

}  // namespace sallyport::cli
