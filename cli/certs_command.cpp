// Fetches the certificates that nginx's workers ask for with notes in a folder, and calls the
// addresses that confirm a subscription of Amazon SNS. Runs beside nginx, as a service. Only the
// providers' own hosts are ever asked, over verified TLS, without redirects.
#include "cli/command.hpp"
#include "common/bytes.hpp"
#include "common/crypto.hpp"
#include "common/crypto_public_key.hpp"
#include "common/file_text.hpp"
#include "module/policy/webhook_builtin.hpp"

#include <curl/curl.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace sallyport::cli {
namespace {

namespace fs = std::filesystem;
namespace webhook = policy::webhook;

constexpr std::size_t kResponseBytesMax = 64 * 1024;
constexpr std::size_t kNoteBytesMax = 1024;
constexpr long kTimeoutS = 10;
constexpr auto kPause = std::chrono::milliseconds(250);

struct CertsOptions {
    std::string folder;
    std::string ca;                       // PEM file instead of the system's
    std::vector<std::string> connect_to;  // as curl's --connect-to
    bool once = false;
};

volatile std::sig_atomic_t stopped = 0;

struct CurlFree {
    void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

std::size_t append(char* data, std::size_t, std::size_t size, void* out) {
    auto& text = *static_cast<std::string*>(out);
    if (text.size() + size > kResponseBytesMax) {
        return 0;  // ends the transfer
    }
    text.append(data, size);
    return size;
}

Result<std::string> fetch(const CertsOptions& options, const std::string& url) {
    const std::unique_ptr<CURL, CurlFree> handle(curl_easy_init());
    if (handle == nullptr) {
        return Error{"libcurl cannot be started"};
    }
    std::string body;
    std::unique_ptr<curl_slist, CurlFree> connect_to;
    for (const std::string& each : options.connect_to) {
        connect_to.reset(curl_slist_append(connect_to.release(), each.c_str()));
    }
    curl_easy_setopt(handle.get(), CURLOPT_URL, url.c_str());
    curl_easy_setopt(handle.get(), CURLOPT_PROTOCOLS_STR, "https");
    curl_easy_setopt(handle.get(), CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(handle.get(), CURLOPT_TIMEOUT, kTimeoutS);
    curl_easy_setopt(handle.get(), CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(handle.get(), CURLOPT_WRITEFUNCTION, append);
    curl_easy_setopt(handle.get(), CURLOPT_WRITEDATA, &body);
    curl_easy_setopt(handle.get(), CURLOPT_CONNECT_TO, connect_to.get());
    if (!options.ca.empty()) {
        curl_easy_setopt(handle.get(), CURLOPT_CAINFO, options.ca.c_str());
    }
    const CURLcode code = curl_easy_perform(handle.get());
    long status = 0;
    curl_easy_getinfo(handle.get(), CURLINFO_RESPONSE_CODE, &status);
    if (code != CURLE_OK || status != 200) {
        return Error{url + ": " +
                     (code != CURLE_OK ? std::string(curl_easy_strerror(code))
                                       : "status " + std::to_string(status))};
    }
    return body;
}

// Written beside and moved into place, so that a worker never reads half of it.
Status keep(const CertsOptions& options, const std::string& url, const std::string& pem) {
    const auto key = PublicKey::from_pem(pem);
    if (!key) {
        return Error{url + ": " + key.message()};
    }
    const bool certificate = pem.find("-----BEGIN CERTIFICATE-----") != std::string::npos;
    if (!certificate || !key->valid_at(std::int64_t{std::time(nullptr)} * 1000)) {
        return Error{url + ": not a certificate that is valid now"};
    }
    const std::string path =
        options.folder + "/" + hex_encode(digest(DigestAlgorithm::sha256, url)) + ".pem";
    {
        std::ofstream out(path + ".new", std::ios::trunc | std::ios::binary);
        out << pem;
        if (!out.flush()) {
            return Error{"\"" + path + "\" cannot be written"};
        }
    }
    std::error_code error;
    fs::rename(path + ".new", path, error);
    return error ? Status(Error{"\"" + path + "\": " + error.message()}) : Status(Done{});
}

// An address that confirms a subscription: Amazon's, and nothing but that.
bool is_confirmation(const std::string& url) {
    const std::size_t query = url.find("/?Action=ConfirmSubscription&");
    return query != std::string::npos &&
           webhook::certificate_url_allowed(
               webhook::CertificateHosts::sns,
               url.substr(0, query) + "/SimpleNotificationService-0.pem");
}

Status serve_note(const CertsOptions& options, const fs::path& note) {
    auto text = read_file_text(note.string(), kNoteBytesMax);
    if (!text) {
        return text.error();
    }
    while (text->ends_with('\n')) {
        text->pop_back();
    }
    const bool call = note.filename().string().starts_with("call-");
    const bool allowed =
        call ? is_confirmation(*text)
             : webhook::certificate_url_allowed(webhook::CertificateHosts::sns, *text) ||
                   webhook::certificate_url_allowed(webhook::CertificateHosts::paypal, *text);
    if (!allowed) {
        return Error{"a note asks for an address that is no provider's"};
    }
    const auto body = fetch(options, *text);
    if (!body) {
        return body.error();
    }
    return call ? Status(Done{}) : keep(options, *text, *body);
}

// True when every note could be served.
bool serve_all(const CertsOptions& options) {
    bool good = true;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(options.folder, error)) {
        const std::string name = entry.path().filename().string();
        if (!entry.is_regular_file() || entry.is_symlink() ||
            (!name.starts_with("want-") && !name.starts_with("call-"))) {
            continue;
        }
        const Status served = serve_note(options, entry.path());
        if (!served) {
            std::fprintf(stderr, "sallyport: %s\n", served.message().c_str());
            good = false;
        }
        // Served or not: whoever still wants it asks again.
        std::error_code ignored;
        fs::remove(entry.path(), ignored);
    }
    if (error) {
        fail("\"" + options.folder + "\": " + error.message());
    }
    return good;
}

void run(const CertsOptions& options) {
    std::signal(SIGTERM, [](int) { stopped = 1; });
    std::signal(SIGINT, [](int) { stopped = 1; });
    curl_global_init(CURL_GLOBAL_DEFAULT);
    do {
        const bool good = serve_all(options);
        if (options.once) {
            if (!good) {
                stop(kFailed);
            }
            return;
        }
        std::this_thread::sleep_for(kPause);
    } while (stopped == 0);
}

}  // namespace

void add_certs(const Command& program) {
    auto options = std::make_shared<CertsOptions>();
    const Command command = program.command(
        "certs",
        "Fetches the certificates that the gateway asks for (sallyport_webhook_certificates)");
    command.option("folder", options->folder, "The folder of sallyport_webhook_certificates")
        .required();
    command.option("--ca", options->ca, "Trusted certificates in PEM, not the system's");
    command.option("--connect-to", options->connect_to,
                   "HOST1:PORT1:HOST2:PORT2: connect there instead (a proxy, a test)");
    command.flag("--once", options->once, "Serve what is asked for now, and end");
    command.run([options] { run(*options); });
}

}  // namespace sallyport::cli
