#include "engine/core/pieces/sql_names.hpp"

#include "engine/core/pieces/input.hpp"

namespace sallyport::engine {

bool is_sql_name(const Json& name) {
    return !name.text().empty() && name.text().find('\0') == std::string_view::npos;
}

std::string quoted_name(std::string_view name) {
    std::string out = "\"";
    for (const char c : name) {
        out += c == '"' ? std::string("\"\"") : std::string(1, c);
    }
    return out + "\"";
}

Result<std::string> quoted_table(const Json& input) {
    const Json table = input_json(input, "table");
    if (!is_sql_name(table["table_schema"]) || !is_sql_name(table["table_name"])) {
        return input_error("table", "Expected {\"table_schema\": …, \"table_name\": …}");
    }
    return quoted_name(table["table_schema"].text()) + "." +
           quoted_name(table["table_name"].text());
}

}  // namespace sallyport::engine
