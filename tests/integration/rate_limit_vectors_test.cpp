// What the npm package `express-rate-limit` answered to bursts of requests
// (tests/vectors/express-rate-limit-bursts.json, by oracle/rate_limit_rows.cjs) against real nginx:
// the same requests pass, and the fields say the same.
#include "common/file_text.hpp"
#include "common/json.hpp"
#include "tests/integration/fixtures/http_client.hpp"
#include "tests/integration/fixtures/nginx_server.hpp"
#include "tests/integration/fixtures/upstream.hpp"
#include "tests/integration/webhook_clock.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <map>

namespace sallyport::test {
namespace {

using Numbers = std::map<std::string, long>;

constexpr std::size_t kRowsAtOnce = 50;  // so many zones and locations fit well
constexpr std::int64_t kEpochS = 1'800'000'000;
// A burst goes over two seconds, and our monotonic time runs on while the requests are made.
constexpr long kSlackS = 2;

std::string fields_of(const Json& options) {
    std::string out = options["legacyHeaders"].boolean_or(true) ? " legacy" : "";
    const Json standard = options["standardHeaders"];
    const std::string word(standard.text_or(""));
    if (word == "draft-8") {
        out += " draft-11";
    } else if (word == "draft-7") {
        out += " draft-07";
    } else if (word == "draft-6" || standard.boolean_or(false)) {
        out += " draft-06";
    }
    return out.empty() ? " off" : out;
}

std::string limit_of(const Json& options, const std::string& name) {
    const Json max = options[options.has("max") ? "max" : "limit"];
    std::string out =
        "sallyport_limit " + name + " window=" + std::to_string(options["windowMs"].integer_or(0)) +
        "ms max=" + std::to_string(max.integer_or(0)) +
        " zone_size=64k ipv6_prefix=" + std::to_string(options["ipv6Subnet"].integer_or(56));
    if (options["keyGenerator"].exists()) {
        out += " key=$http_x_client";
    }
    if (options["skipFailedRequests"].boolean_or(false)) {
        out += " skip_failed";
    }
    if (options["skipSuccessfulRequests"].boolean_or(false)) {
        out += " skip_successful";
    }
    return out + ";\n";
}

// One request of a row, and when it is sent.
struct Shot {
    std::size_t row;
    std::int64_t at_s;
    HttpRequest request;
    Json expected;
    std::string where;
};

bool is_counted(const std::string& name) {
    return name.find("RateLimit") != std::string::npos || name == "Retry-After";
}

// The numbers of a field by parameter, such as `"x"; r=2; t=900`; a lone number has no name.
Numbers numbers_of(const std::string& value) {
    Numbers out;
    if (value.find('=') == std::string::npos) {
        out[""] = std::strtol(value.c_str(), nullptr, 10);
        return out;
    }
    for (std::size_t at = value.find('='); at != std::string::npos; at = value.find('=', at + 1)) {
        std::size_t start = at;
        while (start > 0 && std::isalpha(static_cast<unsigned char>(value[start - 1])) != 0) {
            --start;
        }
        out[value.substr(start, at - start)] = std::strtol(value.c_str() + at + 1, nullptr, 10);
    }
    out.erase("pk");  // an address's plain hash, which we do not send
    out.erase("");    // the end of a Base64 text
    return out;
}

// Fields of both by name; Unix times become what is left of them.
std::map<std::string, Numbers> counted(const HeaderList& headers, std::int64_t now_s) {
    std::map<std::string, Numbers> out;
    for (const auto& [name, value] : headers) {
        if (is_counted(name)) {
            EXPECT_FALSE(out.contains(name)) << name << " is sent twice";
            out[name] = numbers_of(value);
            if (name == "X-RateLimit-Reset") {
                out[name][""] -= static_cast<long>(now_s);
            }
        }
    }
    return out;
}

HeaderList header_list(const Json& object) {
    HeaderList out;
    object.each_member([&](std::string_view name, const Json& value) {
        out.emplace_back(std::string(name), std::string(value.text_or("")));
    });
    return out;
}

void expect_same(const Shot& shot, const HttpResponse& response, std::int64_t now_s) {
    const bool refused = response.status == 429;
    EXPECT_EQ(response.status, shot.expected["status"].integer_or(0)) << shot.where;
    auto theirs = counted(header_list(shot.expected["headers"]), 0);
    auto ours = counted(response.headers, now_s);
    EXPECT_EQ(ours.contains("Retry-After"), refused) << shot.where;
    theirs.erase("Retry-After");  // theirs depends on the other fields
    ours.erase("Retry-After");
    for (const auto& [name, numbers] : theirs) {
        ASSERT_TRUE(ours.contains(name)) << shot.where << " lacks " << name;
        for (const auto& [parameter, number] : numbers) {
            const bool time = parameter == "t" || parameter == "reset" ||
                              (parameter.empty() && name.ends_with("Reset"));
            ASSERT_TRUE(ours[name].contains(parameter)) << shot.where << name << parameter;
            EXPECT_LE(std::abs(ours[name][parameter] - number), time ? kSlackS : 0)
                << shot.where << " " << name << " " << parameter << ": " << number << " / "
                << ours[name][parameter];
        }
        ours.erase(name);
    }
    EXPECT_TRUE(ours.empty()) << shot.where << " has " << ours.begin()->first;
}

void run_rows(const std::vector<Json>& rows, const std::string& backend) {
    std::string limits;
    std::string locations;
    std::vector<Shot> shots;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const Json options = rows[i]["options"];
        const std::string name = "row" + std::to_string(i);
        limits += limit_of(options, name);
        locations += "location /" + name + " { sallyport_rate_limit " + name +
                     "; sallyport_rate_limit_headers" + fields_of(options) +
                     "; proxy_pass http://" + backend + "; }\n";
        rows[i]["requests"].each_element([&](const Json& request) {
            Shot shot{i, request["at_s"].integer_or(0), {}, request["expect"], {}};
            shot.request.headers = {
                {"X-Forwarded-For", std::string(request["address"].text_or(""))},
                {"X-Client", std::string(request["client"].text_or(""))},
                {"X-Status", std::to_string(request["status"].integer_or(0))}};
            shot.request.url = "/" + name;
            shot.where = std::string(rows[i]["id"].text_or("")) + " at " +
                         std::to_string(shot.at_s) + " " + options.dump();
            shots.push_back(std::move(shot));
        });
    }
    std::stable_sort(shots.begin(), shots.end(),
                     [](const Shot& a, const Shot& b) { return a.at_s < b.at_s; });
    ClockedNginx nginx(limits + "server { listen 127.0.0.1:%%PORT%%; " +
                           "sallyport_trust_proxy 127.0.0.1;\n" + locations + "}",
                       {}, kEpochS);
    for (Shot& shot : shots) {
        nginx.set(kEpochS + shot.at_s);
        nginx.advance_timers(shot.at_s);
        shot.request.url = nginx->url(shot.request.url);
        expect_same(shot, send(shot.request), kEpochS + shot.at_s);
    }
}

TEST(RateLimitVectors, BurstsThroughRealNginx) {
    const char* other_rows = std::getenv("SALLYPORT_ROWS");  // scripts/compare-headers
    const auto text = read_file_text(other_rows != nullptr ? other_rows
                                                           : SALLYPORT_VECTORS_DIR
                                         "/express-rate-limit-bursts.json",
                                     32 << 20);
    ASSERT_TRUE(text.ok()) << text.message();
    const auto vectors = Json::parse(*text);
    ASSERT_TRUE(vectors.ok());
    Upstream upstream([](const UpstreamRequest& request) {
        UpstreamReply reply;
        reply.status = std::atoi(request.header("X-Status").value_or("0").c_str());
        reply.body = reply.status == 304 ? "" : "upstream\n";
        return reply;
    });
    std::vector<Json> batch;
    std::size_t count = 0;
    (*vectors)["rows"].each_element([&](const Json& row) {
        batch.push_back(row);
        if (batch.size() == kRowsAtOnce) {
            run_rows(batch, upstream.address());
            batch.clear();
        }
        ++count;
    });
    run_rows(batch, upstream.address());
    EXPECT_GE(count, 10u);
}

}  // namespace
}  // namespace sallyport::test
