#include "module/policy/webhook_sign.hpp"

#include <array>
#include <chrono>
#include <cstdio>

#include "common/bytes.hpp"
#include "common/crypto.hpp"

namespace sallyport::policy::webhook {
namespace {

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

class Signer {
public:
    Signer(const Profile& profile, const SecretKey& secret, const Delivery& delivery)
        : profile_(profile),
          secret_(secret),
          delivery_(delivery),
          time_(timestamp_text(delivery.time_ms, profile.time_format)) {}

    Result<HeaderFields> sign() {
        if (profile_.signature.empty() ||
            profile_.signature.front().kind != Source::Kind::header) {
            return Error{"profile \"" + profile_.name +
                         "\" carries its signature outside a plain header field; it can be "
                         "verified but not signed here"};
        }
        if (profile_.timestamp && profile_.timestamp->kind == Source::Kind::header) {
            set(profile_.timestamp->name, time_);
        }
        if (!profile_.id.empty() && profile_.id.front().kind == Source::Kind::header &&
            !delivery_.id.empty()) {
            set(profile_.id.front().name, delivery_.id);
        }
        auto signature = signature_text();
        if (!signature) {
            return signature.error();
        }
        set(profile_.signature.front().name, with_fields(profile_.prefix + *signature));
        return fields_;
    }

private:
    void set(std::string_view name, std::string_view value) {
        fields_.emplace_back(std::string(name), std::string(value));
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

    Result<std::string> signature_text() const {
        switch (profile_.type) {
            case SchemeType::token:
                return std::string(secret_.bytes().reveal());
            case SchemeType::basic:
                return "Basic " +
                       base64_encode(secret_.bytes().data(), secret_.bytes().size());
            case SchemeType::hash:
            case SchemeType::hmac:
                break;
        }
        auto message = message_text();
        if (!message) {
            return message.error();
        }
        Bytes mac;
        if (profile_.type == SchemeType::hash) {
            mac = digest(profile_.algorithm, *message);
        } else {
            mac.resize(digest_size(profile_.algorithm));
            HmacStream stream(secret_.hmac());
            stream.update(*message);
            stream.finish(mac.data());
        }
        wipe(message->data(), message->size());
        return encoded(mac);
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

    Result<std::string> message_text() const {
        std::string message;
        for (const Part& part : profile_.message.parts) {
            auto text = part_text(part);
            if (!text) {
                return text.error();
            }
            message += *text;
        }
        return message;
    }

    Result<std::string> part_text(const Part& part) const {
        switch (part.kind) {
            case Part::Kind::literal:
                return part.text;
            case Part::Kind::timestamp:
                return time_;
            case Part::Kind::method:
                return std::string(delivery_.head.method);
            case Part::Kind::path:
                return std::string(delivery_.head.target);
            case Part::Kind::url:
                return profile_.url.empty()
                           ? std::string(delivery_.head.scheme) + "://" +
                                 std::string(delivery_.head.host) +
                                 std::string(delivery_.head.target)
                           : profile_.url;
            case Part::Kind::header:
                return header_text(part.text);
            case Part::Kind::secret:
                return std::string(secret_.bytes().reveal());
            case Part::Kind::body:
                return std::string(delivery_.body);
            case Part::Kind::body_sha256_hex:
                return hex_encode(digest(DigestAlgorithm::sha256, delivery_.body));
            case Part::Kind::url_hubspot:
            case Part::Kind::query:
            case Part::Kind::sig_field:
            case Part::Kind::body_crc32:
            case Part::Kind::json:
            case Part::Kind::form:
            case Part::Kind::form_sorted:
                break;
        }
        return Error{"profile \"" + profile_.name +
                     "\" signs parts of the request that cannot be made up here"};
    }

    // A signed header field that is neither the time nor the id has to be one already written.
    Result<std::string> header_text(const std::string& name) const {
        for (const auto& [field, value] : fields_) {
            if (ascii_iequals(field, name)) {
                return value;
            }
        }
        return Error{"profile \"" + profile_.name + "\" signs the header field \"" + name +
                     "\"; give the delivery an id"};
    }

    const Profile& profile_;
    const SecretKey& secret_;
    const Delivery& delivery_;
    std::string time_;
    HeaderFields fields_;
};

}  // namespace

Result<HeaderFields> sign(const Profile& profile, const SecretKey& secret,
                          const Delivery& delivery) {
    return Signer(profile, secret, delivery).sign();
}

}  // namespace sallyport::policy::webhook
