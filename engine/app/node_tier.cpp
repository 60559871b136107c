#include "engine/app/node_tier.hpp"

#include <filesystem>
#include <utility>
#include <variant>

namespace sallyport::engine {
namespace {

PackageFoldersOptions folder_options(const Config& config) {
    PackageFoldersOptions options;
    std::error_code error;
    options.root = std::filesystem::absolute(config.data_dir, error).string() + "/packages";
    options.may_fetch = config.pieces_may_be_fetched;
    options.npm = config.npm;
    options.environment = config.npm_environment;
    return options;
}

HostedStepsOptions step_options(const Config& config) {
    HostedStepsOptions options;
    options.code = config.node_code;
    options.memory_bytes = config.node_memory_bytes;
    options.code_timeout_ms = static_cast<std::uint32_t>(config.code_timeout_ms);
    options.pause_ms_max = config.pause_ms_max;
    return options;
}

// The host's request as the API gets it from a client.
WebRequest to_web_request(const HttpRequest& request) {
    WebRequest web;
    web.method = request.method;
    web.target = "/" + request.url.substr(kInternalOrigin.size());
    for (const HttpHeader& header : request.headers) {
        web.headers.push_back({header.name, header.value});
    }
    web.body = request.body;
    return web;
}

HttpResponse to_http_response(WebResponse web, const std::string& url) {
    HttpResponse response;
    response.status = web.status;
    for (WebHeader& header : web.headers) {
        response.headers.push_back({std::move(header.name), std::move(header.value)});
    }
    response.body = std::move(web.body);
    response.url = url;
    return response;
}

}  // namespace

std::string public_url_of(const Config& config) {
    std::string url = config.public_url;
    if (url.empty() && config.listen.unix_path.empty()) {
        url = "http://" + config.listen.to_string();
    }
    while (url.ends_with('/')) {
        url.pop_back();
    }
    return url;
}

Result<NodeboxOptions> NodeTier::check(const Config& config) {
    const Result<std::string> node = find_node(config.node_path, config.search_path);
    if (!node.ok()) {
        return Error{"AP_EXECUTION_MODE needs Node.js: " + node.message()};
    }
    NodeboxOptions options;
    options.node_path = *node;
    options.launcher_path = config.nodebox_path;
    options.jailed = config.node_jailed;
    options.idle_max = config.node_idle_max;
    std::error_code error;
    options.scratch_root = std::filesystem::absolute(config.data_dir, error).string() + "/scratch";
    const Status probed = probe_nodebox(options);
    if (!probed.ok()) {
        return Error{
            "AP_EXECUTION_MODE: Node cannot be walled in on this machine: " + probed.message() +
            ". Allow user namespaces (in a container: --security-opt "
            "seccomp=unconfined or --cap-add SYS_ADMIN), or run code steps alone with "
            "SANDBOX_CODE_ONLY"};
    }
    return options;
}

NodeTier::NodeTier(Ports ports, const Config& config, NodeboxOptions options)
    : pool_(ports.loop, &ports.http, std::move(options)),
      folders_(ports.loop, ports.log, folder_options(config)),
      pieces_({pool_, folders_, ports.archives, ports.sandbox, ports.secrets,
               [&clock = ports.clock, key = std::make_shared<HmacKey>(DigestAlgorithm::sha256,
                                                                      config.jwt_secret.reveal())](
                   const std::string& project_id) {
                   return Api::engine_token(project_id, clock.now_ms(), *key);
               }},
              {config.node_memory_bytes, public_url_of(config)}),
      steps_(pool_, folders_, pieces_, step_options(config)) {}

void NodeTier::connect(Api& api) {
    pool_.answer_internal([&api](HttpRequest request, std::function<void(HttpOutcome)> done) {
        const std::string url = request.url;
        api.handle_internal(to_web_request(request),
                            [url, done = std::move(done)](WebResponse response) {
                                done(to_http_response(std::move(response), url));
                            });
    });
}

}  // namespace sallyport::engine
