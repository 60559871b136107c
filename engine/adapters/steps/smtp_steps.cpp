// The SMTP piece's steps by libcurl: one connection a message, to a checked address. Credentials go
// over TLS alone, unless the operator let the engine reach a server in its own network.
#include "common/socket_address.hpp"
#include "engine/adapters/steps/service_steps.hpp"
#include "engine/core/pieces/smtp.hpp"
#include "engine/core/url_host.hpp"

#include <curl/curl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>

namespace sallyport::engine {
namespace {

constexpr std::int64_t kSendTimeMs = 60'000;
constexpr long kConnectTimeoutMs = 15'000;
constexpr std::size_t kReplyBytesMax = 1000;
// Those that mail servers usually have.
const std::vector<std::uint16_t> kSmtpPorts = {25, kSmtpTlsPort, 587, 2525};

struct CurlDelete {
    void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
    void operator()(curl_mime* mime) const { curl_mime_free(mime); }
};
using Easy = std::unique_ptr<CURL, CurlDelete>;
using List = std::unique_ptr<curl_slist, CurlDelete>;
using Mime = std::unique_ptr<curl_mime, CurlDelete>;

void append(List& list, const std::string& text) {
    curl_slist* const longer = curl_slist_append(list.get(), text.c_str());
    if (longer != nullptr) {
        static_cast<void>(list.release());
        list.reset(longer);
    }
}

// What the callbacks of one transfer see.
struct Sending {
    const ServiceAddress& address;
    const StepStop& stop;
    std::string reply;  // the server's last line
};

int on_progress(void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
    return static_cast<Sending*>(self)->stop.asked() ? 1 : 0;
}

std::size_t on_reply(char* text, std::size_t size, std::size_t count, void* self) {
    std::string& reply = static_cast<Sending*>(self)->reply;
    reply.assign(text, std::min(size * count, kReplyBytesMax));
    while (!reply.empty() && (reply.back() == '\n' || reply.back() == '\r')) {
        reply.pop_back();
    }
    return size * count;
}

// The address is looked at once more, whatever libcurl made of the list it was given.
curl_socket_t on_open(void* self, curlsocktype, curl_sockaddr* to) {
    const auto& allowed = static_cast<Sending*>(self)->address.addresses;
    const auto address = ip_of(&to->addr);
    if (!address || std::find(allowed.begin(), allowed.end(), *address) == allowed.end()) {
        return CURL_SOCKET_BAD;
    }
    return ::socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

void set_guards(CURL* easy, Sending& sending, const ServiceSteps& services) {
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    curl_easy_setopt(easy, CURLOPT_PROXY, "");  // also switches the environment's proxies off
    curl_easy_setopt(easy, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    if (!services.ca_file.empty()) {
        curl_easy_setopt(easy, CURLOPT_CAINFO, services.ca_file.c_str());
    }
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, kConnectTimeoutMs);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS,
                     static_cast<long>(std::max<std::int64_t>(1, sending.stop.left_ms())));
    curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, &on_progress);
    curl_easy_setopt(easy, CURLOPT_XFERINFODATA, &sending);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &on_reply);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, &sending);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, &on_open);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, &sending);
}

List resolve_list(const ServiceAddress& address) {
    std::string entry = address.host + ":" + std::to_string(address.port) + ":";
    for (std::size_t i = 0; i < address.addresses.size(); ++i) {
        entry += (i == 0 ? "" : ",") + url_host(address.addresses[i].to_string());
    }
    List list;
    append(list, entry);
    return list;
}

void add_part(curl_mime* mime, const std::string& data, const std::string& type,
              const std::string& name) {
    curl_mimepart* const part = curl_mime_addpart(mime);
    curl_mime_data(part, data.data(), data.size());
    curl_mime_type(part, type.c_str());
    curl_mime_encoder(part, name.empty() ? "quoted-printable" : "base64");
    if (!name.empty()) {
        curl_mime_filename(part, name.c_str());
    }
}

Mime mime_of(CURL* easy, const Mail& mail) {
    Mime mime(curl_mime_init(easy));
    add_part(mime.get(), mail.body,
             mail.html ? "text/html; charset=utf-8" : "text/plain; charset=utf-8", "");
    for (const MailAttachment& attachment : mail.attachments) {
        add_part(mime.get(), attachment.data, attachment.type, attachment.name);
    }
    return mime;
}

Json strings(const std::vector<std::string>& texts) {
    Json list = Json::array();
    for (const std::string& text : texts) {
        list.append(Json::string(text));
    }
    return list;
}

StepResult sent(const Mail& mail, const std::string& reply) {
    const Json to = strings(mail.recipients);
    return step_succeeded(
        Json::object({{"accepted", to},
                      {"rejected", Json::array()},
                      {"envelope", Json::object({{"from", Json::string(mail.from)}, {"to", to}})},
                      {"messageId", Json::string("<" + mail.message_id + ">")},
                      {"response", Json::string(reply)}}));
}

std::string problem_of(CURLcode code, const Sending& sending) {
    const std::string reply =
        sending.reply.empty() ? "" : " (the server said: " + sending.reply + ")";
    switch (code) {
        case CURLE_LOGIN_DENIED:
            return "The server refused the user or the password" + reply;
        case CURLE_USE_SSL_FAILED:
            return "The server offers no TLS";
        case CURLE_OPERATION_TIMEDOUT:
        case CURLE_ABORTED_BY_CALLBACK:
            return "The server did not answer in time";
        case CURLE_COULDNT_CONNECT:
            return "Nobody answers at the server's address";
        default:
            return std::string(curl_easy_strerror(code)) + reply;
    }
}

// `domain` is what the client calls itself.
void set_server(CURL* easy, const MailServer& server, const ServiceAddress& address,
                const std::string& domain) {
    const bool at_once = address.port == kSmtpTlsPort;
    const std::string url = (at_once ? "smtps://" : "smtp://") + url_host(address.host) + ":" +
                            std::to_string(address.port) + "/" + domain;
    const bool must = server.tls || (!server.user.empty() && !address.is_private);
    curl_easy_setopt(easy, CURLOPT_URL, url.c_str());
    curl_easy_setopt(easy, CURLOPT_USE_SSL,
                     static_cast<long>(must ? CURLUSESSL_ALL : CURLUSESSL_TRY));
    if (!server.user.empty()) {
        curl_easy_setopt(easy, CURLOPT_USERNAME, server.user.c_str());
        curl_easy_setopt(easy, CURLOPT_PASSWORD, std::string(server.password.reveal()).c_str());
    }
}

std::string domain_of(const std::string& address) {
    return address.substr(address.rfind('@') + 1);
}

StepResult send_mail(const ServiceSteps& services, const MailServer& server, const Mail& mail,
                     const ServiceAddress& address, const StepStop& stop) {
    const Easy easy(curl_easy_init());
    if (easy == nullptr) {
        return step_failed("No memory to send a mail", FailureKind::internal);
    }
    Sending sending{address, stop, {}};
    set_guards(easy.get(), sending, services);
    set_server(easy.get(), server, address, domain_of(mail.from));
    const List resolve = resolve_list(address);
    List recipients;
    for (const std::string& recipient : mail.recipients) {
        append(recipients, "<" + recipient + ">");
    }
    List headers;
    for (const std::string& header : mail.headers) {
        append(headers, header);
    }
    const Mime mime = mime_of(easy.get(), mail);
    curl_easy_setopt(easy.get(), CURLOPT_RESOLVE, resolve.get());
    curl_easy_setopt(easy.get(), CURLOPT_MAIL_FROM, ("<" + mail.from + ">").c_str());
    curl_easy_setopt(easy.get(), CURLOPT_MAIL_RCPT, recipients.get());
    curl_easy_setopt(easy.get(), CURLOPT_HTTPHEADER, headers.get());
    curl_easy_setopt(easy.get(), CURLOPT_MIMEPOST, mime.get());
    const CURLcode code = curl_easy_perform(easy.get());
    return code == CURLE_OK ? sent(mail, sending.reply)
                            : step_failed("smtp: " + problem_of(code, sending));
}

// As far as a command that does nothing.
StepResult greet(const ServiceSteps& services, const MailServer& server,
                 const ServiceAddress& address, const StepStop& stop) {
    const Easy easy(curl_easy_init());
    if (easy == nullptr) {
        return step_failed("No memory to ask the server", FailureKind::internal);
    }
    Sending sending{address, stop, {}};
    set_guards(easy.get(), sending, services);
    const bool named = server.user.find('@') != std::string::npos;
    set_server(easy.get(), server, address, named ? domain_of(server.user) : "localhost");
    const List resolve = resolve_list(address);
    curl_easy_setopt(easy.get(), CURLOPT_RESOLVE, resolve.get());
    curl_easy_setopt(easy.get(), CURLOPT_NOBODY, 1L);
    curl_easy_setopt(easy.get(), CURLOPT_CUSTOMREQUEST, "NOOP");
    const CURLcode code = curl_easy_perform(easy.get());
    return code == CURLE_OK ? step_succeeded(Json::object())
                            : step_failed("smtp: " + problem_of(code, sending));
}

// The same for every repetition of one attempt, so that a mail sent twice is seen to be one.
std::string message_id_of(const StepCall& call, const Json& input) {
    std::string id = call.idempotency_key;
    std::replace_if(
        id.begin(), id.end(), [](char c) { return c == ':' || c == '/' || c == ' '; }, '.');
    const std::string_view from = input["from"].text();
    const std::size_t at = from.rfind('@');
    const std::string_view rest = at == std::string_view::npos ? "" : from.substr(at + 1);
    const std::string_view domain = rest.substr(0, rest.find_first_of("> \r\n"));
    return id + "@" + std::string(domain);
}

}  // namespace

StepCancel verify_smtp(ServiceSteps& services, const Json& auth, const std::string& tenant,
                       std::int64_t time_ms, StepDone done) {
    Result<MailServer> server = mail_server(auth);
    if (!server.ok()) {
        done(step_failed(server.message()));
        return {};
    }
    const auto to = std::make_shared<MailServer>(*std::move(server));
    return perform_at(
        services, to->host, to->port, kSmtpPorts, tenant, time_ms,
        [&services, to](const ServiceAddress& address, const StepStop& stop) {
            return greet(services, *to, address, stop);
        },
        std::move(done));
}

StepCancel perform_smtp(ServiceSteps& services, const StepCall& call, StepDone done) {
    Result<MailServer> server = mail_server(call.input["auth"]);
    if (!server.ok()) {
        done(step_failed(server.message()));
        return {};
    }
    Result<Mail> mail = mail_of(call.input, message_id_of(call, call.input), call.now_ms);
    if (!mail.ok()) {
        done(step_failed(mail.message()));
        return {};
    }
    const auto to = std::make_shared<MailServer>(*std::move(server));
    const auto what = std::make_shared<Mail>(*std::move(mail));
    return perform_at(
        services, to->host, to->port, kSmtpPorts, call.project_id,
        std::min(kSendTimeMs, call.time_left_ms),
        [&services, to, what](const ServiceAddress& address, const StepStop& stop) {
            return send_mail(services, *to, *what, address, stop);
        },
        std::move(done));
}

}  // namespace sallyport::engine
