// Values on their way to and from PostgreSQL: lists written as array literals are read back the
// same, and no answer of a server breaks the reader. And what a step asks for, as JSON: a query
// that is taken holds no template, and its bounds are ours.
#include "engine/core/pieces/sql.hpp"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

using sallyport::Json;
using namespace sallyport::engine;

void require(bool condition) {
    if (!condition) {
        std::abort();
    }
}

void check_input(const Json& input) {
    const auto query = sql_query(Json::object({{"input", input}}), input);
    require(query.ok() || !query.message().empty());
    if (query.ok()) {
        require(query->text.find("{{") == std::string::npos);
        require(query->text.find('\0') == std::string::npos);
        require(query->time_ms >= 1 && query->time_ms <= 600'000);
        require(query->rows_max >= 1 && query->rows_max <= kSqlRowsMax);
        require(query->arguments.size() <= kSqlArgumentsMax);
        query->arguments.each_element([](const Json& value) {
            require(postgres_argument(value).has_value() != value.is_null());
        });
    }
    const Json settings = Json::object({{"input", input}});
    const auto check_rows = [](const sallyport::Result<SqlQuery>& rows, std::size_t arguments_max) {
        require(rows.ok() ? rows->text.find('\0') == std::string::npos &&
                                rows->arguments.size() <= arguments_max
                          : !rows.message().empty());
    };
    for (const char* action : {"insert-row", "update-row", "delete-row", "find-rows"}) {
        check_rows(postgres_query(action, settings, input), kSqlArgumentsMax);
    }
    check_rows(postgres_query("insert-rows", settings, input), kSqlInsertedValuesMax);
    Json memory = Json::object({{"source", Json::string(new_row_source(settings))}});
    check_rows(new_row_query(settings, input, memory), 0);
    memory.set("newest", Json::string("1"));
    check_rows(new_row_query(settings, input, memory), 1);
    check_rows(new_row_sample(input), 0);
    require(check_new_row(settings).ok() || !check_new_row(settings).message().empty());
    const auto database = sqlite_database(input);
    if (database.ok()) {
        require(!database->empty() && database->find_first_of("./\\") == std::string::npos);
    }
    const auto server = postgres_server(input);
    require(server.ok() ? server->port > 0 && server->port < 65'536 : !server.message().empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    for (const std::uint32_t type : {16U, 23U, 701U, 114U, 1114U, 1184U, 1007U, 1009U, 199U, 99U}) {
        require(postgres_value(type, text).exists());
    }
    Json list = Json::array();
    std::string item;
    for (const char c : text) {
        if (c != '\0') {
            item += c;
            continue;
        }
        list.append(item == "null" ? Json::null() : Json::string(item));
        item.clear();
    }
    list.append(Json::string(item));
    constexpr std::uint32_t kTextArray = 1009;
    const auto literal = postgres_argument(list);
    require(literal && postgres_value(kTextArray, *literal).equals(list));
    const auto input = Json::parse(text);
    if (input.ok()) {
        check_input(*input);
    }
    return 0;
}
