#include "module/policy/control_token.hpp"

#include "common/bytes.hpp"
#include "common/crypto.hpp"
#include "module/policy/auth_file.hpp"

#include <algorithm>

namespace sallyport::policy {
namespace {

constexpr std::string_view kPrefix = "sha256:";
constexpr std::size_t kNameBytesMax = 64;

bool is_plain(std::string_view name) {
    return name.size() <= kNameBytesMax &&
           std::all_of(name.begin(), name.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

Result<ControlToken> parse_line(std::string_view line) {
    const std::string_view hash = next_word(line);
    if (!hash.starts_with(kPrefix)) {
        return Error{
            "a line is not \"sha256:<64 hex digits> [name]\"; make one with: "
            "sallyport token"};
    }
    ControlToken token;
    const auto size =
        hex_decode_to(hash.substr(kPrefix.size()), std::span(token.sha256), HexCase::any);
    if (size != token.sha256.size()) {
        return Error{
            "\"sha256:\" must be followed by 64 hex digits; make a line with: "
            "sallyport token"};
    }
    if (!is_plain(line)) {
        return Error{"a token's name has at most " + std::to_string(kNameBytesMax) +
                     " printable ASCII characters"};
    }
    token.name = line.empty() ? "unnamed" : std::string(line);
    return token;
}

}  // namespace

Result<std::vector<ControlToken>> parse_control_tokens(std::string_view text,
                                                       std::string_view source) {
    std::vector<ControlToken> tokens;
    const auto take = [&](std::string_view line) -> Status {
        auto token = parse_line(line);
        if (!token) {
            return token.error();
        }
        if (tokens.size() == kControlTokensMax) {
            return Error{"more than " + std::to_string(kControlTokensMax) +
                         " tokens; remove old ones"};
        }
        tokens.push_back(std::move(*token));
        return Done{};
    };
    if (const Status status = for_each_entry(text, take, source); !status) {
        return status.error();
    }
    if (tokens.empty()) {
        return Error{std::string(source) + " holds no token; make one with: sallyport token"};
    }
    return tokens;
}

const ControlToken* find_control_token(const std::vector<ControlToken>& tokens,
                                       std::string_view presented) {
    if (presented.empty() || presented.size() > kControlTokenBytesMax) {
        return nullptr;
    }
    const Bytes hash = digest(DigestAlgorithm::sha256, presented);
    const ControlToken* found = nullptr;
    for (const ControlToken& token : tokens) {
        const std::string_view known(reinterpret_cast<const char*>(token.sha256.data()),
                                     token.sha256.size());
        if (constant_time_equal(known, as_text(hash))) {
            found = &token;
        }
    }
    return found;
}

std::string control_token_line(std::string_view token, std::string_view name) {
    std::string line(kPrefix);
    line += hex_encode(digest(DigestAlgorithm::sha256, token));
    if (!name.empty()) {
        line.append(" ").append(name);
    }
    return line;
}

std::string_view bearer_token(std::string_view authorization) {
    constexpr std::string_view kScheme = "bearer ";
    if (authorization.size() <= kScheme.size() ||
        !ascii_iequals(authorization.substr(0, kScheme.size()), kScheme)) {
        return {};
    }
    return trim_ows(authorization.substr(kScheme.size()));
}

}  // namespace sallyport::policy
