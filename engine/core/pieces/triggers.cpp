#include "engine/core/pieces/triggers.hpp"

#include "common/bytes.hpp"
#include "engine/core/file_input.hpp"
#include "engine/core/pieces/input.hpp"
#include "engine/core/pieces/table.hpp"
#include "engine/core/time_text.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>

namespace sallyport::engine {
namespace {

// What models' clients take as the name of a tool.
constexpr std::size_t kToolNameBytesMax = 60;
constexpr std::size_t kFlowLetters = 4;

bool is_missing(const Json& value) {
    return !value.exists() || value.is_null();
}

Result<Json> toggle(const Json& value, std::string_view name) {
    const std::string text = value.is_string() ? ascii_lower(value.text()) : std::string();
    if (value.is_boolean() || text == "true" || text == "false") {
        return Json::boolean(value.is_true() || text == "true");
    }
    return Error{"Field " + std::string(name) + " must be a boolean or 'true'/'false' string"};
}

bool is_required(const Json& parameter) {
    return input_flag(parameter, "required");
}

std::string_view schema_type(std::string_view type) {
    return type == "Number"    ? "number"
           : type == "Boolean" ? "boolean"
           : type == "Array"   ? "array"
           : type == "Object"  ? "object"
                               : "string";
}

bool has_type(const Json& value, std::string_view type) {
    return type == "Number"    ? value.is_number()
           : type == "Boolean" ? value.is_boolean()
           : type == "Array"   ? value.is_array()
           : type == "Object"  ? value.is_object()
           : type == "Date"    ? value.is_string() && parse_iso_time(value.text()).has_value()
                               : value.is_string();
}

std::string data_url(const InputFile& file) {
    return "data:" + file.type + ";base64," + base64_encode(as_bytes(file.data), file.data.size());
}

WebhookReply answer_to_form(const Json& body) {
    return {
        Json::object({{"status", Json::integer(200)}, {"headers", Json::object()}, {"body", body}}),
        false};
}

// A file as a page shows it: at its address, or in one of its own.
Result<Json> shown_file(const Json& value) {
    const std::string_view text = value.text();
    if (text.starts_with("https://") || text.starts_with("http://")) {
        return Json::object({{"url", value}, {"mimeType", Json::string("")}});
    }
    const Result<InputFile> file = file_input("file", value);
    if (!file.ok()) {
        return file.error();
    }
    return Json::object({{"url", Json::string(data_url(*file))},
                         {"mimeType", Json::string(file->type)},
                         {"fileName", Json::string(file->name)}});
}

Result<WebhookReply> form_reply(const Json& input) {
    Json files = Json::array();
    const Json given = input["file"];
    if (!is_missing(given) && !(given.is_string() && given.text().empty())) {
        const Result<Json> file = shown_file(given);
        if (!file.ok()) {
            return file.error();
        }
        files.append(*file);
    }
    return answer_to_form(
        Json::object({{"type", Json::string("markdown")},
                      {"value", Json::string(*input_text_or(input, "markdown", ""))},
                      {"files", files}}));
}

// Steps of the first versions.
Result<WebhookReply> form_markdown(const Json& input) {
    return answer_to_form(
        Json::object({{"type", Json::string("markdown")},
                      {"value", Json::string(*input_text_or(input, "markdown", ""))}}));
}

Result<WebhookReply> form_file(const Json& input) {
    const Result<InputFile> file = file_input("file", input["file"]);
    if (!file.ok()) {
        return file.error();
    }
    const std::size_t dot = file->name.rfind('.');
    const std::string extension = dot == std::string::npos ? "" : file->name.substr(dot + 1);
    const Json value = Json::object({{"base64Url", Json::string(data_url(*file))},
                                     {"fileName", Json::string(file->name)},
                                     {"extension", Json::string(extension)}});
    return answer_to_form(Json::object({{"type", Json::string("file")}, {"value", value}}));
}

Result<WebhookReply> mcp_reply(const Json& input) {
    const Json response = input["response"];
    return WebhookReply{Json::object({{"status", Json::integer(200)},
                                      {"headers", Json::object()},
                                      {"body", response.exists() ? response : Json::null()}}),
                        input["respond"].text() != "respond"};
}

}  // namespace

// Blanks join words by a capital letter; quotes, which a form's names may not hold, go.
std::string form_key(std::string_view display_name) {
    std::string key;
    bool word_begins = false;
    for (const char given : display_name) {
        const char c = ascii_lower(given);
        if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
            word_begins = true;
            continue;
        }
        const bool word = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
        if (word_begins && !word) {
            key += ' ';  // nothing to write large
        }
        key += word_begins && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
        word_begins = false;
    }
    if (word_begins) {
        key += ' ';
    }
    if (!key.empty()) {
        key.front() = ascii_lower(key.front());
    }
    std::erase_if(key, [](char c) { return c == '\\' || c == '"' || c == '\''; });
    return key;
}

Result<Json> form_output(const Json& trigger_input, const Json& body) {
    Json output = Json::object();
    std::optional<Error> problem;
    trigger_input["inputs"].each_element([&](const Json& field) {
        const std::string key = form_key(field["displayName"].text());
        const Json value = body[key];
        const bool empty = is_missing(value) || (value.is_string() && value.text().empty());
        if (is_required(field) && empty && !problem) {
            problem = Error{"Field " + std::string(field["displayName"].text()) + " is required"};
        }
        if (field["type"].text() == "toggle") {
            const Result<Json> flag = toggle(value, field["displayName"].text());
            if (!flag.ok()) {
                problem = problem ? problem : flag.error();
                return;
            }
            output.set(key, *flag);
        } else if (value.exists()) {
            output.set(key, value);
        }
    });
    return problem ? Result<Json>(*problem) : output;
}

Result<Json> chat_output(const Json& body) {
    for (const auto& [name, problem] : {std::pair("chatId", "Chat ID is required"),
                                        std::pair("message", "Message is required")}) {
        if (is_missing(body[name]) || body[name].text_or(" ").empty()) {
            return Error{problem};
        }
    }
    // `file[0]` is a name of its own in JSON, and a member of `file` in a form.
    std::map<int, Json> files;
    const auto add = [&files](std::string_view index, const Json& file) {
        int at = 0;
        const auto read = std::from_chars(index.data(), index.data() + index.size(), at);
        if (read.ec == std::errc() && read.ptr == index.data() + index.size() && at >= 0) {
            files[at] = file;
        }
    };
    body.each_member([&add](std::string_view name, const Json& file) {
        if (name.starts_with("file[") && name.ends_with(']')) {
            add(name.substr(5, name.size() - 6), file);
        }
    });
    body["file"].each_member(add);
    int next = 0;
    body["file"].each_element([&](const Json& file) { add(std::to_string(next++), file); });
    Json list = Json::array();
    for (const auto& [at, file] : files) {
        list.append(file);
    }
    return Json::object(
        {{"sessionId", body["chatId"]}, {"message", body["message"]}, {"files", list}});
}

std::string mcp_tool_name(const Json& trigger_input, std::string_view flow_id) {
    std::string name;
    const Json wanted = trigger_input["toolName"];
    for (const char c : wanted.text()) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') || c == '_' || c == '-';
        name += plain ? c : '_';
    }
    name.resize(std::min(name.size(), kToolNameBytesMax - kFlowLetters - 1));
    return name + "_" + std::string(flow_id.substr(0, kFlowLetters));
}

Json mcp_tool_schema(const Json& trigger_input) {
    Json properties = Json::object();
    Json required = Json::array();
    trigger_input["inputSchema"].each_element([&](const Json& parameter) {
        const std::string_view name = parameter["name"].text();
        if (name.empty()) {
            return;
        }
        const std::string_view type = parameter["type"].text();
        Json property = Json::object({{"type", Json::string(schema_type(type))}});
        if (!parameter["description"].text().empty()) {
            property.set("description", parameter["description"]);
        }
        if (type == "Date") {
            property.set("format", Json::string("date-time"));
        }
        properties.set(name, property);
        if (is_required(parameter)) {
            required.append(Json::string(name));
        }
    });
    Json schema = Json::object({{"type", Json::string("object")}, {"properties", properties}});
    if (required.size() > 0) {
        schema.set("required", required);
    }
    return schema;
}

Result<Json> mcp_tool_output(const Json& trigger_input, const Json& arguments) {
    std::string missing;
    std::string wrong;
    trigger_input["inputSchema"].each_element([&](const Json& parameter) {
        const std::string name(parameter["name"].text());
        const Json value = arguments[name];
        if (name.empty()) {
            return;
        }
        if (is_missing(value)) {
            missing += is_required(parameter) ? (missing.empty() ? "" : ", ") + name : "";
        } else if (!has_type(value, parameter["type"].text())) {
            wrong += (wrong.empty() ? "" : ", ") + name;
        }
    });
    if (!missing.empty()) {
        return Error{"Missing required parameters: " + missing};
    }
    if (!wrong.empty()) {
        return Error{"Parameters of another type than the tool's schema says: " + wrong};
    }
    return arguments.is_object() ? arguments : Json::object();
}

const NativePiece kManualNative = {R"json({
 "name":"@activepieces/piece-manual-trigger","version":"0.0.5","displayName":"Manual Trigger",
 "description":"Start a flow by hand","categories":["CORE"],
 "actions":{},
 "triggers":{
  "manual_trigger":{"displayName":"Manual Trigger","description":"Is started by a person","type":"MANUAL","props":{"file":["FILE","File",false]}}}
})json",
                                   {}};

const NativePiece kFormsNative = {R"json({
 "name":"@activepieces/piece-forms","version":"0.5.0","displayName":"Human Input",
 "description":"Start a flow with a form","categories":["CORE"],
 "actions":{
  "return_response":{"displayName":"Respond on UI","description":"Answers the person at the form","errorHandlingOptions":{"continueOnFailure":{"hide":true},"retryOnFailure":{"hide":true}},
   "props":{"markdown":["LONG_TEXT","Text (Markdown)",false],"file":["FILE","Attachment",false]}},
  "return_markdown":{"displayName":"Respond on UI (Markdown)","description":"As the first versions had it","props":{"markdown":["LONG_TEXT","Markdown",true]}},
  "return_file":{"displayName":"Respond on UI (File)","description":"As the first versions had it","props":{"file":["FILE","File",true]}}},
 "triggers":{
  "form_submission":{"displayName":"Web Form","description":"A person fills in a form","type":"WEBHOOK","props":{
   "waitForResponse":["CHECKBOX","Wait for Response",false,{"defaultValue":false}],
   "inputs":["ARRAY","Inputs",true,{"properties":{
    "displayName":["SHORT_TEXT","Field Name",true],
    "type":["STATIC_DROPDOWN","Field Type",true,{"options":[["Text","text"],["Text Area","text_area"],["File","file"],["Toggle","toggle"]]}],
    "description":["SHORT_TEXT","Field Description",false],
    "required":["CHECKBOX","Required",false,{"defaultValue":false}]}}]}},
  "file_submission":{"displayName":"Simple File Submission","description":"A person gives a file","type":"WEBHOOK","props":{
   "waitForResponse":["CHECKBOX","Wait for Response",true,{"defaultValue":true}]}},
  "chat_submission":{"displayName":"Chat UI","description":"A person writes a message","type":"WEBHOOK","props":{
   "botName":["SHORT_TEXT","Bot Name",true,{"defaultValue":"AI Bot"}]}}}
})json",
                                  {{"return_response", nullptr, {}, form_reply},
                                   {"return_markdown", nullptr, {}, form_markdown},
                                   {"return_file", nullptr, {}, form_file}}};

const NativePiece kMcpNative = {R"json({
 "name":"@activepieces/piece-mcp","version":"0.1.0","displayName":"MCP",
 "description":"Offer a flow as a tool for models","categories":["CORE"],
 "actions":{
  "reply_to_mcp_client":{"displayName":"Reply to MCP Client","description":"What the tool gives","props":{
   "mode":["STATIC_DROPDOWN","Mode",true,{"defaultValue":"simple","options":[["Simple","simple"],["Advanced","advanced"]]}],
   "response":["DYNAMIC","Response",true,{"refreshers":["mode"],"cases":{"simple":{"response":["OBJECT","Response",true]},"advanced":{"response":["JSON","Response",true]}}}],
   "respond":["STATIC_DROPDOWN","Flow Execution",false,{"defaultValue":"stop","options":[["Stop","stop"],["Respond and Continue","respond"]]}]}}},
 "triggers":{
  "mcp_tool":{"displayName":"MCP Tool","description":"A model calls the tool","type":"WEBHOOK","props":{
   "toolName":["SHORT_TEXT","Name",true],"toolDescription":["LONG_TEXT","Description",true],
   "inputSchema":["ARRAY","Parameters",false,{"defaultValue":[{"name":"","type":"Text","required":true,"description":""}],"properties":{
    "name":["SHORT_TEXT","Name",true],"description":["LONG_TEXT","Description",false],
    "type":["STATIC_DROPDOWN","Type",true,{"defaultValue":"Text","options":["Text","Number","Boolean","Date","Array","Object"]}],
    "required":["CHECKBOX","Required",true,{"defaultValue":true}]}}],
   "returnsResponse":["CHECKBOX","Wait for Response",true,{"defaultValue":false}]}}}
})json",
                                {{"reply_to_mcp_client", nullptr, {}, mcp_reply}}};

}  // namespace sallyport::engine
