// The SMTP piece: a step's input as a message and the server it goes to. Pure: libcurl speaks to
// the server and encodes the parts (adapters/smtp_steps.hpp). Sources: RFC 5322, RFC 2047.
#pragma once

#include "common/json.hpp"
#include "common/result.hpp"
#include "common/secret.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::engine {

inline constexpr std::string_view kSmtpPiece = "@activepieces/piece-smtp";
inline constexpr std::uint16_t kSmtpTlsPort = 465;  // TLS from the first byte; RFC 8314

struct MailServer {
    std::string host;
    std::int64_t port = 0;
    std::string user;
    Secret password;
    bool tls = false;  // no mail without it
};
// `auth` is the connection's value or its properties: {host, port, email, password, TLS}.
Result<MailServer> mail_server(const Json& auth);

struct MailAttachment {
    std::string name;
    std::string type;
    std::string data;
};
struct Mail {
    std::string from;                     // the address alone
    std::vector<std::string> recipients;  // to, cc and bcc: addresses alone
    std::vector<std::string> headers;     // whole fields, folded where they are long
    std::string body;
    bool html = false;
    std::vector<MailAttachment> attachments;
    std::string message_id;
};
// Fails on addresses and fields that would change the message's structure.
Result<Mail> mail_of(const Json& input, std::string_view message_id, std::int64_t now_ms);

// Text in a field: as it is when it is plain, else in encoded words.
std::string mail_words(std::string_view text);

}  // namespace sallyport::engine
