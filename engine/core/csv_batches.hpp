// Rows of a CSV file, batch after batch, as the published subflows piece reads it: more leniently
// than csv_text.hpp. Records may be shorter or longer than the first, which names the columns;
// blanks around fields and empty lines do not count; columns of one name are a list. Pure.
#pragma once

#include "common/json.hpp"
#include "common/result.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::engine {

struct CsvBatchSettings {
    std::size_t rows = 100;  // of a batch
    char delimiter = ',';
};
// `batchSize` and `delimiter` of a step's input.
Result<CsvBatchSettings> csv_batch_settings(const Json& input);

class CsvBatches {
  public:
    CsvBatches(std::string text, CsvBatchSettings settings);
    // The next rows, objects by column; an empty list when there are no more. An error names the
    // line and is the last answer.
    Result<Json> next();

    const std::vector<std::string>& columns() const { return columns_; }
    std::size_t rows() const { return rows_; }  // given so far

  private:
    using Record = std::vector<std::string>;
    Result<std::optional<Record>> record();  // nullopt: the end
    Result<std::string> field();
    Result<std::string> quoted_field();
    void skip_blanks();
    std::size_t end_of_record();
    std::size_t row_bytes(const Record& record) const;
    Json row(const Record& record) const;

    std::string text_;
    CsvBatchSettings settings_;
    std::string end_;  // what the first record ends with
    std::size_t at_ = 0;
    std::size_t line_ = 1;
    bool named_ = false;
    std::vector<std::string> columns_;
    std::size_t rows_ = 0;
};

}  // namespace sallyport::engine
