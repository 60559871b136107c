#include "cli/lint/lint.hpp"

#include <algorithm>
#include <array>

namespace sallyport::lint {
namespace {

constexpr std::size_t kTextBytesMax = 200;

template <typename Visit>
void walk(const std::vector<Directive>& block, std::vector<const Directive*>& around,
          const Visit& visit) {
    for (const Directive& directive : block) {
        visit(Place{&directive, around});
        // Entries of a map are data, not directives.
        constexpr std::array data = {std::string_view("map"), std::string_view("geo"),
                                     std::string_view("types"), std::string_view("split_clients")};
        if (std::find(data.begin(), data.end(), directive.name) == data.end()) {
            around.push_back(&directive);
            walk(directive.block, around, visit);
            around.pop_back();
        }
    }
}

}  // namespace

const Directive* Place::enclosing(std::string_view name) const {
    for (std::size_t i = around.size(); i-- > 0;) {
        if (around[i]->name == name) {
            return around[i];
        }
    }
    return nullptr;
}

void Report::add(const Directive& directive) {
    std::string text = directive.name;
    for (const std::string& arg : directive.args) {
        text.append(" ").append(arg);
    }
    text.resize(std::min(text.size(), kTextBytesMax));
    findings.push_back({rule, directive.file, directive.line, std::move(text)});
}

std::span<const Rule> rules() {
    static const std::vector<Rule> all = [] {
        std::vector<Rule> rows;
        for (const auto part :
             {header_rules(), uri_rules(), access_rules(), proxy_rules(), tls_rules()}) {
            rows.insert(rows.end(), part.begin(), part.end());
        }
        return rows;
    }();
    return all;
}

const Rule* find_rule(std::string_view id) {
    const auto all = rules();
    const auto found =
        std::find_if(all.begin(), all.end(), [&](const Rule& rule) { return rule.id == id; });
    return found == all.end() ? nullptr : &*found;
}

std::vector<Finding> lint(const std::vector<Directive>& conf,
                          const std::vector<std::string>& ignored) {
    Report report(conf);
    std::vector<const Directive*> around;
    for (const Rule& rule : rules()) {
        if (std::find(ignored.begin(), ignored.end(), rule.id) != ignored.end()) {
            continue;
        }
        report.rule = &rule;
        walk(conf, around, [&](const Place& place) { rule.check(place, report); });
    }
    std::stable_sort(report.findings.begin(), report.findings.end(),
                     [](const Finding& a, const Finding& b) {
                         return a.file != b.file ? a.file < b.file : a.line < b.line;
                     });
    return std::move(report.findings);
}

const Directive* find_in(const Directive& block, std::string_view name) {
    const auto found = std::find_if(block.block.begin(), block.block.end(),
                                    [&](const Directive& one) { return one.name == name; });
    return found == block.block.end() ? nullptr : &*found;
}

const Directive* inherited(const Place& place, std::string_view name) {
    for (std::size_t i = place.around.size(); i-- > 0;) {
        if (const Directive* found = find_in(*place.around[i], name)) {
            return found;
        }
    }
    return nullptr;
}

bool anywhere(const std::vector<Directive>& conf, std::string_view name) {
    return std::any_of(conf.begin(), conf.end(), [&](const Directive& one) {
        return one.name == name || anywhere(one.block, name);
    });
}

bool has_variable(std::string_view text, std::string_view name) {
    for (std::size_t at = text.find('$'); at != std::string_view::npos;
         at = text.find('$', at + 1)) {
        std::string_view rest = text.substr(at + 1);
        rest.remove_prefix(rest.starts_with('{') ? 1 : 0);
        if (!rest.starts_with(name)) {
            continue;
        }
        const char after = rest.size() > name.size() ? rest[name.size()] : ' ';
        const bool goes_on = (after >= 'a' && after <= 'z') || (after >= 'A' && after <= 'Z') ||
                             (after >= '0' && after <= '9') || after == '_';
        if (name.ends_with('_') || !goes_on) {
            return true;
        }
    }
    return false;
}

std::string_view prefix_path(const Directive& location) {
    if (location.args.size() == 1) {
        const std::string_view path = location.args[0];
        return path.starts_with('/') ? path : std::string_view();
    }
    return location.arg(0) == "^~" ? location.arg(1) : std::string_view();
}

bool is_regex_location(const Directive& location) {
    return location.name == "location" && location.arg(0).starts_with('~');
}

}  // namespace sallyport::lint
