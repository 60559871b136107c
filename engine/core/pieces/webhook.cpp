#include "engine/core/pieces/webhook.hpp"

#include "common/bytes.hpp"
#include "common/crypto.hpp"
#include "engine/core/form_json.hpp"
#include "engine/core/multipart.hpp"
#include "engine/core/pieces/table.hpp"
#include "engine/core/pieces/wait.hpp"
#include "engine/core/runs/record.hpp"

#include <algorithm>
#include <array>

namespace sallyport::engine {
namespace {

// Bodies that have to be stored as files before a flow can refer to them.
bool is_file_type(std::string_view type) {
    constexpr std::array<std::string_view, 5> kExact = {
        "application/pdf", "application/zip", "application/gzip", "application/octet-stream",
        "multipart/form-data"};
    return type.starts_with("image/") || type.starts_with("video/") || type.starts_with("audio/") ||
           std::find(kExact.begin(), kExact.end(), type) != kExact.end();
}

Json headers_json(const std::vector<WebHeader>& headers) {
    Json object = Json::object();
    for (const WebHeader& header : headers) {
        const std::string name = ascii_lower(header.name);
        const Json before = object[name];
        const std::string value =
            before.exists() ? std::string(before.text()) + ", " + header.value : header.value;
        object.set(name, Json::string(value));
    }
    return object;
}

std::string scalar_text(const Json& value) {
    return value.is_string() ? std::string(value.text()) : value.dump();
}

Result<int> status_from(const Json& value) {
    if (!value.exists() || value.is_null() || (value.is_string() && value.text().empty())) {
        return 200;
    }
    const auto from_text = value.is_string() ? parse_u64(trim_ows(value.text())) : std::nullopt;
    const auto status = from_text
                            ? static_cast<std::int64_t>(std::min<std::uint64_t>(*from_text, 1000))
                            : static_cast<std::int64_t>(value.number_or(0));
    if (status < 200 || status > 599) {
        return Error{"status must be a number from 200 to 599, received: " + scalar_text(value)};
    }
    return static_cast<int>(status);
}

// A text that is JSON is meant as JSON.
Json parsed_or_text(const Json& body) {
    if (!body.is_string()) {
        return body.exists() ? body : Json::null();
    }
    const Result<Json> parsed = Json::parse(body.text());
    return parsed.ok() ? *parsed : body;
}

// The scheme's name is of either case (RFC 9110 section 11.1). Settings that name nobody let nobody
// in.
bool has_basic_pair(const Json& fields, std::string_view header) {
    constexpr std::string_view kScheme = "basic ";
    const std::string pair =
        scalar_text(fields["username"]) + ":" + scalar_text(fields["password"]);
    const std::string wanted = base64_encode(as_bytes(pair), pair.size());
    return pair != ":" && ascii_iequals(header.substr(0, kScheme.size()), kScheme) &&
           constant_time_equal(wanted, trim_ows(header.substr(kScheme.size())));
}

// The header holds `prefix` and the HMAC of the raw body. Hexadecimal digits of either case count.
bool is_signed(const Json& fields, const Json& headers, std::string_view body) {
    const std::string secret = scalar_text(fields["secret"]);
    const auto algorithm = digest_from_name(fields["algorithm"].text_or("sha256"));
    const std::string_view encoding = fields["encoding"].text_or("hex");
    const std::string name = ascii_lower(fields["headerName"].text_or("x-signature"));
    const std::string_view prefix = fields["prefix"].text_or("");
    std::string_view sent = headers[name].text();
    if (!fields["secret"].exists() || secret.empty() || !algorithm ||
        *algorithm == DigestAlgorithm::md5 || !sent.starts_with(prefix)) {
        return false;
    }
    sent.remove_prefix(prefix.size());
    const std::optional<Bytes> signature = encoding == "hex"      ? hex_decode(sent, HexCase::any)
                                           : encoding == "base64" ? base64_decode(sent)
                                                                  : std::nullopt;
    return signature &&
           constant_time_equal(as_text(hmac(*algorithm, secret, body)), as_text(*signature));
}

// What the server itself writes, and what only the gateway may write.
bool is_reserved_header(std::string_view name) {
    constexpr std::array<std::string_view, 9> kReserved = {
        "connection", "content-length", "date",    "keep-alive",       "server",
        "te",         "trailer",        "upgrade", "transfer-encoding"};
    const std::string lower = ascii_lower(name);
    return lower.starts_with("x-accel-") || lower.starts_with("x-sallyport-") ||
           std::find(kReserved.begin(), kReserved.end(), lower) != kReserved.end();
}

constexpr std::string_view kFormType = "multipart/form-data";

// Values by their names, those of one name as a list; files as where they lie.
Json form_body(const std::vector<MultipartPart>& parts, const std::vector<std::string>& urls) {
    Json body = Json::object();
    std::size_t file = 0;
    for (const MultipartPart& part : parts) {
        const Json value = part.file_name && file < urls.size() ? Json::string(urls[file])
                                                                : Json::string(part.data);
        file += part.file_name ? 1 : 0;
        const std::string name = member_name(part.name);
        const Json before = body[name];
        if (!before.exists()) {
            body.set(name, value);
        } else if (before.is_array()) {
            Json(before).append(value);
        } else {
            Json both = Json::array();
            both.append(before);
            both.append(value);
            body.set(name, both);
        }
    }
    return body;
}

// Of a body that carries files.
WebhookPayload payload_with_files(const WebRequest& request, std::string_view type,
                                  const std::vector<std::string>& urls) {
    Json body = Json::object();
    if (type == kFormType) {
        const auto parts = parse_multipart(request.header("content-type"), request.body);
        if (!parts.ok()) {
            return {{}, {400, "FST_INVALID_MULTIPART_CONTENT_TYPE", parts.message()}};
        }
        body = form_body(*parts, urls);
    } else {
        body.set("fileUrl", Json::string(urls.empty() ? std::string() : urls.front()));
    }
    return {Json::object({{"method", Json::string(request.method)},
                          {"headers", headers_json(request.headers)},
                          {"body", body},
                          {"queryParams", form_to_json(parse_form(request.query()))}}),
            {}};
}

}  // namespace

Result<std::vector<WebhookFile>> webhook_files(const WebRequest& request) {
    const std::string type = media_type(request.header("content-type"));
    std::vector<WebhookFile> files;
    if (request.body.empty() || !is_file_type(type)) {
        return files;
    }
    if (type != kFormType) {
        files.push_back({"file", request.body});
        return files;
    }
    const auto parts = parse_multipart(request.header("content-type"), request.body);
    if (!parts.ok()) {
        return parts.error();
    }
    for (const MultipartPart& part : *parts) {
        if (part.file_name) {
            files.push_back({part.file_name->empty() ? "file" : *part.file_name, part.data});
        }
    }
    return files;
}

WebhookPayload webhook_payload(const WebRequest& request, const std::vector<std::string>& urls) {
    const std::string type = media_type(request.header("content-type"));
    Json body = Json::object();
    if (!request.body.empty() && is_file_type(type)) {
        return payload_with_files(request, type, urls);
    }
    if (request.body.empty()) {
        // An empty object, whatever the type says.
    } else if (is_json_media_type(type)) {
        Result<Json> parsed = Json::parse(request.body);
        if (!parsed.ok() || is_too_deep(*parsed)) {
            return {{},
                    {400, "FST_ERR_CTP_INVALID_JSON_BODY",
                     "Body is not valid JSON but content-type is set to 'application/json'"}};
        }
        body = *std::move(parsed);
    } else if (type == "application/x-www-form-urlencoded") {
        Result<Json> form = read_form(request.body);
        if (!form.ok()) {
            return {{}, {413, "FST_ERR_CTP_BODY_TOO_LARGE", form.message()}};
        }
        body = *std::move(form);
    } else {
        body = Json::string(request.body);
    }
    Json payload = Json::object({{"method", Json::string(request.method)},
                                 {"headers", headers_json(request.headers)},
                                 {"body", body},
                                 {"queryParams", form_to_json(parse_form(request.query()))},
                                 {"rawBody", Json::string(request.body)}});
    return {payload, {}};
}

bool webhook_authorized(const Json& trigger_input, const Json& payload) {
    const std::string_view type = trigger_input["authType"].text();
    const Json fields = trigger_input["authFields"];
    const Json headers = payload["headers"];
    if (type == "basic") {
        return has_basic_pair(fields, headers["authorization"].text());
    }
    if (type == "header") {
        const std::string name = ascii_lower(fields["headerName"].text());
        const std::string_view value = fields["headerValue"].text();
        return !name.empty() && !value.empty() && constant_time_equal(value, headers[name].text());
    }
    if (type == "hmac") {
        return is_signed(fields, headers, payload["rawBody"].text());
    }
    // A kind this engine does not know must not let everyone in.
    return type.empty() || type == "none";
}

Result<WebhookReply> webhook_reply(const Json& input) {
    const Json fields = input["fields"];
    const Result<int> status = status_from(fields["status"]);
    if (!status.ok()) {
        return status.error();
    }
    Json headers = fields["headers"].is_object() ? fields["headers"].deep_copy() : Json::object();
    Json response = Json::object({{"status", Json::integer(*status)}, {"headers", headers}});
    const std::string_view type = input["responseType"].text_or("json");
    const Json body = fields["body"];
    if (type == "json") {
        response.set("body", parsed_or_text(body));
    } else if (type == "raw") {
        response.set("body", body.exists() ? body : Json::string(""));
    } else if (type == "redirect") {
        const std::string url = scalar_text(body);
        const bool absolute = url.starts_with("http://") || url.starts_with("https://");
        response.set("status", Json::integer(301));
        headers.set("Location", Json::string(absolute ? url : "https://" + url));
    } else {
        return Error{"responseType must be json, raw or redirect, received: " + std::string(type)};
    }
    return WebhookReply{response, input["respond"].text_or("stop") != "respond"};
}

WebResponse to_web_response(const Json& response) {
    WebResponse answer;
    answer.status = static_cast<int>(response["status"].integer_or(200));
    response["headers"].each_member([&answer](std::string_view name, const Json& value) {
        const auto add = [&answer, name](const Json& one) {
            const std::string text = scalar_text(one);
            if (is_token(name) && is_field_value(text) && !is_reserved_header(name)) {
                answer.headers.push_back({std::string(name), text});
            }
        };
        value.is_array() ? value.each_element(add) : add(value);  // cookies: a header each
    });
    const Json body = response["body"];
    const bool has_type = !find_header(answer.headers, "content-type").empty();
    if (body.is_string()) {
        answer.body = body.text();
        if (!has_type) {
            answer.headers.push_back({"content-type", "text/plain; charset=utf-8"});
        }
    } else if (body.exists()) {
        answer.body = body.dump();
        if (!has_type) {
            answer.headers.push_back({"content-type", "application/json; charset=utf-8"});
        }
    }
    return answer;
}

const NativePiece kWebhookNative = {
    R"json({
 "name":"@activepieces/piece-webhook","version":"0.1.29","displayName":"Webhook",
 "description":"Receive HTTP requests and answer them","categories":["CORE"],
 "actions":{
  "return_response":{"displayName":"Return Response","description":"Answers the caller of the webhook","props":{
   "responseType":["STATIC_DROPDOWN","Response Type",false,{"defaultValue":"json","options":[["JSON","json"],["Raw","raw"],["Redirect","redirect"]]}],
   "fields":["DYNAMIC","Response",true,{"refreshers":["responseType"],"cases":{
    "json":{"status":["NUMBER","Status",false,{"defaultValue":200}],"headers":["OBJECT","Headers",false],"body":["JSON","JSON Body",true]},
    "raw":{"status":["NUMBER","Status",false,{"defaultValue":200}],"headers":["OBJECT","Headers",false],"body":["LONG_TEXT","Raw Body",true]},
    "redirect":{"headers":["OBJECT","Headers",false],"body":["LONG_TEXT","Redirect URL",true]}}}],
   "respond":["STATIC_DROPDOWN","Flow Execution",false,{"defaultValue":"stop","options":[["Stop","stop"],["Respond and Continue","respond"]]}]}},
  "return_response_and_wait_for_next_webhook":{"displayName":"Respond and Wait for Next Webhook","description":"Answers the caller and waits until the address in the answer is called","props":{
   "responseType":["STATIC_DROPDOWN","Response Type",false,{"defaultValue":"json","options":[["JSON","json"],["Raw","raw"],["Redirect","redirect"]]}],
   "fields":["DYNAMIC","Response",true,{"refreshers":["responseType"],"cases":{
    "json":{"status":["NUMBER","Status",false,{"defaultValue":200}],"headers":["OBJECT","Headers",false],"body":["JSON","JSON Body",true]},
    "raw":{"status":["NUMBER","Status",false,{"defaultValue":200}],"headers":["OBJECT","Headers",false],"body":["LONG_TEXT","Raw Body",true]},
    "redirect":{"headers":["OBJECT","Headers",false],"body":["LONG_TEXT","Redirect URL",true]}}}]}}},
 "triggers":{
  "catch_webhook":{"displayName":"Catch Webhook","description":"Receives an HTTP request","type":"WEBHOOK","props":{
   "authType":["STATIC_DROPDOWN","Authentication",true,{"defaultValue":"none","options":[["None","none"],["Basic Auth","basic"],["Header Auth","header"],["HMAC signature","hmac"]]}],
   "authFields":["DYNAMIC","Authentication Fields",false,{"refreshers":["authType"],"cases":{
    "basic":{"username":["SHORT_TEXT","Username",true],"password":["SHORT_TEXT","Password",true]},
    "header":{"headerName":["SHORT_TEXT","Header Name",true],"headerValue":["SHORT_TEXT","Header Value",true]},
    "hmac":{"secret":["SHORT_TEXT","Secret",true],"headerName":["SHORT_TEXT","Header Name",false,{"defaultValue":"x-signature"}],
     "algorithm":["STATIC_DROPDOWN","Algorithm",false,{"defaultValue":"sha256","options":["sha256","sha1","sha384","sha512"]}],
     "encoding":["STATIC_DROPDOWN","Encoding",false,{"defaultValue":"hex","options":["hex","base64"]}],"prefix":["SHORT_TEXT","Prefix",false]}}}]}}}
})json",
    {{"return_response", nullptr, {}, webhook_reply}, {kRespondAndWait}}};

}  // namespace sallyport::engine
