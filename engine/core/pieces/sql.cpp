#include "engine/core/pieces/sql.hpp"

#include "engine/core/pieces/input.hpp"
#include "engine/core/pieces/table.hpp"
#include "engine/core/time_text.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>

namespace sallyport::engine {
namespace {

constexpr std::int64_t kTimeMsMax = 600'000;
constexpr std::size_t kDatabaseNameMax = 64;
// Arrays of arrays: PostgreSQL has six dimensions at most.
constexpr int kArrayDepthMax = 6;

enum class Type { text, boolean, number, json, time };

struct TypeRow {
    std::uint32_t oid;
    std::uint32_t array_oid;
    Type type;
};
// bool, int2, int4, oid, float4, float8, json, jsonb, timestamp, timestamptz, date, int8, text,
// varchar, numeric, uuid.
constexpr std::array<TypeRow, 16> kTypes = {{{16, 1000, Type::boolean},
                                             {21, 1005, Type::number},
                                             {23, 1007, Type::number},
                                             {26, 1028, Type::number},
                                             {700, 1021, Type::number},
                                             {701, 1022, Type::number},
                                             {114, 199, Type::json},
                                             {3802, 3807, Type::json},
                                             {1114, 1115, Type::time},
                                             {1184, 1185, Type::time},
                                             {1082, 1182, Type::time},
                                             {20, 1016, Type::text},
                                             {25, 1009, Type::text},
                                             {1043, 1015, Type::text},
                                             {1700, 1231, Type::text},
                                             {2950, 2951, Type::text}}};

Json time_value(std::string_view text) {
    std::string iso(text);
    if (iso.size() > 10 && iso[10] == ' ') {
        iso[10] = 'T';
    }
    // The session's zone is UTC.
    if (iso.ends_with("+00")) {
        iso.replace(iso.size() - 3, 3, "Z");
    }
    const auto ms = parse_iso_time(iso);
    return Json::string(ms ? iso_time(*ms) : std::string(text));  // infinity, years BC
}

Json one_value(Type type, std::string_view text) {
    switch (type) {
        case Type::boolean:
            return Json::boolean(text == "t");
        case Type::number: {
            const double number = std::strtod(std::string(text).c_str(), nullptr);
            const Result<Json> json = number_json(number);
            return json.ok() && std::isfinite(number) ? *json : Json::null();
        }
        case Type::json: {
            const Result<Json> json = Json::parse(text);
            return json.ok() ? *json : Json::string(text);
        }
        case Type::time:
            return time_value(text);
        case Type::text:
            return Json::string(text);
    }
    return Json::string(text);
}

// {1,NULL,"a \"b\"",{2,3}}
class ArrayReader {
  public:
    ArrayReader(std::string_view text, Type type) : text_(text), type_(type) {}

    Json read() {
        const Json list = list_at(0);
        return list.exists() && at_ == text_.size() ? list : Json::string(text_);
    }

  private:
    Json list_at(int depth) {
        if (depth >= kArrayDepthMax || peek() != '{') {
            return Json();
        }
        ++at_;
        Json list = Json::array();
        if (peek() == '}') {
            ++at_;
            return list;
        }
        while (true) {
            const Json item = peek() == '{' ? list_at(depth + 1) : item_here();
            if (!item.exists()) {
                return Json();
            }
            list.append(item);
            const char end = peek();
            ++at_;
            if (end != ',') {
                return end == '}' ? list : Json();
            }
        }
    }

    Json item_here() {
        std::string text;
        if (peek() == '"') {
            for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_) {
                at_ += text_[at_] == '\\' ? 1 : 0;
                text += at_ < text_.size() ? text_[at_] : '\0';
            }
            ++at_;
            return one_value(type_, text);
        }
        const std::size_t end = std::min(text_.find_first_of(",}", at_), text_.size());
        text = text_.substr(at_, end - at_);
        at_ = end;
        return text == "NULL" ? Json::null() : one_value(type_, text);
    }

    char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

    std::string_view text_;
    Type type_;
    std::size_t at_ = 0;
};

std::string array_literal(const Json& list) {
    std::string out = "{";
    bool first = true;
    list.each_element([&](const Json& item) {
        out += first ? "" : ",";
        first = false;
        if (item.is_array()) {
            out += array_literal(item);
            return;
        }
        const auto text = postgres_argument(item);
        if (!text) {
            out += "NULL";
            return;
        }
        out += '"';
        for (const char c : *text) {
            out += c == '"' || c == '\\' ? std::string("\\") + c : std::string(1, c);
        }
        out += '"';
    });
    return out + "}";
}

}  // namespace

bool holds_template(const Json& settings, std::string_view name) {
    return settings["input"][name].text().find("{{") != std::string_view::npos;
}

Result<SqlQuery> sql_query(const Json& settings, const Json& input) {
    if (holds_template(settings, "query")) {
        return input_error("query",
                           "The query may not hold {{…}}: write $1, $2 (SQLite: ?) and put the "
                           "values into the arguments");
    }
    const auto text = input_text(input, "query");
    const auto arguments = input_list(input, "args");
    if (!text.ok() || !arguments.ok()) {
        return text.ok() ? arguments.error() : text.error();
    }
    if (text->find('\0') != std::string::npos || arguments->size() > kSqlArgumentsMax) {
        return input_error("args", "Expected at most 1000 arguments and a query of plain text");
    }
    SqlQuery query;
    query.text = *text;
    query.arguments = arguments->deep_copy();
    const auto time = input_number_or(input, "query_timeout", 30'000);
    const auto rows = input_number_or(input, "max_rows", static_cast<double>(kSqlRowsMax));
    if (!time.ok() || !rows.ok()) {
        return time.ok() ? rows.error() : time.error();
    }
    const auto connect = input_number_or(input, "connection_timeout_ms", 30'000);
    if (!connect.ok() || *connect < 1 || *connect > static_cast<double>(kTimeMsMax)) {
        return input_error("connection_timeout_ms", "Expected 1 to 600000 milliseconds");
    }
    if (*time < 1 || *time > static_cast<double>(kTimeMsMax) || *rows < 1 ||
        *rows > static_cast<double>(kSqlRowsMax)) {
        return input_error("query_timeout",
                           "Expected 1 to 600000 milliseconds, and 1 to 10000 for max_rows");
    }
    query.time_ms = static_cast<std::int64_t>(*time);
    query.connect_ms = static_cast<std::int64_t>(*connect);
    query.rows_max = static_cast<std::int64_t>(*rows);
    return query;
}

std::optional<std::string> postgres_argument(const Json& value) {
    if (!value.exists() || value.is_null()) {
        return std::nullopt;
    }
    return value.is_array() ? array_literal(value) : value_text(value);
}

bool is_postgres_array(std::uint32_t type) {
    return std::any_of(kTypes.begin(), kTypes.end(),
                       [type](const TypeRow& row) { return row.array_oid == type; });
}

Json postgres_value(std::uint32_t type, std::string_view text) {
    for (const TypeRow& row : kTypes) {
        if (row.oid == type) {
            return one_value(row.type, text);
        }
        if (row.array_oid == type) {
            return ArrayReader(text, row.type).read();
        }
    }
    return Json::string(text);
}

Result<PostgresServerInput> postgres_server(const Json& auth) {
    const Json props = auth["props"].is_object() ? auth["props"] : auth;
    const auto host = input_text(props, "host");
    if (!props.is_object() || !host.ok()) {
        return Error{"The step needs a connection to a PostgreSQL server (auth)"};
    }
    const auto port = props["port"].exists() ? input_whole(props, "port", 1, 65535)
                                             : Result<std::int64_t>(std::int64_t{5432});
    if (!port.ok()) {
        return port.error();
    }
    PostgresServerInput server;
    server.host = *host;
    server.port = *port;
    server.user = *input_text_or(props, "user", "");
    server.password = *input_text_or(props, "password", "");
    server.database = *input_text_or(props, "database", "");
    server.tls = input_flag(props, "enable_ssl", true);
    server.verify = input_flag(props, "reject_unauthorized", true);
    server.certificate = *input_text_or(props, "certificate", "");
    for (const std::string* text : {&server.user, &server.password, &server.database}) {
        if (text->find('\0') != std::string::npos) {
            return Error{"The connection's values must be plain text"};
        }
    }
    return server;
}

Result<std::string> sqlite_database(const Json& input) {
    const auto name = input_text(input, "database");
    if (!name.ok()) {
        return name.error();
    }
    const bool good = !name->empty() && name->size() <= kDatabaseNameMax &&
                      std::all_of(name->begin(), name->end(), [](char c) {
                          return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                                 (c >= '0' && c <= '9') || c == '-' || c == '_';
                      });
    return good ? name
                : input_error("database",
                              "Expected 1 to 64 letters, digits, - or _, received: " + *name);
}

const NativePiece kPostgresNative = {
    R"json({
 "name":"@activepieces/piece-postgres","version":"0.2.0","displayName":"Postgres",
 "description":"Ask a PostgreSQL database","categories":["DEVELOPER_TOOLS"],
 "auth":["CUSTOM_AUTH","Connection",true,{"props":{
  "host":["SHORT_TEXT","Host",true],"port":["SHORT_TEXT","Port",true,{"defaultValue":"5432"}],"user":["SHORT_TEXT","User",true],
  "password":["SECRET_TEXT","Password",true],"database":["SHORT_TEXT","Database",true],
  "enable_ssl":["CHECKBOX","Enable SSL",true,{"defaultValue":true}],
  "reject_unauthorized":["CHECKBOX","Verify server certificate",true,{"defaultValue":true}],
  "certificate":["LONG_TEXT","Certificate",false]}}],
 "actions":{
  "run-query":{"displayName":"Run Query","description":"Runs one statement and gives its rows","props":{
   "query":["SHORT_TEXT","Query",true],"args":["ARRAY","Arguments",false],
   "query_timeout":["NUMBER","Query Timeout",false,{"defaultValue":30000}],
   "connection_timeout_ms":["NUMBER","Connection Timeout (ms)",false,{"defaultValue":30000}],
   "application_name":["SHORT_TEXT","Application Name",false],"max_rows":["NUMBER","Rows at most",false,{"defaultValue":10000}]}},
  "insert-row":{"displayName":"Insert Row","description":"Inserts a row and gives it as it is stored","props":{
   "table":["JSON","Table",true],"values":["OBJECT","Values",true]}},
  "insert-rows":{"displayName":"Insert Multiple Rows","description":"Inserts rows by one statement: all of them or none","props":{
   "table":["JSON","Table",true],"batch":["JSON","Rows",true],
   "keep_empty_strings":["CHECKBOX","Keep Empty Strings",false,{"defaultValue":false}],
   "return_rows":["CHECKBOX","Return Inserted Rows",false,{"defaultValue":false}]}},
  "update-row":{"displayName":"Update Row","description":"Changes the rows whose column has a value, and gives them","props":{
   "table":["JSON","Table",true],"values":["OBJECT","Values",true],
   "search_column":["SHORT_TEXT","Search Column",true],"search_value":["SHORT_TEXT","Search Value",true]}},
  "delete-row":{"displayName":"Delete Row","description":"Removes the rows whose column has a value, and gives them","props":{
   "table":["JSON","Table",true],
   "search_column":["SHORT_TEXT","Search Column",true],"search_value":["SHORT_TEXT","Search Value",true]}},
  "find-rows":{"displayName":"Find Rows","description":"Reads rows of a table","props":{
   "table":["JSON","Table",true],"condition":["SHORT_TEXT","Condition",false],"args":["ARRAY","Arguments",false],
   "columns":["ARRAY","Columns",false],"limit":["NUMBER","Limit",false]}},
  "get-tables":{"displayName":"Get Tables","description":"Lists the tables","props":{}}},
 "triggers":{
  "new-row":{"displayName":"New Row","description":"Starts a run for each row that is new by a column that grows","type":"POLLING","props":{
   "table":["JSON","Table",true],"order_by":["SHORT_TEXT","Column to order by",true],
   "order_direction":["STATIC_DROPDOWN","Order Direction",true,{"defaultValue":"DESC","options":[["Ascending","ASC"],["Descending","DESC"]]}],
   "minutes":["NUMBER","Minutes",false],"cronExpression":["SHORT_TEXT","Cron Expression",false],
   "timezone":["SHORT_TEXT","Time Zone",false,{"defaultValue":"UTC"}]}}}
})json",
    {{"run-query"},
     {"insert-row"},
     {"insert-rows"},
     {"update-row"},
     {"delete-row"},
     {"find-rows"},
     {"get-tables"}}};

const NativePiece kSqliteNative = {R"json({
 "name":"@activepieces/piece-sqlite","version":"0.1.0","displayName":"SQLite",
 "description":"Ask a database in a file of the project","categories":["DEVELOPER_TOOLS"],
 "actions":{
  "run-query":{"displayName":"Run Query","description":"Runs one statement and gives its rows","props":{
   "database":["SHORT_TEXT","Database",true],"query":["LONG_TEXT","Query",true],"args":["ARRAY","Arguments",false],
   "query_timeout":["NUMBER","Query Timeout",false,{"defaultValue":30000}],"max_rows":["NUMBER","Rows at most",false,{"defaultValue":10000}]}}},
 "triggers":{}
})json",
                                   {{"run-query"}}};

}  // namespace sallyport::engine
