#include "engine/core/pieces/smtp.hpp"

#include "common/bytes.hpp"
#include "engine/core/date_text.hpp"
#include "engine/core/file_input.hpp"
#include "engine/core/pieces/input.hpp"
#include "engine/core/pieces/table.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace sallyport::engine {
namespace {

constexpr std::size_t kAddressBytesMax = 254;  // RFC 5321 section 4.5.3.1
constexpr std::size_t kRecipientsMax = 100;    // what servers take at least, same section
constexpr std::size_t kMailBytesMax = 25u << 20;
// Of UTF-8 in one encoded word: 75 characters with its frame (RFC 2047 section 2).
constexpr std::size_t kWordBytes = 42;

bool is_plain(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

bool has_controls(std::string_view text) {
    return std::any_of(text.begin(), text.end(),
                       [](char c) { return (static_cast<unsigned char>(c) < 0x20) || c == 0x7f; });
}

bool is_address(std::string_view text) {
    const std::size_t at = text.rfind('@');
    if (text.size() > kAddressBytesMax || at == std::string_view::npos || at == 0 || at > 64) {
        return false;
    }
    const std::string_view local = text.substr(0, at);
    const std::string_view domain = text.substr(at + 1);
    const bool good_local = std::all_of(local.begin(), local.end(), [](char c) {
        return c > ' ' && c <= '~' &&
               std::string_view("\"(),:;<>@[\\]").find(c) == std::string_view::npos;
    });
    const bool good_domain = std::all_of(domain.begin(), domain.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '.';
    });
    return good_local && good_domain && !domain.empty() && domain.front() != '.' &&
           domain.back() != '.' && domain.find("..") == std::string_view::npos;
}

struct Mailbox {
    std::string name;
    std::string address;
};

// `a@b.c`, or `Name <a@b.c>`.
Result<Mailbox> mailbox_of(std::string_view field, std::string_view text) {
    Mailbox box;
    text = trim_ows(text);
    const std::size_t open = text.find('<');
    if (open != std::string_view::npos && text.ends_with('>')) {
        std::string_view name = trim_ows(text.substr(0, open));
        if (name.size() >= 2 && name.starts_with('"') && name.ends_with('"')) {
            name = name.substr(1, name.size() - 2);
        }
        box.name = name;
        text = text.substr(open + 1, text.size() - open - 2);
    }
    box.address = text;
    if (!is_address(box.address) || has_controls(box.name)) {
        return input_error(field, "Expected an e-mail address, received: " + std::string(text));
    }
    return box;
}

std::string shown(const Mailbox& box) {
    if (box.name.empty()) {
        return box.address;
    }
    if (!is_plain(box.name)) {
        return mail_words(box.name) + " <" + box.address + ">";
    }
    std::string quoted;
    for (const char c : box.name) {
        quoted += c == '"' || c == '\\' ? std::string("\\") + c : std::string(1, c);
    }
    return "\"" + quoted + "\" <" + box.address + ">";
}

Result<std::vector<Mailbox>> mailboxes(const Json& input, std::string_view field) {
    const Json value = input[field];
    Json list = Json::array();
    if (value.is_string() && !value.text().starts_with('[')) {
        for_each_split(value.text(), ',', [&list](std::string_view one) {
            if (!trim_ows(one).empty()) {
                list.append(Json::string(one));
            }
        });
    } else {
        const Result<Json> given = input_list(input, field);
        if (!given.ok()) {
            return given.error();
        }
        list = *given;
    }
    std::vector<Mailbox> boxes;
    std::optional<Error> problem;
    list.each_element([&](const Json& one) {
        const Result<Mailbox> box = mailbox_of(field, value_text(one));
        if (!box.ok()) {
            problem = problem ? problem : box.error();
        } else {
            boxes.push_back(*box);
        }
    });
    return problem ? Result<std::vector<Mailbox>>(*problem) : boxes;
}

// One address a line: a line of a message has an end.
std::string address_field(std::string_view name, const std::vector<Mailbox>& boxes) {
    std::string field = std::string(name) + ": ";
    for (std::size_t i = 0; i < boxes.size(); ++i) {
        field += (i == 0 ? "" : ",\r\n ") + shown(boxes[i]);
    }
    return field;
}

std::string date_field(std::int64_t now_ms) {
    return "Date: " + write_date(now_ms / 1000, now_ms / 1000, "ddd, DD MMM YYYY HH:mm:ss") +
           " +0000";
}

// What the message's own fields and parts say.
bool is_own_field(std::string_view name) {
    constexpr std::array<std::string_view, 13> kOwn = {"bcc",
                                                       "cc",
                                                       "content-transfer-encoding",
                                                       "content-type",
                                                       "date",
                                                       "from",
                                                       "message-id",
                                                       "mime-version",
                                                       "received",
                                                       "return-path",
                                                       "sender",
                                                       "subject",
                                                       "to"};
    return std::find(kOwn.begin(), kOwn.end(), ascii_lower(name)) != kOwn.end();
}

Status add_custom_fields(const Json& given, std::vector<std::string>& headers) {
    std::optional<Error> problem;
    given.each_member([&](std::string_view name, const Json& value) {
        const std::string text = value_text(value);
        if (!is_token(name) || is_own_field(name) || has_controls(text) || text.size() > 900) {
            problem = input_error("customHeaders",
                                  "The header '" + std::string(name) + "' cannot be set");
            return;
        }
        headers.push_back(std::string(name) + ": " + mail_words(text));
    });
    return problem ? Status(*problem) : Status(Done{});
}

Status add_attachments(const Json& input, Mail& mail) {
    const Result<Json> list = input_list(input, "attachments");
    if (!list.ok()) {
        return list.error();
    }
    std::optional<Error> problem;
    std::size_t bytes = mail.body.size();
    list->each_element([&](const Json& one) {
        const Json value = one.is_object() && one.has("file") ? one["file"] : one;
        Result<InputFile> file = file_input("attachments", value);
        if (!file.ok()) {
            problem = problem ? problem : file.error();
            return;
        }
        const std::string name = *input_text_or(one, "name", file->name);
        if (has_controls(name)) {
            problem = input_error("attachments", "The name of an attachment cannot be sent");
            return;
        }
        bytes += file->data.size();
        mail.attachments.push_back({name, file->type, std::move(file->data)});
    });
    if (!problem && bytes > kMailBytesMax) {
        problem = Error{"The mail is larger than 25 MB"};
    }
    return problem ? Status(*problem) : Status(Done{});
}

Status add_people(const Json& input, Mail& mail) {
    auto from = mailbox_of("from", *input_text_or(input, "from", ""));
    const auto to = mailboxes(input, "to");
    const auto cc = mailboxes(input, "cc");
    const auto bcc = mailboxes(input, "bcc");
    if (!from.ok() || !to.ok() || !cc.ok() || !bcc.ok()) {
        return !from.ok() ? from.error()
               : !to.ok() ? to.error()
               : !cc.ok() ? cc.error()
                          : bcc.error();
    }
    const std::string sender = *input_text_or(input, "senderName", from->name);
    if (has_controls(sender)) {
        return input_error("senderName", "Expected a name on one line");
    }
    from->name = sender;
    mail.from = from->address;
    for (const auto* boxes : {&*to, &*cc, &*bcc}) {
        for (const Mailbox& box : *boxes) {
            mail.recipients.push_back(box.address);
        }
    }
    if (to->empty() || mail.recipients.size() > kRecipientsMax) {
        return input_error("to", "Expected 1 to 100 recipients");
    }
    mail.headers = {address_field("From", {*from}), address_field("To", *to)};
    if (!cc->empty()) {
        mail.headers.push_back(address_field("Cc", *cc));
    }
    const std::string reply_to = *input_text_or(input, "replyTo", "");
    if (!reply_to.empty()) {
        const auto box = mailbox_of("replyTo", reply_to);
        if (!box.ok()) {
            return box.error();
        }
        mail.headers.push_back(address_field("Reply-To", {*box}));
    }
    return Done{};
}

}  // namespace

std::string mail_words(std::string_view text) {
    if (is_plain(text)) {
        return std::string(text);
    }
    std::string out;
    while (!text.empty()) {
        std::size_t size = std::min(kWordBytes, text.size());
        // Not in the middle of a character.
        while (size > 0 && size < text.size() &&
               (static_cast<unsigned char>(text[size]) & 0xc0) == 0x80) {
            --size;
        }
        out += (out.empty() ? "=?UTF-8?B?" : "\r\n =?UTF-8?B?") +
               base64_encode(as_bytes(text.substr(0, size)), size) + "?=";
        text.remove_prefix(size);
    }
    return out;
}

Result<MailServer> mail_server(const Json& auth) {
    const Json props = auth["props"].is_object() ? auth["props"] : auth;
    const auto host = input_text(props, "host");
    const auto port = input_whole(props, "port", 1, 65535);
    if (!props.is_object() || !host.ok() || !port.ok()) {
        return Error{"The step needs a connection to an SMTP server: " +
                     (host.ok() ? port.ok() ? std::string("auth is missing") : port.message()
                                : host.message())};
    }
    MailServer server;
    server.host = *host;
    server.port = *port;
    server.user = *input_text_or(props, "email", "");
    server.password = Secret(*input_text_or(props, "password", ""));
    server.tls = input_flag(props, "TLS");
    return server;
}

Result<Mail> mail_of(const Json& input, std::string_view message_id, std::int64_t now_ms) {
    Mail mail;
    mail.message_id = message_id;
    const Status people = add_people(input, mail);
    if (!people.ok()) {
        return people.error();
    }
    const auto subject = input_text(input, "subject");
    const auto body = input_text(input, "body");
    const auto type = input_choice(input, "body_type", "plain_text", {"plain_text", "html"});
    if (!subject.ok() || !body.ok() || !type.ok()) {
        return !subject.ok() ? subject.error() : !body.ok() ? body.error() : type.error();
    }
    if (has_controls(*subject) || subject->size() > 900) {
        return input_error("subject", "Expected one line of at most 900 bytes");
    }
    mail.headers.push_back("Subject: " + mail_words(*subject));
    mail.headers.push_back(date_field(now_ms));
    mail.headers.push_back("Message-ID: <" + mail.message_id + ">");
    const Status custom = add_custom_fields(input["customHeaders"], mail.headers);
    if (!custom.ok()) {
        return custom.error();
    }
    mail.body = *body;
    mail.html = *type == "html";
    const Status attached = add_attachments(input, mail);
    return attached.ok() ? Result<Mail>(std::move(mail)) : attached.error();
}

const NativePiece kSmtpNative = {R"json({
 "name":"@activepieces/piece-smtp","version":"0.3.0","displayName":"SMTP",
 "description":"Send e-mail by a server of your own","categories":["COMMUNICATION"],
 "auth":["CUSTOM_AUTH","Connection",true,{"props":{
  "host":["SHORT_TEXT","Host",true],"email":["SHORT_TEXT","Email",false],"password":["SECRET_TEXT","Password",false],
  "port":["NUMBER","Port",true],"TLS":["CHECKBOX","Require TLS?",true,{"defaultValue":false}]}}],
 "actions":{
  "send-email":{"displayName":"Send Email","description":"Sends a message","props":{
   "from":["SHORT_TEXT","From Email",true],"senderName":["SHORT_TEXT","Sender Name",false],
   "to":["ARRAY","To",true],"cc":["ARRAY","CC",false],"replyTo":["SHORT_TEXT","Reply To",false],"bcc":["ARRAY","BCC",false],
   "subject":["SHORT_TEXT","Subject",true],
   "body_type":["STATIC_DROPDOWN","Body Type",true,{"defaultValue":"plain_text","options":[["plain text","plain_text"],["html","html"]]}],
   "body":["LONG_TEXT","Body",true],"customHeaders":["OBJECT","Custom Headers",false],
   "attachments":["ARRAY","Attachments",false,{"properties":{"file":["FILE","File",true],"name":["SHORT_TEXT","Attachment Name",false]}}]}}},
 "triggers":{}
})json",
                                 {{"send-email"}}};

}  // namespace sallyport::engine
