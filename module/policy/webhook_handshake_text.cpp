// The language of handshakes: key=value pairs, checked when the configuration is read.
#include "common/bytes.hpp"
#include "common/units.hpp"
#include "module/policy/webhook_handshake.hpp"

#include <algorithm>
#include <array>

namespace sallyport::policy::webhook {
namespace {

class Reader {
  public:
    Result<Handshake> read(const Pairs& pairs) {
        for (const auto& [key, value] : pairs) {
            const Status status = set(key, value);
            if (!status) {
                return status.error();
            }
        }
        if (out_.method.empty()) {
            return Error{"\"method\" is missing; write for example method=GET"};
        }
        if (!as_given_) {
            return Error{
                "\"as\" is missing; write as=text, as=json:KEY, as=header:NAME or as=none"};
        }
        if (needs_challenge_ && !out_.echo) {
            return Error{
                "\"echo\" is missing; say what is answered, for example "
                "echo=query:challenge"};
        }
        return std::move(out_);
    }

  private:
    using Setter = Status (Reader::*)(std::string_view);
    struct Key {
        std::string_view name;
        Setter set;
    };

    Status set(std::string_view key, std::string_view value) {
        static constexpr std::array kKeys = {Key{"method", &Reader::set_method},
                                             Key{"if", &Reader::set_if},
                                             Key{"unless", &Reader::set_unless},
                                             Key{"check", &Reader::set_check},
                                             Key{"echo", &Reader::set_echo},
                                             Key{"as", &Reader::set_as},
                                             Key{"transform", &Reader::set_transform},
                                             Key{"prefix", &Reader::set_prefix},
                                             Key{"signed", &Reader::set_signed},
                                             Key{"status", &Reader::set_status},
                                             Key{"also", &Reader::set_also}};
        std::string known;
        for (const Key& each : kKeys) {
            if (each.name == key) {
                return (this->*each.set)(value);
            }
            known.append(known.empty() ? "" : ", ").append(each.name);
        }
        return Error{in_quotes(key) + " is not a key of a handshake; known are " + known};
    }

    Status set_method(std::string_view value) {
        constexpr std::array<std::string_view, 4> kMethods = {"GET", "POST", "HEAD", "OPTIONS"};
        if (std::find(kMethods.begin(), kMethods.end(), value) == kMethods.end()) {
            return Error{in_quotes(value) +
                         " is not a method of handshakes; write GET, POST, HEAD or "
                         "OPTIONS"};
        }
        out_.method = value;
        return Done{};
    }

    Result<Source> source(std::string_view text) {
        Source out;
        const std::size_t colon = text.find(':');
        const std::string_view word = text.substr(0, colon);
        out.name = colon == std::string_view::npos ? "" : text.substr(colon + 1);
        bool known = !out.name.empty();
        if (word == "header") {
            known = known && is_token(out.name);
        } else if (word == "query") {
            out.kind = Source::Kind::query;
        } else if (word == "json") {
            out.kind = Source::Kind::json;
            JsonPath path;
            path.text = out.name;
            for_each_split(out.name, '.', [&](std::string_view segment) {
                known = known && !segment.empty() && segment.size() <= kJsonKeyBytesMax;
                path.segments.emplace_back(segment);
            });
            known = known && path.segments.size() <= kJsonPathDepthMax &&
                    out_.paths.size() < kJsonPathsMax;
            out.slot = out_.paths.size();
            out_.paths.push_back(std::move(path));
        } else {
            known = false;
        }
        if (!known) {
            return Error{in_quotes(text) +
                         " is not a source; write query:NAME, header:NAME or json:a.b"};
        }
        return out;
    }

    Status set_if(std::string_view value) {
        if (value == "empty") {
            out_.empty_body = true;
            return Done{};
        }
        const std::size_t equals = value.find('=');
        auto parsed = source(value.substr(0, equals));
        if (!parsed) {
            return parsed.error();
        }
        out_.when.emplace();
        out_.when->source = std::move(*parsed);
        if (equals != std::string_view::npos) {
            out_.when->value = value.substr(equals + 1);
        }
        return Done{};
    }

    Status set_source(std::string_view value, std::optional<Source>& out) {
        auto parsed = source(value);
        if (!parsed) {
            return parsed.error();
        }
        out = std::move(*parsed);
        return Done{};
    }
    Status set_unless(std::string_view value) { return set_source(value, out_.unless); }
    // `=$token` behind it may be said: it is always that token.
    Status set_check(std::string_view value) {
        constexpr std::string_view kToken = "=$token";
        if (value.ends_with(kToken)) {
            value.remove_suffix(kToken.size());
        }
        return set_source(value, out_.check);
    }
    Status set_echo(std::string_view value) { return set_source(value, out_.echo); }

    Status set_as(std::string_view value) {
        as_given_ = true;
        const std::size_t colon = value.find(':');
        const std::string_view word = value.substr(0, colon);
        const std::string_view name =
            colon == std::string_view::npos ? std::string_view() : value.substr(colon + 1);
        const bool simple_name = !name.empty() && name.find('"') == std::string_view::npos &&
                                 name.find('\\') == std::string_view::npos &&
                                 name.find('{') == std::string_view::npos;
        needs_challenge_ = value != "none" && word != "fixed";
        if (value == "none") {
            return Done{};
        }
        if (value == "text") {
            out_.body = "{proof}";
            return Done{};
        }
        if (word == "header" && is_token(name)) {
            out_.header = name;
            return Done{};
        }
        out_.json = true;
        if (word == "fixed" && !name.empty()) {
            out_.body = name;
            return Done{};
        }
        if ((word == "json" || word == "proof") && simple_name) {
            out_.body = "{\"" + std::string(name) + "\":{proof}}";
            return Done{};
        }
        const std::size_t second = name.find(':');
        if (word == "pair" && simple_name && second != std::string_view::npos) {
            out_.body = "{\"" + std::string(name.substr(0, second)) + "\":{challenge},\"" +
                        std::string(name.substr(second + 1)) + "\":{proof}}";
            return Done{};
        }
        return Error{
            in_quotes(value) +
            " is not a value of \"as\"; write text, json:KEY, pair:KEY:KEY, header:NAME or "
            "none"};
    }

    Status set_transform(std::string_view value) {
        using Transform = Handshake::Transform;
        if (value == "sha256-token-url-hex") {
            out_.transform = Transform::sha256_hex;
            out_.token_follows = true;
            return Done{};
        }
        constexpr std::array<std::pair<std::string_view, Transform>, 4> kWords = {{
            {"none", Transform::none},
            {"hmac-hex", Transform::hmac_hex},
            {"hmac-base64", Transform::hmac_base64},
            {"sha256-hex", Transform::sha256_hex},
        }};
        for (const auto& [word, transform] : kWords) {
            if (word == value) {
                out_.transform = transform;
                return Done{};
            }
        }
        return Error{in_quotes(value) +
                     " is not a value of \"transform\"; known are none, hmac-hex, hmac-base64, "
                     "sha256-hex"};
    }

    Status set_prefix(std::string_view value) {
        out_.prefix = value;
        return is_field_value(value) ? Status(Done{})
                                     : Status(Error{"\"prefix\" is not printable"});
    }

    Status set_signed(std::string_view value) {
        if (value != "yes" && value != "no" && value != "first") {
            return Error{in_quotes(value) + " is not a value of \"signed\"; write yes or no"};
        }
        out_.trust = value == "yes"     ? Handshake::Trust::signed_
                     : value == "first" ? Handshake::Trust::first
                                        : Handshake::Trust::none;
        return Done{};
    }

    Status set_status(std::string_view value) {
        const auto number = parse_u64(value);
        if (!number || *number < 200 || *number > 299) {
            return Error{in_quotes(value) + " is not a status of an answer; write 200 to 299"};
        }
        out_.status = static_cast<std::uint16_t>(*number);
        return Done{};
    }

    Status set_also(std::string_view value) {
        const std::size_t colon = value.find(':');
        out_.second_source = value.substr(0, colon);
        out_.second_header = colon == std::string_view::npos ? "" : value.substr(colon + 1);
        if (!is_token(out_.second_source) || !is_token(out_.second_header)) {
            return Error{in_quotes(value) + " is not REQUEST-FIELD:RESPONSE-FIELD"};
        }
        return Done{};
    }

    Handshake out_;
    bool as_given_ = false;
    bool needs_challenge_ = false;
};

}  // namespace

Result<Handshake> handshake_described(const Pairs& pairs) {
    return Reader().read(pairs);
}

}  // namespace sallyport::policy::webhook
