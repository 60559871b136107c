#include "engine/core/pieces/tables.hpp"

#include "engine/core/csv_text.hpp"
#include "engine/core/date_text.hpp"
#include "engine/core/expressions/js_text.hpp"
#include "engine/core/ids.hpp"
#include "engine/core/pieces/input.hpp"
#include "engine/core/time_text.hpp"

#include <array>
#include <cmath>
#include <limits>
#include <utility>

namespace sallyport::engine {
namespace {

constexpr std::int64_t kRecordsWantedMax = 999'999'999;

bool is_blank_cell(const Json& value) {
    return !value.exists() || value.is_null() || (value.is_string() && value.text().empty());
}

Json field_by(const Json& fields, std::string_view member, std::string_view wanted) {
    Json found;
    fields.each_element([&](const Json& field) {
        if (!found.exists() && field[member].text() == wanted) {
            found = field;
        }
    });
    return found;
}

Result<std::string> number_cell(std::string_view name, const Json& value) {
    const double number = value.is_number()   ? value.number_or(0)
                          : value.is_string() ? js_text_to_number(value.text())
                                              : std::nan("");
    if (!std::isfinite(number)) {
        return Error{"Invalid number for field \"" + std::string(name) + "\""};
    }
    const Result<Json> json = value.is_number() ? value : number_json(number);
    return json.ok() ? Result<std::string>(value_text(*json)) : json.error();
}

// ISO 8601 in UTC, which filters can compare.
Result<std::string> date_cell(std::string_view name, const Json& value) {
    if (const auto ms = parse_iso_time(value.text())) {
        return iso_time(*ms);
    }
    if (const auto seconds = value.is_string() ? read_any_date(value.text()) : std::nullopt) {
        return iso_time(*seconds * 1000);
    }
    return Error{"Invalid date for field \"" + std::string(name) + "\""};
}

// A form's value as the cell has it. REQUIRES: it is not blank.
Result<std::string> cell_text(std::string_view type, std::string_view name, const Json& value) {
    if (type == "NUMBER") {
        return number_cell(name, value);
    }
    return type == "DATE" ? date_cell(name, value) : value_text(value);
}

Json cell_json(const Json& field, const std::string& text) {
    return Json::object({{"fieldId", field["id"]}, {"value", Json::string(text)}});
}

Result<Json> form_cells(const Json& values, const Json& fields) {
    Json cells = Json::array();
    Status status = Done{};
    values.each_member([&](std::string_view external_id, const Json& value) {
        const Json field = field_by(fields, "externalId", external_id);
        if (!status.ok() || is_blank_cell(value) || !field.exists()) {
            return;
        }
        const Result<std::string> text =
            cell_text(field["type"].text(), field["name"].text(), value);
        if (text.ok()) {
            cells.append(cell_json(field, *text));
        } else {
            status = text.error();
        }
    });
    return status.ok() ? Result<Json>(cells) : status.error();
}

// By the names of fields, values as they are.
Json raw_cells(const Json& values, const Json& fields) {
    Json cells = Json::array();
    values.each_member([&](std::string_view name, const Json& value) {
        const Json field = field_by(fields, "name", name);
        if (!is_blank_cell(value) && field.exists()) {
            cells.append(cell_json(field, value_text(value)));
        }
    });
    return cells;
}

// `cells_of` gives a row's cells.
template <typename CellsOf>
Result<Json> rows_of(const Json& list, std::string_view member, CellsOf cells_of) {
    Json rows = Json::array();
    Status status = Done{};
    list.each_element([&](const Json& one) {
        if (!status.ok()) {
            return;
        }
        if (!one.is_object()) {
            status = input_error(member, "Expected objects, received: " + value_text(one));
            return;
        }
        const Result<Json> cells = cells_of(one);
        status = cells.ok() ? Status(Done{}) : cells.error();
        rows.append(cells.ok() ? *cells : Json::null());
    });
    return status.ok() ? Result<Json>(rows) : status.error();
}

Json as_list(const Json& value) {
    if (value.is_array()) {
        return value;
    }
    Json list = Json::array();
    list.append(value);
    return list;
}

Result<Json> filter_from(const Json& given, const Json& fields) {
    const Json about = input_json(given, "field");
    const Json field = field_by(fields, "externalId", about["id"].text());
    const std::string_view comparison = given["operator"].text();
    Json filter = Json::object({{"fieldId", field.exists() ? field["id"] : about["id"]},
                                {"operator", Json::string(comparison)}});
    if (comparison == "exists" || comparison == "not_exists") {
        return filter;
    }
    const Result<std::string> given_text = input_text(given, "value");
    if (!given_text.ok()) {
        return given_text.error();
    }
    const Result<std::string> value =
        cell_text(about["type"].text(), about["name"].text(), given["value"]);
    if (!value.ok()) {
        return value.error();
    }
    filter.set("value", Json::string(*value));
    return filter;
}

// "Low, Medium,": Low and Medium.
Json choices_from(std::string_view text) {
    Json choices = Json::array();
    while (!text.empty()) {
        const std::size_t comma = text.find(',');
        const std::string_view one = js_trim_end(js_trim_start(text.substr(0, comma)));
        if (!one.empty()) {
            choices.append(Json::object({{"value", Json::string(one)}}));
        }
        text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
    }
    return choices;
}

Result<Json> new_field(const Json& given, const std::string& external_id) {
    const Result<std::string> name = input_text(given, "name");
    const Result<std::string> type = input_text(given, "type");
    if (!name.ok() || !type.ok()) {
        return name.ok() ? type.error() : name.error();
    }
    Json field = Json::object({{"name", Json::string(*name)},
                               {"type", Json::string(*type)},
                               {"externalId", Json::string(external_id)}});
    if (*type == "STATIC_DROPDOWN") {
        field.set("data",
                  Json::object({{"options", choices_from(*input_text_or(given, "options", ""))}}));
    }
    return field;
}

Result<std::string> text_of(const Json& input, std::string_view name) {
    Result<std::string> text = input_text(input, name);
    if (text.ok() && text->empty()) {
        return input_error(name, "Expected string, received: ");
    }
    return text;
}

}  // namespace

Result<std::string> named_table(const Json& input) {
    return text_of(input, "table_id");
}

Result<std::string> named_record(const Json& input) {
    return text_of(input, "record_id");
}

Result<Json> named_records(const Json& input) {
    const Result<Json> given = input_list(input, "records_ids");
    if (!given.ok()) {
        return given.error();
    }
    Json ids = Json::array();
    given->each_element([&ids](const Json& id) { ids.append(Json::string(value_text(id))); });
    return ids;
}

Result<Json> created_rows(const Json& input, const Json& fields) {
    const Json raw = input_json(input, "records");
    if (!is_blank_cell(raw)) {
        return rows_of(as_list(raw), "records",
                       [&fields](const Json& row) { return Result<Json>(raw_cells(row, fields)); });
    }
    const Result<Json> form = input_list(input["values"], "values");
    if (!form.ok()) {
        return form.error();
    }
    if (form->size() == 0) {
        return Error{
            "No records: fill in the form of the chosen table, or give them as JSON in "
            "'Records (Raw)'"};
    }
    return rows_of(*form, "values", [&fields](const Json& row) { return form_cells(row, fields); });
}

Result<Json> updated_cells(const Json& input, const Json& fields) {
    const Json values = input_json(input, "values");
    if (!values.is_object()) {
        return input_error("values", "Expected object, received: " +
                                         (values.exists() ? value_text(values) : "undefined"));
    }
    return form_cells(values, fields);
}

Result<Json> record_filters(const Json& input, const Json& fields) {
    const Result<Json> given = input_list(input["filters"], "filters");
    return given.ok() ? rows_of(*given, "filters",
                                [&fields](const Json& one) { return filter_from(one, fields); })
                      : given.error();
}

Result<std::size_t> records_wanted(const Json& input) {
    if (is_blank_cell(input["limit"])) {
        return std::numeric_limits<std::size_t>::max();
    }
    const Result<std::int64_t> wanted = input_whole(input, "limit", 1, kRecordsWantedMax);
    return wanted.ok() ? Result<std::size_t>(static_cast<std::size_t>(*wanted)) : wanted.error();
}

Result<Json> created_table(const Json& input, const std::string& project, const std::string& key) {
    const Result<std::string> name = text_of(input, "name");
    const Result<Json> given = input_list(input, "fields");
    if (!name.ok() || !given.ok()) {
        return name.ok() ? given.error() : name.error();
    }
    std::size_t at = 0;
    const Result<Json> fields = rows_of(*given, "fields", [&](const Json& field) {
        return new_field(field, derived_id("field " + std::to_string(at++) + " of " + key));
    });
    if (!fields.ok()) {
        return fields.error();
    }
    return Json::object({{"projectId", Json::string(project)},
                         {"name", Json::string(*name)},
                         {"externalId", Json::string(derived_id("table of " + key))},
                         {"fields", *fields}});
}

// ---- outputs

Json shown_record(const Json& record) {
    Json cells = Json::object();
    record["cells"].each_member([&cells](std::string_view field, const Json& cell) {
        Json shown = Json::object();
        for (const std::string_view name : {"fieldName", "updated", "created", "value"}) {
            shown.set(name, cell[name]);
        }
        cells.set(field, shown);
    });
    return Json::object({{"id", record["id"]},
                         {"created", record["created"]},
                         {"updated", record["updated"]},
                         {"cells", cells}});
}

Json shown_records(const Json& records) {
    Json shown = Json::array();
    records.each_element([&shown](const Json& record) { shown.append(shown_record(record)); });
    return shown;
}

Json shown_table(const Json& table, const Json& fields) {
    Json shown = table.deep_copy();
    Json list = Json::array();
    fields.each_element([&list](const Json& field) {
        list.append(Json::object({{"name", field["name"]},
                                  {"type", field["type"]},
                                  {"externalId", field["externalId"]}}));
    });
    shown.set("fields", list);
    return shown;
}

std::string table_csv(const Json& exported, bool with_names) {
    std::string text;
    CsvRecord names;
    exported["fields"].each_element(
        [&names](const Json& field) { names.emplace_back(field["name"].text()); });
    if (with_names) {
        append_csv(text, names, ',');
    }
    exported["rows"].each_element([&](const Json& row) {
        CsvRecord record;
        for (const std::string& name : names) {
            record.emplace_back(row[name].text());
        }
        append_csv(text, record, ',');
    });
    return text;
}

std::string table_problem(int status, std::string_view body) {
    const Result<Json> said = Json::parse(body);
    if (said.ok()) {
        const Json params = (*said)["params"];
        for (const Json& message : {params["message"], (*said)["message"]}) {
            if (!message.text().empty()) {
                return std::string(message.text());
            }
        }
        if (const std::string_view code = (*said)["code"].text(); !code.empty()) {
            return std::string(code);
        }
    }
    return "The table could not be reached (" + std::to_string(status) + ")";
}

// ---- triggers

std::optional<TableTrigger> table_trigger(const Json& settings) {
    if (settings["pieceName"].text() != kTablesPiece) {
        return std::nullopt;
    }
    constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kEventOf = {
        {{"newRecord", "RECORD_CREATED"},
         {"updatedRecord", "RECORD_UPDATED"},
         {"deletedRecord", "RECORD_DELETED"}}};
    const Result<std::string> table = named_table(settings["input"]);
    for (const auto& [trigger, event] : kEventOf) {
        if (table.ok() && settings["triggerName"].text() == trigger) {
            return TableTrigger{*table, std::string(event)};
        }
    }
    return std::nullopt;
}

}  // namespace sallyport::engine
