#include "cli/control_client.hpp"

#include "common/file_text.hpp"
#include "common/secret.hpp"

#include <curl/curl.h>

#include <memory>

namespace sallyport::cli {
namespace {

constexpr std::size_t kAnswerBytesMax = std::size_t{16} << 20;
constexpr long kTimeoutMs = 10'000;

std::size_t collect(char* data, std::size_t size, std::size_t count, void* to) {
    auto& out = *static_cast<std::string*>(to);
    if (out.size() + size * count > kAnswerBytesMax) {
        return 0;
    }
    out.append(data, size * count);
    return size * count;
}

std::string authorization(const std::string& token_file) {
    auto token = read_secret_file(token_file);
    if (!token) {
        fail(token.message());
    }
    return "Authorization: Bearer " + std::string(token->reveal());
}

// What the gateway, or the engine, says is wrong.
std::string told_by(const Json& answer) {
    for (const Json& text : {answer["detail"], answer["reason"], answer["message"],
                             answer["params"]["message"], answer["code"]}) {
        if (text.is_string()) {
            return std::string(text.text());
        }
    }
    return {};
}

}  // namespace

Option add_control_options(const Command& command, ControlTarget& target) {
    const Option url =
        command.option("--control", target.url, "The URL of a running gateway's control location");
    command.option("--token-file", target.token_file, "Its token (mode 0600)");
    command.option("--unix-socket", target.unix_socket,
                   "Connect to this socket instead of the URL's host");
    command.option("--ca", target.ca_file, "The CA of an https control URL");
    return url;
}

std::string query_value(std::string_view text) {
    const std::unique_ptr<char, decltype(&curl_free)> encoded(
        curl_easy_escape(nullptr, text.data(), static_cast<int>(text.size())), curl_free);
    if (!encoded) {
        fail("libcurl cannot be used");
    }
    return encoded.get();
}

Json ask_control(const ControlTarget& target, const std::string& method, const std::string& path,
                 const Json& body) {
    const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl(curl_easy_init(),
                                                                   curl_easy_cleanup);
    if (!curl) {
        fail("libcurl cannot be used");
    }
    std::string base = target.url;
    while (base.ends_with('/')) {
        base.pop_back();
    }
    curl_slist* headers = curl_slist_append(nullptr, "Content-Type: application/json");
    if (!target.token_file.empty()) {
        std::string line = authorization(target.token_file);
        headers = curl_slist_append(headers, line.c_str());
        wipe(line.data(), line.size());
    }
    const std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> owned(headers,
                                                                            curl_slist_free_all);
    const std::string url = base + path;
    const std::string text = body.exists() ? body.dump() : std::string();
    std::string answer;
    curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
    curl_easy_setopt(curl.get(), CURLOPT_CUSTOMREQUEST, method.c_str());
    curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT_MS, kTimeoutMs);
    curl_easy_setopt(curl.get(), CURLOPT_PROXY, "");
    curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, collect);
    curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &answer);
    if (!text.empty()) {
        curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDS, text.c_str());
    }
    if (!target.unix_socket.empty()) {
        curl_easy_setopt(curl.get(), CURLOPT_UNIX_SOCKET_PATH, target.unix_socket.c_str());
    }
    if (!target.ca_file.empty()) {
        curl_easy_setopt(curl.get(), CURLOPT_CAINFO, target.ca_file.c_str());
    }
    const CURLcode code = curl_easy_perform(curl.get());
    if (code != CURLE_OK) {
        fail(url + ": " + curl_easy_strerror(code));
    }
    long status = 0;
    curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
    const auto parsed = Json::parse(answer);
    if (status < 200 || status > 299) {
        fail(url + " answered " + std::to_string(status) + ": " +
             (parsed ? told_by(*parsed) : std::string()));
    }
    if (!parsed) {
        fail(url + " answered something else than JSON");
    }
    return *parsed;
}

}  // namespace sallyport::cli
