// How an editor shows the tables piece.
#include "engine/core/pieces/table.hpp"
#include "engine/core/pieces/tables.hpp"

#include <utility>

namespace sallyport::engine {
namespace {

Json property(std::string_view type, std::string_view name, bool required) {
    return Json::object({{"type", Json::string(type)},
                         {"displayName", Json::string(name)},
                         {"required", Json::boolean(required)}});
}

Json choice(const Json& label, const Json& value) {
    return Json::object({{"label", label}, {"value", value}});
}

Json offered(const Json& choices) {
    return Json::object({{"disabled", Json::boolean(false)}, {"options", choices}});
}

Json note(std::string_view text) {
    Json shown = property("MARKDOWN", "", false);
    shown.set("description", Json::string(text));
    shown.set("variant", Json::string("INFO"));
    return Json::object({{"markdown", shown}});
}

// For a value in one column.
Json column_property(const Json& field) {
    const std::string_view type = field["type"].text();
    Json shown = property(type == "NUMBER"            ? "NUMBER"
                          : type == "DATE"            ? "DATE_TIME"
                          : type == "STATIC_DROPDOWN" ? "STATIC_DROPDOWN"
                                                      : "SHORT_TEXT",
                          field["name"].text(), false);
    if (type == "STATIC_DROPDOWN") {
        Json choices = Json::array();
        choices.append(choice(Json::string("Empty"), Json::string("")));
        field["data"]["options"].each_element([&choices](const Json& option) {
            choices.append(choice(option["value"], option["value"]));
        });
        shown.set("options", offered(choices));
    }
    return shown;
}

Json columns_form(const Json& fields) {
    Json form = Json::object();
    fields.each_element([&form](const Json& field) {
        form.set(field["externalId"].text(), column_property(field));
    });
    return form;
}

Json list_form(std::string_view member, std::string_view name, bool required,
               const Json& properties) {
    Json list = property("ARRAY", name, required);
    list.set("properties", properties);
    return Json::object({{member, list}});
}

Json filter_properties(const Json& fields) {
    Json columns = Json::array();
    fields.each_element([&columns](const Json& field) {
        columns.append(choice(field["name"], Json::object({{"id", field["externalId"]},
                                                           {"type", field["type"]},
                                                           {"name", field["name"]}})));
    });
    Json comparisons = Json::array();
    for (const auto& [label, value] :
         {std::pair("Equals", "eq"), std::pair("Not Equals", "neq"),
          std::pair("Greater Than", "gt"), std::pair("Greater Than or Equal", "gte"),
          std::pair("Less Than", "lt"), std::pair("Less Than or Equal", "lte"),
          std::pair("Contains", "co"), std::pair("Exists", "exists"),
          std::pair("Does not exist", "not_exists")}) {
        comparisons.append(choice(Json::string(label), Json::string(value)));
    }
    Json field = property("STATIC_DROPDOWN", "Field", true);
    field.set("options", offered(columns));
    Json comparison = property("STATIC_DROPDOWN", "Operator", true);
    comparison.set("options", offered(comparisons));
    return Json::object({{"field", field},
                         {"operator", comparison},
                         {"value", property("SHORT_TEXT", "Value", false)}});
}

}  // namespace

Json table_form(std::string_view action, const Json& fields) {
    if (action == kFindRecords) {
        return list_form("filters", "Filters", false,
                         fields.exists() ? filter_properties(fields) : Json::object());
    }
    if (!fields.exists()) {
        return note("Choose a table to see its fields.");
    }
    if (fields.size() == 0) {
        return note("The table has no fields yet.");
    }
    return action == kCreateRecords ? list_form("values", "Records", true, columns_form(fields))
                                    : columns_form(fields);
}

const NativePiece kTablesNative = {
    R"json({
 "name":"@activepieces/piece-tables","version":"0.4.2","displayName":"Tables",
 "description":"Keep, find and change the records of the project's tables","categories":["CORE"],
 "actions":{
  "tables-create-records":{"displayName":"Create Record(s)","description":"Adds records to a table","props":{
   "table_id":["DROPDOWN","Table Name",true,{"refreshers":[],"refreshOnSearch":true}],
   "values":["DYNAMIC","Records",true,{"description":"The records to add","refreshers":["table_id"]}],
   "records":["JSON","Records (Raw)",false,{"description":"A list of objects by the names of fields, such as [{\"Name\":\"John\",\"Age\":30}]; taken instead of the form"}]}},
  "tables-delete-record":{"displayName":"Delete Record(s)","description":"Removes records from a table","props":{
   "table_id":["DROPDOWN","Table Name",true,{"refreshers":[],"refreshOnSearch":true}],
   "records_ids":["ARRAY","Records IDs",true,{"description":"The ids of the records to remove"}]}},
  "tables-update-record":{"displayName":"Update Record","description":"Changes values of a record","props":{
   "table_id":["DROPDOWN","Table Name",true,{"refreshers":[],"refreshOnSearch":true}],
   "record_id":["SHORT_TEXT","Record ID",true,{"description":"The id of the record"}],
   "values":["DYNAMIC","Values",true,{"description":"What is left empty stays as it is","refreshers":["table_id"]}]}},
  "tables-get-record":{"displayName":"Get Record","description":"Gives a record by its id","props":{
   "table_id":["DROPDOWN","Table Name",true,{"refreshers":[],"refreshOnSearch":true}],
   "record_id":["SHORT_TEXT","Record ID",true,{"description":"The id of the record"}]}},
  "tables-find-records":{"displayName":"Find Records","description":"Gives the records that pass the filters","props":{
   "table_id":["DROPDOWN","Table Name",true,{"refreshers":[],"refreshOnSearch":true}],
   "limit":["NUMBER","Limit",false,{"description":"So many records at most; all of them when empty"}],
   "filters":["DYNAMIC","Filters",false,{"description":"A record passes all of them","refreshers":["table_id"]}]}},
  "tables-clear-table":{"displayName":"Clear Table","description":"Removes all records of a table","audience":"human","props":{
   "table_id":["DROPDOWN","Table Name",true,{"refreshers":[],"refreshOnSearch":true}]}},
  "tables-create-table":{"displayName":"Create Table","description":"Makes a table, with fields or without","props":{
   "name":["SHORT_TEXT","Table Name",true],
   "fields":["ARRAY","Fields",false,{"properties":{
    "name":["SHORT_TEXT","Field Name",true],
    "type":["STATIC_DROPDOWN","Type",true,{"defaultValue":"TEXT","options":[["Text","TEXT"],["Number","NUMBER"],["Date","DATE"],["Single Select","STATIC_DROPDOWN"]]}],
    "options":["SHORT_TEXT","Options",false,{"description":"Of a Single Select: Low, Medium, High"}]}}]}},
  "tables-delete-table":{"displayName":"Delete Table","description":"Removes a table and all that is in it","props":{
   "table_id":["DROPDOWN","Table Name",true,{"refreshers":[],"refreshOnSearch":true}]}},
  "tables-download-table":{"displayName":"Download Table","description":"Gives a table as a file of CSV","props":{
   "table_id":["DROPDOWN","Table Name",true,{"refreshers":[],"refreshOnSearch":true}],
   "include_headers":["CHECKBOX","Include Headers",true,{"defaultValue":true}]}}},
 "triggers":{
  "newRecord":{"displayName":"New Record Created","description":"A record was added to the table","type":"WEBHOOK","testStrategy":"TEST_FUNCTION","props":{
   "table_id":["DROPDOWN","Table Name",true,{"refreshers":[],"refreshOnSearch":true}]}},
  "updatedRecord":{"displayName":"Record Updated","description":"A record of the table was changed","type":"WEBHOOK","testStrategy":"TEST_FUNCTION","props":{
   "table_id":["DROPDOWN","Table Name",true,{"refreshers":[],"refreshOnSearch":true}]}},
  "deletedRecord":{"displayName":"Record Deleted","description":"A record was removed from the table","type":"WEBHOOK","testStrategy":"TEST_FUNCTION","props":{
   "table_id":["DROPDOWN","Table Name",true,{"refreshers":[],"refreshOnSearch":true}]}}}
})json",
    {{kCreateRecords},
     {kDeleteRecords},
     {kUpdateRecord},
     {kGetRecord},
     {kFindRecords},
     {kClearTable},
     {kCreateTable},
     {kDeleteTable},
     {kDownloadTable}}};

}  // namespace sallyport::engine
