#include "module/policy/webhook_sign.hpp"

#include "common/bytes.hpp"
#include "common/crypto.hpp"
#include "common/gunzip.hpp"
#include "module/policy/webhook_escape.hpp"
#include "module/policy/webhook_form.hpp"
#include "module/policy/webhook_json.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <memory_resource>

namespace sallyport::policy::webhook {
namespace {

class Signer {
  public:
    Signer(const Profile& profile, const SigningKey& key, const Delivery& delivery)
        : profile_(profile),
          key_(key),
          delivery_(delivery),
          time_(timestamp_text(delivery.time_ms, profile.time_format)),
          json_(profile.json_paths, &memory_) {
        out_.fields = delivery.headers;
        out_.target = delivery.head.target;
        json_.feed(delivery.body);
        json_.end();
    }

    Result<SignedDelivery> sign() {
        const Source::Kind place =
            profile_.signature.empty() ? Source::Kind::digest : profile_.signature.front().kind;
        if (profile_.is_builtin()) {
            return Error{"profile \"" + profile_.name +
                         "\" is special code; it can be verified but not signed here"};
        }
        if (place != Source::Kind::header && place != Source::Kind::numbered) {
            return Error{"profile \"" + profile_.name +
                         "\" carries its signature outside a header field; it can be verified but "
                         "not signed here"};
        }
        if (profile_.timestamp && profile_.timestamp->kind == Source::Kind::header) {
            set(profile_.timestamp->name, time_);
        }
        if (!profile_.id.empty() && profile_.id.front().kind == Source::Kind::header &&
            !delivery_.id.empty()) {
            set(profile_.id.front().name, delivery_.id);
        }
        const Status required = add_requirement();
        if (!required) {
            return required.error();
        }
        auto signature = signature_text();
        if (!signature) {
            return signature.error();
        }
        const Source& where = profile_.signature.front();
        set(where.name + (place == Source::Kind::numbered ? "1" : ""),
            with_fields(profile_.prefix + *signature));
        if (profile_.body == BodyForm::gunzip) {
            set("Content-Encoding", "gzip");
        }
        return std::move(out_);
    }

  private:
    void set(std::string_view name, std::string_view value) {
        std::erase_if(out_.fields, [&](const auto& f) { return ascii_iequals(f.first, name); });
        out_.fields.emplace_back(std::string(name), std::string(value));
    }

    // What the profile compares besides the signature: put where it looks for it.
    Status add_requirement() {
        if (!profile_.require) {
            return Done{};
        }
        auto value = text_of(profile_.require->equals);
        if (!value) {
            return value.error();
        }
        const Source& where = profile_.require->source;
        if (where.kind == Source::Kind::header) {
            set(where.name, *value);
        } else if (where.kind == Source::Kind::query) {
            if (form_value(query_of(out_.target), where.name, false, &memory_).state ==
                FormFind::absent) {
                out_.target += out_.target.find('?') == std::string::npos ? "?" : "&";
                out_.target += where.name + "=" + *value;
            }
        }
        return Done{};
    }

    // Schemes with name-value items: the time and then the signature, as every known sender does.
    std::string with_fields(const std::string& signature) const {
        if (profile_.kv.empty()) {
            return signature;
        }
        std::string text;
        if (profile_.timestamp && profile_.timestamp->kind == Source::Kind::sig_field) {
            text = profile_.timestamp->name + profile_.kv + time_ + profile_.split;
        }
        const std::string key = profile_.keys.empty() ? "v1" : profile_.keys.front();
        return text + key + profile_.kv + signature;
    }

    Result<std::string> signature_text() {
        if (profile_.type == SchemeType::token) {
            return std::string(key_.secret->bytes().reveal());
        }
        if (profile_.type == SchemeType::basic) {
            return "Basic " +
                   base64_encode(key_.secret->bytes().data(), key_.secret->bytes().size());
        }
        auto message = text_of(profile_.message);
        if (!message) {
            return message.error();
        }
        auto signature = sign_text(*message);
        wipe(message->data(), message->size());
        if (!signature) {
            return signature.error();
        }
        return encoded(*signature);
    }

    Result<Bytes> sign_text(const std::string& message) const {
        if (profile_.asymmetric()) {
            return key_.private_key->sign(signature_scheme(profile_.type), profile_.algorithm,
                                          message);
        }
        if (profile_.type == SchemeType::hash) {
            return digest(profile_.algorithm, message);
        }
        Bytes mac(digest_size(profile_.algorithm));
        HmacStream stream(key_.secret->hmac());
        stream.update(message);
        stream.finish(mac.data());
        return mac;
    }

    std::string encoded(const Bytes& mac) const {
        std::string hex = hex_encode(mac);
        switch (profile_.encoding) {
            case Encoding::base64:
                return base64_encode(mac.data(), mac.size());
            case Encoding::base64url:
                return base64url_encode(mac.data(), mac.size());
            case Encoding::hex_in_base64:
                return base64_encode(as_bytes(hex), hex.size());
            case Encoding::base64_percent:
                return percent_encode(base64_encode(mac.data(), mac.size()));
            case Encoding::hex:
                break;
        }
        if (profile_.hex_case == HexCase::upper) {
            for (char& c : hex) {
                c = c >= 'a' ? static_cast<char>(c - 'a' + 'A') : c;
            }
        }
        return hex;
    }

    Result<std::string> text_of(const Template& parts) {
        std::string message;
        for (const Part& part : parts.parts) {
            auto text = part_text(part);
            if (!text) {
                return text.error();
            }
            message += *text;
        }
        return message;
    }

    std::string url() const {
        return profile_.url.empty() ? std::string(delivery_.head.scheme) + "://" +
                                          std::string(delivery_.head.host) + out_.target
                                    : profile_.url;
    }

    Result<std::string> part_text(const Part& part) {
        switch (part.kind) {
            case Part::Kind::literal:
                return part.text;
            case Part::Kind::timestamp:
                return time_text();
            case Part::Kind::method:
                return std::string(delivery_.head.method);
            case Part::Kind::path:
                return out_.target;
            case Part::Kind::url:
                return url();
            case Part::Kind::url_hubspot:
                return std::string(hubspot_url(url(), &memory_));
            case Part::Kind::header:
                return header_text(part.text);
            case Part::Kind::query:
                return found(form_value(query_of(out_.target), part.text, false, &memory_),
                             "query argument \"" + part.text + "\"");
            case Part::Kind::secret:
                return std::string(key_.secret->bytes().reveal());
            case Part::Kind::body:
                return body_text();
            case Part::Kind::body_sha256_hex:
                return hex_encode(digest(DigestAlgorithm::sha256, delivery_.body));
            case Part::Kind::body_crc32:
                return std::to_string(crc32_update(0, delivery_.body));
            case Part::Kind::json:
            case Part::Kind::json_or_nothing:
            case Part::Kind::json_raw:
            case Part::Kind::json_php:
                return json_part(part);
            case Part::Kind::form:
                return found(form_value(delivery_.body, part.text, true, &memory_),
                             "form field \"" + part.text + "\"");
            case Part::Kind::form_sorted: {
                const auto sorted = form_sorted(delivery_.body, &memory_);
                return sorted ? Result<std::string>(std::string(*sorted))
                              : absent("form in the body");
            }
            case Part::Kind::sig_field:
                break;
        }
        return absent("text");
    }

    // As the profile's body= spells it, but for gunzip: there the body given is what is inside.
    Result<std::string> body_text() const {
        std::string out;
        JsonEscape escape;
        if (profile_.body != BodyForm::json_escape) {
            return std::string(delivery_.body);
        }
        const bool good =
            escape.feed(delivery_.body, [&out](std::string_view piece) { out += piece; });
        return good && escape.whole() ? Result<std::string>(std::move(out)) : absent("UTF-8 body");
    }

    // A timestamp of the body or the query is what stands there already.
    Result<std::string> time_text() {
        const Source& time = *profile_.timestamp;
        if (time.kind == Source::Kind::json) {
            return json_text(time.slot, time.name);
        }
        if (time.kind == Source::Kind::form) {
            return found(form_value(delivery_.body, time.name, true, &memory_), "timestamp");
        }
        if (time.kind == Source::Kind::query) {
            return found(form_value(query_of(out_.target), time.name, false, &memory_),
                         "timestamp");
        }
        return time_;
    }

    Result<std::string> json_part(const Part& part) {
        if (part.kind == Part::Kind::json) {
            return json_text(part.slot, part.text);
        }
        if (part.kind == Part::Kind::json_or_nothing) {
            const JsonValue value = json_.value(part.slot);
            const bool nothing =
                value.state == JsonValue::State::absent || value.state == JsonValue::State::null;
            return nothing && json_.whole() ? Result<std::string>(std::string())
                                            : json_text(part.slot, part.text);
        }
        const auto span = json_.span(part.slot);
        if (!span) {
            return absent("value \"" + part.text + "\" in the body");
        }
        const std::string_view raw = delivery_.body.substr(span->begin, span->end - span->begin);
        if (part.kind == Part::Kind::json_raw) {
            return std::string(raw);
        }
        const auto spelt = php_json(raw, &memory_);
        return spelt ? Result<std::string>(std::string(*spelt)) : absent("UTF-8 body");
    }

    Result<std::string> json_text(std::size_t slot, const std::string& path) const {
        const JsonValue value = json_.value(slot);
        return value.state == JsonValue::State::found
                   ? Result<std::string>(std::string(value.text))
                   : absent("value \"" + path + "\" in the body");
    }

    Result<std::string> found(const FormValue& value, const std::string& what) const {
        return value.state == FormFind::found ? Result<std::string>(std::string(value.text))
                                              : absent(what);
    }

    Error absent(const std::string& what) const {
        return Error{"profile \"" + profile_.name + "\" signs a " + what +
                     ", which the delivery has not"};
    }

    // A signed header field that is neither the time nor the id has to be one already written.
    Result<std::string> header_text(const std::string& name) const {
        for (const auto& [field, value] : out_.fields) {
            if (ascii_iequals(field, name)) {
                return value;
            }
        }
        return Error{"profile \"" + profile_.name + "\" signs the header field \"" + name +
                     "\"; give the delivery an id, or that field"};
    }

    const Profile& profile_;
    const SigningKey& key_;
    const Delivery& delivery_;
    std::pmr::monotonic_buffer_resource memory_;
    std::string time_;
    JsonPicker json_;
    SignedDelivery out_;
};

}  // namespace

std::string timestamp_text(std::int64_t time_ms, TimeFormat format) {
    using namespace std::chrono;
    const sys_time<milliseconds> time{milliseconds{time_ms}};
    const auto day = floor<days>(time);
    const year_month_day date{day};
    const hh_mm_ss clock{floor<seconds>(time - day)};
    const auto number = [](auto value) { return static_cast<int>(value); };
    char text[64] = "";
    switch (format) {
        case TimeFormat::unix_s:
            return std::to_string(time_ms / 1000);
        case TimeFormat::unix_ms:
            return std::to_string(time_ms);
        case TimeFormat::iso8601:
            std::snprintf(text, sizeof(text), "%04d-%02u-%02uT%02d:%02d:%02dZ", number(date.year()),
                          unsigned{date.month()}, unsigned{date.day()},
                          number(clock.hours().count()), number(clock.minutes().count()),
                          number(clock.seconds().count()));
            return text;
        case TimeFormat::http_date: {
            constexpr std::array kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
            constexpr std::array kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
            std::snprintf(text, sizeof(text), "%s, %02u %s %04d %02d:%02d:%02d GMT",
                          kDays[weekday{day}.c_encoding()], unsigned{date.day()},
                          kMonths[unsigned{date.month()} - 1], number(date.year()),
                          number(clock.hours().count()), number(clock.minutes().count()),
                          number(clock.seconds().count()));
            return text;
        }
    }
    return text;
}

Result<SigningKey> SigningKey::make(const Profile& profile, const Secret& text) {
    SigningKey out;
    if (!profile.asymmetric()) {
        auto secret = SecretKey::make(profile, text);
        if (!secret) {
            return secret.error();
        }
        out.secret.emplace(std::move(*secret));
        return out;
    }
    auto key = PrivateKey::from_pem(text);
    if (!key) {
        return Error{"the sender signs with its private key: " + key.message()};
    }
    out.private_key = std::move(*key);
    return out;
}

Result<SignedDelivery> sign(const Profile& profile, const SigningKey& key,
                            const Delivery& delivery) {
    return Signer(profile, key, delivery).sign();
}

}  // namespace sallyport::policy::webhook
