// The signature vectors as the integration tests use them: raw requests and what must come of them.
#pragma once

#include "common/bytes.hpp"
#include "common/file_text.hpp"
#include "common/json.hpp"
#include "tests/integration/fixtures/http_client.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace sallyport::test {

struct SignatureVector {
    std::string id;
    std::string scheme;
    std::string config;
    std::vector<std::string> params;  // param:NAME=value
    std::vector<std::string> secrets;
    std::string method;
    std::string url;
    std::string path;
    HeaderList headers;  // without Host
    std::string body;
    std::int64_t now_s = 0;
    std::string expect;  // valid, invalid or stale
};

inline const Json& vector_file() {
    static const Json file = [] {
        const auto text = read_file_text(SALLYPORT_VECTORS_DIR "/webhook-signatures.json", 8 << 20);
        return Json::parse(text.value()).value();
    }();
    return file;
}

inline std::string from_base64(std::string_view text) {
    return std::string(as_text(base64_decode(text).value()));
}

inline SignatureVector vector_from(const Json& json) {
    SignatureVector out;
    out.id = json["id"].text();
    out.scheme = json["scheme"].text();
    out.config = json["config"].text();
    out.method = json["method"].text();
    out.url = json["url"].text();
    out.path = json["path"].text();
    out.now_s = json["now_unix"].integer_or(0);
    out.expect = json["expect"].text();
    json["params"].each_member([&](std::string_view name, const Json& value) {
        out.params.push_back("param:" + std::string(name) + "=" + std::string(value.text()));
    });
    const auto secret = [&](const Json& each) { out.secrets.emplace_back(each.text()); };
    json["secret"].is_array() ? json["secret"].each_element(secret) : secret(json["secret"]);
    json["headers"].each_member([&](std::string_view name, const Json& value) {
        if (ascii_iequals(name, "host")) {
            return;
        }
        const auto field = [&](const Json& each) { out.headers.emplace_back(name, each.text()); };
        value.is_array() ? value.each_element(field) : field(value);
    });
    const Json repeat = json["body_repeat"];
    if (!repeat) {
        out.body = from_base64(json["body_base64"].text());
        return out;
    }
    out.body = from_base64(repeat["prefix_base64"].text());
    const std::string fill = from_base64(repeat["fill_base64"].text());
    for (std::int64_t i = 0; i < repeat["count"].integer_or(0); ++i) {
        out.body += fill;
    }
    out.body += from_base64(repeat["suffix_base64"].text());
    return out;
}

inline const std::vector<SignatureVector>& signature_vectors() {
    static const std::vector<SignatureVector> all = [] {
        std::vector<SignatureVector> out;
        vector_file()["vectors"].each_element(
            [&](const Json& each) { out.push_back(vector_from(each)); });
        return out;
    }();
    return all;
}

}  // namespace sallyport::test
