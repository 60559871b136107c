// A gateway whose limits show how it fares with its Redis, and clients that ask it without pause.
#pragma once

#include "tests/integration/fixtures/http_client.hpp"
#include "tests/integration/fixtures/nginx_server.hpp"

#include <atomic>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace sallyport::test {

// %%REDIS%% is the test's: URL and options.
inline constexpr std::string_view kHttp = R"(
    sallyport_redis main %%REDIS%%;
    sallyport_limit wide rate=1000000r/d key=$arg_k store=main mode=strict;
    sallyport_limit few rate=5r/d key=$arg_k store=main mode=strict;
    server {
        listen 127.0.0.1:%%PORT%%;
        add_header X-Where $sallyport_rate_limit_store always;
        location / { sallyport_rate_limit wide; empty_gif; }
        location /few { sallyport_rate_limit few; empty_gif; }
    }
)";

inline constexpr const char* kPatient = " budget=500ms backoff=20ms backoff_max=100ms";

inline NginxOptions options_for(const std::string& redis, int workers = 1) {
    NginxOptions out;
    out.variables = {{"REDIS", redis}};
    out.workers = workers;
    return out;
}

inline std::string where(const NginxServer& nginx, const std::string& path = "/?k=probe") {
    return get(nginx.url(path)).header("X-Where").value_or("");
}

inline bool recovered(const NginxServer& nginx) {
    return wait_until([&] { return where(nginx) == "main"; });
}

// Clients that ask until told to stop; what they saw.
class Crowd {
  public:
    Crowd(const NginxServer& nginx, int count) {
        for (int i = 0; i < count; ++i) {
            threads_.emplace_back([this, url = nginx.url("/?k=crowd")] {
                HttpClient client;
                while (!stopping_) {
                    const HttpResponse response = client.get(url);
                    const std::string store = response.header("X-Where").value_or("");
                    (response.status != 200 ? bad : store == "main" ? by_redis : by_fallback)++;
                }
            });
        }
    }
    ~Crowd() { stop(); }
    void stop() {
        stopping_ = true;
        for (std::thread& thread : threads_) {
            thread.join();
        }
        threads_.clear();
    }
    // True once Redis has decided `more` requests from now on.
    bool served(long more) {
        const long before = by_redis;
        return wait_until([&] { return by_redis > before + more; });
    }

    std::atomic<long> by_redis{0};
    std::atomic<long> by_fallback{0};
    std::atomic<long> bad{0};

  private:
    std::atomic<bool> stopping_{false};
    std::vector<std::thread> threads_;
};

}  // namespace sallyport::test
