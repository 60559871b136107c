// The signature vectors as C++ values, and one way to run a request through the verifier.
#pragma once

#include "common/file_text.hpp"
#include "common/json.hpp"
#include "module/policy/webhook_verify.hpp"

#include <functional>
#include <memory_resource>
#include <string>
#include <utility>
#include <vector>

namespace sallyport::policy::webhook::test {

struct SignedRequest {
    std::string method = "POST";
    std::string target = "/hook";
    std::string scheme = "https";
    std::string host = "example.com";
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;
    std::int64_t now_s = 1'767'225'600;
};

struct Vector {
    std::string id;
    std::string config;
    std::vector<std::string> secrets;
    SignedRequest request;
    std::string expect;  // valid, invalid or stale
    std::string replay_id;
    bool replay_id_authenticated = false;
};

inline std::string decode_base64(std::string_view text) {
    return std::string(as_text(base64_decode(text).value()));
}

inline std::string body_of(const Json& vector) {
    const Json repeat = vector["body_repeat"];
    if (!repeat) {
        return decode_base64(vector["body_base64"].text());
    }
    std::string body = decode_base64(repeat["prefix_base64"].text());
    const std::string fill = decode_base64(repeat["fill_base64"].text());
    for (std::int64_t i = 0; i < repeat["count"].integer_or(0); ++i) {
        body += fill;
    }
    return body + decode_base64(repeat["suffix_base64"].text());
}

inline Vector vector_from(const Json& json) {
    Vector out;
    out.id = json["id"].text();
    out.config = json["config"].text();
    json["params"].each_member([&](std::string_view name, Json value) {
        out.config += " param:" + std::string(name) + "=" + std::string(value.text());
    });
    out.expect = json["expect"].text();
    out.replay_id = json["replay_id"].text();
    out.replay_id_authenticated = json["replay_id_authenticated"].is_true();
    if (json["secret"].is_array()) {
        json["secret"].each_element([&](Json s) { out.secrets.emplace_back(s.text()); });
    } else {
        out.secrets.emplace_back(json["secret"].text());
    }
    SignedRequest& request = out.request;
    request.method = json["method"].text();
    request.target = json["path"].text();
    const std::string url(json["url"].text());
    const std::size_t host = url.find("://") + 3;
    request.scheme = url.substr(0, host - 3);
    request.host = url.substr(host, url.find('/', host) - host);
    json["headers"].each_member([&](std::string_view name, Json value) {
        if (value.is_array()) {
            value.each_element([&](Json v) { request.headers.emplace_back(name, v.text()); });
        } else {
            request.headers.emplace_back(name, value.text());
        }
    });
    request.body = body_of(json);
    request.now_s = json["now_unix"].integer_or(0);
    return out;
}

inline const Json& vector_file() {
    static const Json file = [] {
        const auto text = read_file_text(SALLYPORT_VECTORS_DIR "/webhook-signatures.json", 8 << 20);
        return Json::parse(text.value()).value();
    }();
    return file;
}

inline const std::vector<Vector>& vectors() {
    static const std::vector<Vector> all = [] {
        std::vector<Vector> out;
        vector_file()["vectors"].each_element([&](Json v) { out.push_back(vector_from(v)); });
        return out;
    }();
    return all;
}

// What the verifier said, with copies of what it lends.
struct Answer {
    Reason reason = Reason::none;
    int secret_index = -1;
    std::string id;
    bool id_authenticated = false;
    bool before_body = false;
    std::vector<std::string> replay_texts;
    ReplayIdentity::Kind replay_kind{};
};

inline std::vector<SecretKey> keys_of(const Profile& profile,
                                      const std::vector<std::string>& texts) {
    std::vector<SecretKey> out;
    for (const std::string& text : texts) {
        auto key = SecretKey::make(profile, Secret(text));
        if (!key) {
            throw std::runtime_error(key.message());
        }
        out.push_back(std::move(*key));
    }
    return out;
}

// `piece`: how many bytes of the body arrive at a time.
inline Answer run(const Profile& profile, std::span<const SecretKey> keys,
                  const SignedRequest& request, std::size_t piece = 4096,
                  ReplayKeyChoice choice = ReplayKeyChoice::automatic) {
    std::pmr::monotonic_buffer_resource memory;
    Verification verification(profile, keys, &memory);
    for (const auto& [name, value] : request.headers) {
        verification.offer_header(name, value);
    }
    Answer answer;
    const std::int64_t now_ms = request.now_s * 1000;
    answer.reason =
        verification.begin({request.method, request.target, request.scheme, request.host}, now_ms);
    answer.before_body = answer.reason != Reason::none;
    for (std::size_t at = 0; at < request.body.size() && answer.reason == Reason::none;
         at += piece) {
        answer.reason = verification.update(std::string_view(request.body).substr(at, piece));
    }
    if (answer.reason != Reason::none) {
        return answer;
    }
    const Outcome outcome = verification.finish(
        now_ms, verification.needs_whole_body() ? std::string_view(request.body) : "");
    answer.reason = outcome.reason;
    answer.secret_index = outcome.secret_index;
    answer.id = outcome.id;
    answer.id_authenticated = outcome.id_authenticated;
    if (outcome.reason == Reason::none) {
        const ReplayIdentity identity = verification.replay_identity(choice);
        answer.replay_kind = identity.kind;
        for (std::size_t i = 0; i < identity.count; ++i) {
            answer.replay_texts.emplace_back(identity.texts[i]);
        }
    }
    return answer;
}

inline std::string verdict_of(Reason reason) {
    if (reason == Reason::none) {
        return "valid";
    }
    const bool time =
        reason == Reason::webhook_timestamp_stale || reason == Reason::webhook_timestamp_future;
    return time ? "stale" : "invalid";
}

}  // namespace sallyport::policy::webhook::test
