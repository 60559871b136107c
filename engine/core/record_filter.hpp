// Records of tables: which of them a list shows. A record's cells are an object
// {fieldId: {"value": text or null, …}}. Pure.
#pragma once

#include "common/json.hpp"
#include "common/result.hpp"

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sallyport::engine {

// Numbers are compared as JavaScript's parseFloat reads them, dates by their time, texts for
// equality; `co` (contains) does not tell upper from lower case. An empty cell is one that is not
// there, null or "".
struct RecordFilter {
    enum class Operator { eq, neq, gt, gte, lt, lte, co, exists, not_exists };
    std::string field_id;
    Operator comparison = Operator::eq;
    std::string value;
};

// From a query: `filters[0][fieldId]=F&filters[0][operator]=gt&filters[0][value]=3`, or JSON in
// `filters`. Errors name what is wrong.
Result<std::vector<RecordFilter>> read_record_filters(
    const std::vector<std::pair<std::string, std::string>>& query);

// Field id to the type of the field (TEXT, NUMBER, DATE, STATIC_DROPDOWN).
using FieldTypes = std::map<std::string, std::string, std::less<>>;

// Whether the record passes all filters.
bool passes(const Json& cells, const std::vector<RecordFilter>& filters, const FieldTypes& types);

}  // namespace sallyport::engine
