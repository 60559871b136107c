#include "engine/core/pieces/http.hpp"

#include "common/bytes.hpp"
#include "engine/core/file_input.hpp"
#include "engine/core/multipart.hpp"
#include "engine/core/pieces/input.hpp"
#include "engine/core/pieces/table.hpp"

#include <algorithm>
#include <array>
#include <deque>
#include <optional>
#include <utility>

namespace sallyport::engine {
namespace {

// A request that takes longer is a flow that should wait for a webhook instead.
constexpr std::int64_t kTimeoutMsMax = 600'000;
// What the published piece says of a request that nobody answered.
constexpr int kStatusOfNoAnswer = 500;

std::string text_of(const Json& value) {
    if (!value.exists() || value.is_null()) {
        return {};
    }
    return value.is_string() ? std::string(value.text()) : value.dump();
}

std::string form_text(const Json& object) {
    std::string out;
    object.each_member([&out](std::string_view name, const Json& value) {
        if (!out.empty()) {
            out += '&';
        }
        out += percent_encode(name) + "=" + percent_encode(text_of(value));
    });
    return out;
}

void add_query(std::string& url, const Json& query) {
    if (!query.is_object() || query.size() == 0) {
        return;
    }
    const std::size_t hash = url.find('#');
    std::string fragment = hash == std::string::npos ? std::string() : url.substr(hash);
    url.erase(std::min(hash, url.size()));
    url += url.find('?') == std::string::npos ? '?' : '&';
    url += form_text(query);
    url += fragment;
}

Status add_headers(HttpCall& call, const Json& headers) {
    std::string bad;
    headers.each_member([&](std::string_view name, const Json& value) {
        std::string text = text_of(value);
        if (!is_token(name) || !is_field_value(text)) {
            bad = name;
        }
        call.headers.push_back({std::string(name), std::move(text)});
    });
    if (!bad.empty()) {
        return Error{"the header '" + bad + "' has a name or value that cannot be sent"};
    }
    return Done{};
}

Status add_authorization(HttpCall& call, const Json& input) {
    const std::string_view type = input["authType"].text_or("NONE");
    const Json fields = input["authFields"];
    std::string value;
    if (type == "BASIC") {
        const std::string pair = text_of(fields["username"]) + ":" + text_of(fields["password"]);
        value = "Basic " + base64_encode(as_bytes(pair), pair.size());
    } else if (type == "BEARER_TOKEN") {
        value = "Bearer " + text_of(fields["token"]);
    } else if (type != "NONE" && !type.empty()) {
        return Error{"authType must be NONE, BASIC or BEARER_TOKEN, received: " +
                     std::string(type)};
    }
    if (!value.empty()) {
        if (!is_field_value(value)) {
            return Error{"the token cannot be sent in a header"};
        }
        call.headers.push_back({"Authorization", value});
    }
    return Done{};
}

void add_default_type(HttpCall& call, std::string_view type) {
    if (find_header(call.headers, "content-type").empty()) {
        call.headers.push_back({"Content-Type", std::string(type)});
    }
}

// What a part points into.
struct FormFields {
    std::vector<MultipartPart> parts;
    std::deque<std::string> values;

    void add_text(std::string name, std::string text) {
        parts.push_back({std::move(name), std::nullopt, {}, values.emplace_back(std::move(text))});
    }
    Status add_file(std::string name, const Json& value) {
        Result<InputFile> file = file_input(name, value);
        if (!file.ok()) {
            return file.error();
        }
        const std::string_view data = values.emplace_back(std::move(file->data));
        parts.push_back({std::move(name), file->name, file->type, data});
        return Done{};
    }
};

// A list of {fieldName, fieldType, textFieldValue, fileFieldValue}, as the newest published version
// has it; before, an object of values.
Result<FormFields> form_fields(const Json& data) {
    FormFields fields;
    Status good = Done{};
    data.each_member([&](std::string_view name, const Json& value) {
        if (value["base64"].is_string()) {
            good = good.ok() ? fields.add_file(std::string(name), value) : good;
        } else {
            fields.add_text(std::string(name), text_of(value));
        }
    });
    data.each_element([&](const Json& field) {
        const std::string name(field["fieldName"].text());
        if (name.empty() && good.ok()) {
            good = Error{"each field of the form must have a fieldName"};
        } else if (field["fieldType"].text() == "file") {
            good = good.ok() ? fields.add_file(name, field["fileFieldValue"]) : good;
        } else {
            fields.add_text(name, text_of(field["textFieldValue"]));
        }
    });
    return good.ok() ? Result<FormFields>(std::move(fields)) : good.error();
}

// As multipart/form-data, unless the step's own header says that the form is to be one of names and
// values alone.
Status add_form(HttpCall& call, const Json& data) {
    const std::string wanted = ascii_lower(find_header(call.headers, "content-type"));
    if (data.is_object() && wanted.starts_with("application/x-www-form-urlencoded")) {
        call.body = form_text(data);
        return Done{};
    }
    const Result<FormFields> fields = form_fields(data);
    if (!fields.ok()) {
        return fields.error();
    }
    MultipartText text = write_multipart(fields->parts);
    std::erase_if(call.headers, [](const WebHeader& header) {
        return ascii_lower(header.name) == "content-type";  // without the boundary
    });
    call.headers.push_back({"Content-Type", std::move(text.content_type)});
    call.body = std::move(text.body);
    return Done{};
}

// Forms of the builder wrap the value in {data: …}; flows written by hand often do not.
Json unwrapped(const Json& body) {
    return body.is_object() && body.has("data") ? body["data"] : body;
}

// Before there were types of bodies, one was JSON: exports of then say nothing of a type, and
// `extra.body` or `body`. Where nothing is sent by the method an empty object says nothing either.
Status add_untyped_body(HttpCall& call, const Json& input) {
    const Json given = input["body"].exists() ? input["body"] : input["extra"]["body"];
    const Json data = given.size() == 1 ? unwrapped(given) : given;
    const bool sends = call.method != "GET" && call.method != "HEAD";
    if (!data.exists() || data.is_null() || (data.is_string() && data.text().empty()) ||
        (!sends && data.is_object() && data.size() == 0)) {
        return Done{};
    }
    call.body = data.is_string() ? std::string(data.text()) : data.dump();
    add_default_type(call, "application/json");
    return Done{};
}

Status add_body(HttpCall& call, const Json& input) {
    const Json named = input["body_type"].exists() ? input["body_type"] : input["bodytype"];
    if (!named.exists() || named.is_null()) {
        return add_untyped_body(call, input);
    }
    const std::string_view type = named.text_or("none");
    const Json data = unwrapped(input["body"]);
    if (type == "none") {
        return Done{};
    }
    if (type == "json") {
        call.body = data.is_string() ? std::string(data.text()) : data.dump();
        add_default_type(call, "application/json");
        return Done{};
    }
    if (type == "raw") {
        call.body = text_of(data);
        add_default_type(call, "text/plain");
        return Done{};
    }
    if (type == "form_data" && (data.is_object() || data.is_array())) {
        return add_form(call, data);
    }
    return Error{"body_type must be none, json, raw or form_data with an object, received: " +
                 std::string(type)};
}

// As clients of the contract's pieces see them: cookies are a list, other fields of one name one
// text.
Json headers_json(const std::vector<WebHeader>& headers) {
    Json object = Json::object();
    for (const WebHeader& header : headers) {
        const std::string name = ascii_lower(header.name);
        const Json before = object[name];
        if (name == "set-cookie") {
            Json cookies = before.exists() ? before : Json::array();
            cookies.append(Json::string(header.value));
            object.set(name, cookies);
        } else {
            object.set(name, Json::string(before.exists()
                                              ? std::string(before.text()) + ", " + header.value
                                              : header.value));
        }
    }
    return object;
}

HttpRetry retry_of(std::string_view failure_mode) {
    return failure_mode == "retry_all"                                     ? HttpRetry::on_error
           : failure_mode == "retry_5xx" || failure_mode == "continue_4xx" ? HttpRetry::on_5xx
           : failure_mode == "retry_none"                                  ? HttpRetry::none
                                                                           : HttpRetry::when_told;
}

Result<HttpProxy> proxy_of(const Json& settings) {
    const Result<std::string> host = input_text(settings, "proxy_host");
    const Result<std::int64_t> port = input_whole(settings, "proxy_port", 1, 65535);
    const Result<std::string> username = input_text_or(settings, "proxy_username", "");
    const Result<std::string> password = input_text_or(settings, "proxy_password", "");
    if (!host.ok() || !port.ok()) {
        return host.ok() ? port.error() : host.error();
    }
    return HttpProxy{std::string(trim_ows(*host)), static_cast<std::uint16_t>(*port), *username,
                     *password};
}

bool continues_at(const Json& input, int status) {
    const std::string_view mode = input["failureMode"].text();
    return input["failsafe"].is_true() || mode == "continue_all" ||
           ((mode == "continue_4xx" || mode == "retry_5xx") && status >= 400 && status < 500);
}

// The last segment of the path, as the published piece names what it keeps.
std::string file_name_of(std::string_view url) {
    url = url.substr(0, url.find_first_of("?#"));
    const std::size_t authority = url.find("://");
    const std::size_t path = url.find('/', authority == url.npos ? 0 : authority + 3);
    std::string_view rest = path == url.npos ? std::string_view() : url.substr(path);
    while (rest.ends_with('/')) {
        rest.remove_suffix(1);
    }
    std::string name = percent_decode(rest.substr(rest.rfind('/') + 1));
    return name.empty() || member_name(name) != name ? "response" : name;
}

// What later steps take as a file.
Json file_json(const Json& input, std::string_view type, std::string_view body) {
    std::string name = file_name_of(input["url"].text());
    type = trim_ows(type.substr(0, type.find(';')));
    const std::size_t slash = type.find('/');
    const bool whole =
        slash != type.npos && is_token(type.substr(0, slash)) && is_token(type.substr(slash + 1));
    const std::string_view known = whole ? type : type_of_name(name);
    return Json::string(file_address({std::move(name), std::string(known), std::string(body)}));
}

// What the published piece gives where a flow goes on in spite of an error.
void add_error(Json& output, const Json& input, Json response) {
    output.set("response", std::move(response));
    const Json sent = input["body"]["data"];
    output.set("request", sent.exists() ? Json::object({{"body", sent}}) : Json::object());
}

}  // namespace

Result<HttpCall> http_call(const Json& input) {
    constexpr std::array<std::string_view, 7> kMethods = {"GET",    "POST", "PUT",    "PATCH",
                                                          "DELETE", "HEAD", "OPTIONS"};
    HttpCall call;
    call.method = input["method"].text_or("GET");
    if (std::find(kMethods.begin(), kMethods.end(), call.method) == kMethods.end()) {
        return Error{"method must be one of GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS"};
    }
    if (!input["url"].is_string() || input["url"].text().empty()) {
        return Error{"Expected string for url, received: " + text_of(input["url"])};
    }
    call.url = trim_ows(input["url"].text());
    add_query(call.url, input["queryParams"]);
    for (const Status& status : {add_headers(call, input["headers"]),
                                 add_authorization(call, input), add_body(call, input)}) {
        if (!status.ok()) {
            return status.error();
        }
    }
    const double timeout_s = input["timeout"].number_or(0);
    if (timeout_s > 0) {
        call.timeout_ms = static_cast<std::int64_t>(
            std::min(timeout_s * 1000, static_cast<double>(kTimeoutMsMax)));
    }
    // `false` is what the form writes for a new step. A step that says nothing follows, as it does
    // with the published piece: a form's default is not put in when a flow runs.
    call.follow_redirects = input_flag(input, "followRedirects", true);
    call.retry = retry_of(input["failureMode"].text());
    if (input_flag(input, "use_proxy")) {
        Result<HttpProxy> proxy = proxy_of(input["proxy_settings"]);
        if (!proxy.ok()) {
            return proxy.error();
        }
        call.proxy = *std::move(proxy);
    }
    return call;
}

HttpCallOutcome http_call_outcome(const Json& input, int status,
                                  const std::vector<WebHeader>& headers, std::string_view body) {
    const std::string type = ascii_lower(find_header(headers, "content-type"));
    if (status < 400 && input_flag(input, "response_to_file")) {
        return {true,
                Json::object({{"status", Json::integer(status)},
                              {"headers", headers_json(headers)},
                              {"file", file_json(input, type, body)}}),
                {}};
    }
    const bool binary = input_flag(input, "response_is_binary");
    Json value = Json::string(binary ? base64_encode(as_bytes(body), body.size()) : body);
    if (!binary && type.find("json") != std::string::npos) {
        const Result<Json> parsed = Json::parse(body);
        if (parsed.ok()) {
            value = *parsed;
        }
    }
    HttpCallOutcome outcome;
    outcome.output = Json::object(
        {{"status", Json::integer(status)}, {"headers", headers_json(headers)}, {"body", value}});
    outcome.ok = status < 400 || continues_at(input, status);
    if (status < 400) {
        return outcome;
    }
    const Json response = Json::object({{"status", Json::integer(status)}, {"body", value}});
    if (outcome.ok) {
        add_error(outcome.output, input, response);
    } else {
        outcome.message = Json::object({{"response", response}}).dump();
    }
    return outcome;
}

std::optional<Json> http_failure_output(const Json& input, std::string_view message) {
    if (!input["failsafe"].is_true() && input["failureMode"].text() != "continue_all") {
        return std::nullopt;
    }
    Json output = Json::object({{"error", Json::object({{"message", Json::string(message)}})}});
    add_error(output, input, Json::object({{"status", Json::integer(kStatusOfNoAnswer)}}));
    return output;
}

namespace {

// The sandbox's own reader of addresses. Names are data: one may be `__proto__`.
constexpr std::string_view kParseUrl = R"js(
const read = (text) => {
    try {
        return new URL(text);
    } catch (error) {
        throw new Error('Failed to parse URL. Please ensure it is a valid, absolute URL. Details: ' + error.message);
    }
};
export const code = async (i) => {
    const url = read(i.url);
    const query = url.searchParams;
    const lists = i.returnArrays === true || i.returnArrays === 'true';
    return {
        base_url: url.protocol + '//' + url.host,
        domain: url.hostname,
        path: url.pathname,
        query_parameters: Object.fromEntries(
            [...new Set(query.keys())].map((name) => [name, lists ? query.getAll(name) : query.get(name)])),
        hash: url.hash.slice(1),
    };
};
)js";

}  // namespace

const NativePiece kHttpNative = {R"json({
 "name":"@activepieces/piece-http","version":"0.11.10","displayName":"HTTP",
 "description":"Send HTTP requests","categories":["CORE"],
 "actions":{
  "send_request":{"displayName":"Send HTTP request","description":"Sends a request and gives the response","props":{
   "method":["STATIC_DROPDOWN","Method",true,{"description":"The HTTP method for the request. Use GET to read data and POST to create it.","defaultValue":"GET","options":["GET","POST","PATCH","PUT","DELETE","HEAD"]}],
   "url":["SHORT_TEXT","URL",true],"headers":["OBJECT","Headers",true],"queryParams":["OBJECT","Query params",true],
   "authType":["STATIC_DROPDOWN","Authentication",true,{"defaultValue":"NONE","options":[["None","NONE"],["Basic Auth","BASIC"],["Bearer Token","BEARER_TOKEN"]]}],
   "authFields":["DYNAMIC","Authentication Fields",false,{"refreshers":["authType"],"cases":{
    "BASIC":{"username":["SHORT_TEXT","Username",true],"password":["SHORT_TEXT","Password",true]},
    "BEARER_TOKEN":{"token":["SHORT_TEXT","Token",true]}}}],
   "body_type":["STATIC_DROPDOWN","Body Type",false,{"defaultValue":"none","options":[["None","none"],["Form Data","form_data"],["JSON","json"],["Raw","raw"]]}],
   "body":["DYNAMIC","Body",false,{"refreshers":["body_type"],"cases":{
    "json":{"data":["JSON","JSON Body",true]},"raw":{"data":["LONG_TEXT","Raw Body",true]},"form_data":{"data":["ARRAY","Form Data",true,{"properties":{
     "fieldName":["SHORT_TEXT","Field Name",true],"fieldType":["STATIC_DROPDOWN","Field Type",true,{"options":[["Text","text"],["File","file"]]}],
     "textFieldValue":["LONG_TEXT","Text",false],"fileFieldValue":["FILE","File",false]}}]}}}],
   "response_is_binary":["CHECKBOX","Response is Binary",false,{"description":"Enable for files like PDFs, images, etc. A base64 body will be returned.","defaultValue":false}],
   "response_to_file":["CHECKBOX","Save Response to File",false,{"description":"Gives the body as a file that later steps take, instead of its text","defaultValue":false}],
   "use_proxy":["CHECKBOX","Use Proxy",false,{"description":"Use a proxy for this request","defaultValue":false}],
   "proxy_settings":["DYNAMIC","Proxy Settings",false,{"refreshers":["use_proxy"],"cases":{"true":{
    "proxy_host":["SHORT_TEXT","Proxy Host",true],"proxy_port":["NUMBER","Proxy Port",true],
    "proxy_username":["SHORT_TEXT","Proxy Username",false],"proxy_password":["SHORT_TEXT","Proxy Password",false]}}}],
   "timeout":["NUMBER","Timeout (s)",false],"followRedirects":["CHECKBOX","Follow redirects",false,{"defaultValue":false}],
   "failsafe":["CHECKBOX","No Error on Failure",false],
   "failureMode":["STATIC_DROPDOWN","On Failure",false,{"options":[["Retry on all errors (4xx, 5xx)","retry_all"],["Retry on internal errors (5xx)","retry_5xx"],["Do not retry","retry_none"],["Continue flow on all errors","continue_all"],["Continue flow on 4xx errors","continue_4xx"],["Do not continue (stop the flow)","continue_none"]],"defaultValue":"continue_none"}]}},
  "parse_url":{"displayName":"Parse URL","description":"Extract the domain, path, and query parameters from a URL.","props":{
   "url":["SHORT_TEXT","URL",true,{"description":"The full URL you want to parse (e.g., https://example.com/page?utm_source=twitter)"}],
   "returnArrays":["CHECKBOX","Return Values as Arrays",false,{"description":"If checked (recommended), all query parameters are returned as JSON arrays to safely group duplicate keys (e.g., {\"tags\": [\"shoes\", \"hats\"]}). If unchecked, standard web behavior applies, returning only the first value as text.","defaultValue":true}]}}},
 "triggers":{
  "new_items":{"displayName":"New Items","description":"Fetches a list again and again; runs once for each new item","type":"POLLING","props":{
   "method":["STATIC_DROPDOWN","Method",false,{"defaultValue":"GET","options":["GET","POST"]}],
   "url":["SHORT_TEXT","URL",true],"headers":["OBJECT","Headers",false],"queryParams":["OBJECT","Query params",false],
   "authType":["STATIC_DROPDOWN","Authentication",false,{"defaultValue":"NONE","options":[["None","NONE"],["Basic Auth","BASIC"],["Bearer Token","BEARER_TOKEN"]]}],
   "authFields":["DYNAMIC","Authentication Fields",false,{"refreshers":["authType"],"cases":{
    "BASIC":{"username":["SHORT_TEXT","Username",true],"password":["SHORT_TEXT","Password",true]},
    "BEARER_TOKEN":{"token":["SHORT_TEXT","Token",true]}}}],
   "body_type":["STATIC_DROPDOWN","Body Type",false,{"defaultValue":"none","options":[["None","none"],["Form Data","form_data"],["JSON","json"],["Raw","raw"]]}],
   "body":["DYNAMIC","Body",false,{"refreshers":["body_type"],"cases":{
    "json":{"data":["JSON","JSON Body",true]},"raw":{"data":["LONG_TEXT","Raw Body",true]},"form_data":{"data":["OBJECT","Form Data",true]}}}],
   "listPath":["SHORT_TEXT","Path of the list",false,{"description":"Names and indexes with dots between, as in data.items; empty when the answer is the list"}],
   "deduplication":["STATIC_DROPDOWN","New by",true,{"defaultValue":"ID","options":[["Id","ID"],["Time","TIME"]]}],
   "idPath":["SHORT_TEXT","Path of an item's id",false,{"description":"Empty: the whole item"}],
   "timePath":["SHORT_TEXT","Path of an item's time",false,{"description":"ISO 8601, or seconds or milliseconds since 1970"}],
   "minutes":["NUMBER","Minutes between looks",false],
   "cronExpression":["SHORT_TEXT","Cron Expression",false,{"description":"Instead of minutes"}],
   "timezone":["STATIC_DROPDOWN","Timezone",false,{"defaultValue":"UTC","options":"TIME_ZONES"}],
   "timeout":["NUMBER","Timeout (s)",false],"followRedirects":["CHECKBOX","Follow redirects",false]}}}
})json",
                                 {{"send_request"}, {"parse_url", nullptr, kParseUrl}}};

}  // namespace sallyport::engine
