#include "module/policy/metrics.hpp"

#include "common/units.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace sallyport::policy {
namespace {

std::string number(double value) {
    if (value == std::floor(value) && std::abs(value) < 1e15) {
        return std::to_string(static_cast<std::int64_t>(value));
    }
    std::array<char, 512> text{};  // the smallest double has some 330 digits behind its point
    const auto end =
        std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
    return {text.data(), end.ptr};
}

// Backslash, newline and (in a label) the quote are escaped.
void append_escaped(std::string& out, std::string_view text, bool label) {
    for (const char c : text) {
        if (c == '\n') {
            out += "\\n";
        } else if (c == '\\' || (label && c == '"')) {
            (out += '\\') += c;
        } else {
            out += c;
        }
    }
}

std::string labels_text(const std::vector<std::pair<std::string, std::string>>& labels,
                        std::string_view bound = {}) {
    std::string out;
    const auto add = [&out](std::string_view name, std::string_view value) {
        out.append(out.empty() ? "{" : ",").append(name).append("=\"");
        append_escaped(out, value, true);
        out += '"';
    };
    for (const auto& [name, value] : labels) {
        add(name, value);
    }
    if (!bound.empty()) {
        add("le", bound);
    }
    return out.empty() ? out : out + "}";
}

}  // namespace

std::size_t latency_bucket(std::int64_t ns) {
    const double seconds = static_cast<double>(ns) / static_cast<double>(kNsPerS);
    return static_cast<std::size_t>(
        std::lower_bound(kLatencyBoundsS.begin(), kLatencyBoundsS.end(), seconds) -
        kLatencyBoundsS.begin());
}

Metrics::Sample& Metrics::add(std::string_view name, std::string_view help, Kind kind,
                              const Labels& labels) {
    auto family = std::find_if(families_.begin(), families_.end(),
                               [&](const Family& one) { return one.name == name; });
    if (family == families_.end()) {
        families_.push_back({std::string(name), std::string(help), kind, {}});
        family = families_.end() - 1;
    }
    Sample& sample = family->samples.emplace_back();
    for (const auto& [label, value] : labels) {
        sample.labels.emplace_back(label, value);
    }
    return sample;
}

void Metrics::counter(std::string_view name, std::string_view help, const Labels& labels,
                      std::uint64_t value) {
    add(name, help, Kind::counter, labels).count = value;
}

void Metrics::gauge(std::string_view name, std::string_view help, const Labels& labels,
                    double value) {
    add(name, help, Kind::gauge, labels).value = value;
}

void Metrics::latency(std::string_view name, std::string_view help, const Labels& labels,
                      std::span<const std::uint64_t> counts, std::uint64_t sum_ns) {
    Sample& sample = add(name, help, Kind::histogram, labels);
    sample.buckets.assign(counts.begin(), counts.end());
    sample.value = static_cast<double>(sum_ns) / static_cast<double>(kNsPerS);
}

std::string Metrics::prometheus() const {
    std::string out;
    const auto line = [&out](const std::string& name, const std::string& labels,
                             const std::string& value) {
        out.append(name).append(labels).append(" ").append(value).append("\n");
    };
    for (const Family& family : families_) {
        constexpr std::array kinds = {"counter", "gauge", "histogram"};
        out.append("# HELP ").append(family.name).append(" ");
        append_escaped(out, family.help, false);
        out.append("\n# TYPE ").append(family.name).append(" ");
        out.append(kinds[static_cast<std::size_t>(family.kind)]).append("\n");
        for (const Sample& sample : family.samples) {
            if (family.kind == Kind::counter) {
                line(family.name, labels_text(sample.labels), std::to_string(sample.count));
            } else if (family.kind == Kind::gauge) {
                line(family.name, labels_text(sample.labels), number(sample.value));
            } else {
                std::uint64_t total = 0;
                for (std::size_t i = 0; i < sample.buckets.size(); ++i) {
                    total += sample.buckets[i];
                    const std::string bound =
                        i < kLatencyBoundsS.size() ? number(kLatencyBoundsS[i]) : "+Inf";
                    line(family.name + "_bucket", labels_text(sample.labels, bound),
                         std::to_string(total));
                }
                line(family.name + "_sum", labels_text(sample.labels), number(sample.value));
                line(family.name + "_count", labels_text(sample.labels), std::to_string(total));
            }
        }
    }
    return out;
}

Json Metrics::json() const {
    Json out = Json::array();
    for (const Family& family : families_) {
        for (const Sample& sample : family.samples) {
            Json one = Json::object({{"name", Json::string(family.name)}});
            for (const auto& [name, value] : sample.labels) {
                one.set(name, Json::string(value));
            }
            if (family.kind == Kind::counter) {
                one.set("value", Json::integer(static_cast<std::int64_t>(sample.count)));
            } else if (family.kind == Kind::gauge) {
                one.set("value", Json::real(sample.value));
            } else {
                std::uint64_t total = 0;
                for (const std::uint64_t count : sample.buckets) {
                    total += count;
                }
                one.set("count", Json::integer(static_cast<std::int64_t>(total)));
                one.set("sum_s", Json::real(sample.value));
            }
            out.append(one);
        }
    }
    return out;
}

}  // namespace sallyport::policy
