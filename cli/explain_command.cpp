#include "cli/command.hpp"
#include "cli/control_client.hpp"
#include "cli/run_program.hpp"
#include "common/bytes.hpp"
#include "common/file_text.hpp"

#include <cstdio>
#include <filesystem>
#include <memory>

namespace sallyport::cli {
namespace {

constexpr std::size_t kBodyBytesMax = 16384;

struct ExplainOptions {
    ControlTarget control;
    std::string conf;
    std::string prefix;
    std::string nginx = "nginx";
    std::string method = "GET";
    std::string url;
    std::string address = "127.0.0.1";
    std::string listen;
    std::string tls;
    std::string body_file;
    std::vector<std::string> headers;
};

Json description_of(const ExplainOptions& options) {
    Json headers = Json::array();
    for (const std::string& line : options.headers) {
        const std::size_t colon = line.find(':');
        if (colon == std::string::npos) {
            fail("-H \"" + line + "\" is not \"Name: value\"", kUsage);
        }
        Json pair = Json::array();
        pair.append(Json::string(line.substr(0, colon)));
        pair.append(Json::string(trim_ows(std::string_view(line).substr(colon + 1))));
        headers.append(pair);
    }
    Json out = Json::object({{"method", Json::string(options.method)},
                             {"url", Json::string(options.url)},
                             {"address", Json::string(options.address)},
                             {"headers", headers}});
    if (!options.listen.empty()) {
        out.set("listen", Json::string(options.listen));
    }
    if (!options.tls.empty()) {
        out.set("tls", Json::string(options.tls));
    }
    if (!options.body_file.empty()) {
        const auto body = read_file_text(options.body_file, kBodyBytesMax);
        if (!body) {
            fail(body.message());
        }
        out.set("body", Json::string(*body));
    }
    return out;
}

// nginx reads the configuration as `nginx -t` does, and its module explains on standard output.
Json ask_nginx(const ExplainOptions& options, const Json& description) {
    std::vector<std::string> command = {options.nginx,
                                        "-t",
                                        "-q",
                                        "-e",
                                        "stderr",
                                        "-c",
                                        std::filesystem::absolute(options.conf).string()};
    if (!options.prefix.empty()) {
        command.insert(command.end(), {"-p", options.prefix});
    }
    const ProgramResult result = run_program(command, {{"SALLYPORT_EXPLAIN", description.dump()}});
    if (result.exit_code != 0) {
        std::fputs(result.errors.c_str(), stderr);
        fail(options.nginx + " does not accept " + options.conf);
    }
    const auto answer = Json::parse(result.output);
    if (!answer) {
        fail("nginx explained nothing: does " + options.conf +
             " load ngx_http_sallyport_module.so of this version?");
    }
    if (answer->has("error")) {
        fail(std::string((*answer)["error"].text()), kUsage);
    }
    return *answer;
}

void run(const ExplainOptions& options) {
    if (options.conf.empty() == options.control.url.empty()) {
        fail("give either --conf (a configuration) or --control (a running gateway)", kUsage);
    }
    const Json description = description_of(options);
    const Json answer = options.conf.empty()
                            ? ask_control(options.control, "POST", "/explain", description)
                            : ask_nginx(options, description);
    std::printf("%s\n", answer.dump_pretty().c_str());
}

}  // namespace

void add_explain(const Command& program) {
    auto options = std::make_shared<ExplainOptions>();
    const Command command = program.command(
        "explain", "Says what the gateway would do with a request, and why; counts nothing");
    command.option("--conf", options->conf, "The nginx configuration to ask");
    command.option("--prefix", options->prefix, "nginx's prefix (-p) for --conf");
    command.option("--nginx", options->nginx, "The nginx program for --conf").shows_default();
    add_control_options(command, options->control);
    command.option("--url", options->url, "The request's absolute URL").required();
    command.option("--method", options->method, "Its method").shows_default();
    command.option("--ip", options->address, "The client's address, or unix:").shows_default();
    command.option("-H,--header", options->headers, "A header field, \"Name: value\"")
        .one_value_each();
    command.option("--body", options->body_file, "A file with the request's body");
    command.option("--listen", options->listen,
                   "The port that receives it, when it is not the URL's");
    command.option("--tls", options->tls, "TLSv1.2 or TLSv1.3 (the default)");
    command.run([options] { run(*options); });
}

}  // namespace sallyport::cli
