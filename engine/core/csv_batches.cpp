#include "engine/core/csv_batches.hpp"

#include "engine/core/csv_text.hpp"
#include "engine/core/pieces/input.hpp"
#include "engine/core/utf8_text.hpp"

#include <algorithm>
#include <utility>

namespace sallyport::engine {
namespace {

constexpr std::size_t kRowsMax = 10'000;  // the published piece's
// Of a batch as JSON, where each row has the names of its columns: what a webhook may bring.
constexpr std::size_t kBatchBytesMax = 25U << 20U;
constexpr std::string_view kBlanks = " \t\f";

}  // namespace

Result<CsvBatchSettings> csv_batch_settings(const Json& input) {
    const auto rows = input_whole(input, "batchSize", 1, kRowsMax);
    if (!rows.ok()) {
        return Error{R"({"message":"Rows per batch must be an integer between 1 and 10000."})"};
    }
    const auto delimiter = input_choice(input, "delimiter", ",", {",", "\t"});
    if (!delimiter.ok()) {
        return delimiter.error();
    }
    return CsvBatchSettings{static_cast<std::size_t>(*rows), delimiter->front()};
}

CsvBatches::CsvBatches(std::string text, CsvBatchSettings settings)
    : text_(std::move(text)), settings_(settings) {
    if (text_.starts_with(kByteOrderMark)) {
        at_ = kByteOrderMark.size();
    }
}

Result<Json> CsvBatches::next() {
    Json batch = Json::array();
    std::size_t bytes = 0;
    while (batch.size() < settings_.rows) {
        Result<std::optional<Record>> read = record();
        if (!read.ok()) {
            return read.error();
        }
        if (!*read) {
            break;
        }
        if (!std::exchange(named_, true)) {
            columns_ = **std::move(read);
            continue;
        }
        bytes += row_bytes(**read);
        if (bytes > kBatchBytesMax) {
            return Error{"The rows of a batch are larger than 25 MB at line " +
                         std::to_string(line_)};
        }
        batch.append(row(**read));
        ++rows_;
    }
    return batch;
}

std::size_t CsvBatches::row_bytes(const Record& record) const {
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < std::min(record.size(), columns_.size()); ++i) {
        bytes += record[i].size() + columns_[i].size();
    }
    return bytes;
}

Json CsvBatches::row(const Record& record) const {
    Json row = Json::object();
    for (std::size_t i = 0; i < std::min(record.size(), columns_.size()); ++i) {
        const std::string& name = columns_[i];
        const Json value = Json::string(record[i]);
        Json before = row[name];
        if (!before.exists()) {
            row.set(name, value);
        } else if (before.is_array()) {
            before.append(value);
            row.set(name, before);
        } else {
            Json both = Json::array();
            both.append(before);
            both.append(value);
            row.set(name, both);
        }
    }
    return row;
}

Result<std::optional<CsvBatches::Record>> CsvBatches::record() {
    while (at_ < text_.size()) {
        Record fields;
        while (true) {
            Result<std::string> read = field();
            if (!read.ok()) {
                return read.error();
            }
            fields.push_back(*std::move(read));
            if (at_ >= text_.size() || text_[at_] != settings_.delimiter) {
                break;
            }
            ++at_;
        }
        at_ += end_of_record();
        ++line_;
        if (fields.size() > 1 || !fields.front().empty()) {
            return std::optional(std::move(fields));
        }
    }
    return std::optional<Record>();
}

void CsvBatches::skip_blanks() {
    while (at_ < text_.size() && text_[at_] != settings_.delimiter &&
           kBlanks.find(text_[at_]) != std::string_view::npos) {
        ++at_;
    }
}

Result<std::string> CsvBatches::field() {
    skip_blanks();
    if (at_ < text_.size() && text_[at_] == '"') {
        return quoted_field();
    }
    const std::size_t begin = at_;
    while (at_ < text_.size() && text_[at_] != settings_.delimiter && end_of_record() == 0) {
        if (text_[at_] == '"') {
            return Error{"Invalid Opening Quote: a quote is found inside a field at line " +
                         std::to_string(line_)};
        }
        ++at_;
    }
    std::string_view field = std::string_view(text_).substr(begin, at_ - begin);
    while (!field.empty() && (kBlanks.find(field.back()) != std::string_view::npos ||
                              field.back() == '\r' || field.back() == '\n')) {
        field.remove_suffix(1);
    }
    return std::string(field);
}

Result<std::string> CsvBatches::quoted_field() {
    std::string field;
    const std::size_t opened = line_;
    for (++at_; at_ < text_.size(); ++at_) {
        if (text_[at_] != '"') {
            line_ += text_[at_] == '\n' ? 1 : 0;
            field += text_[at_];
        } else if (at_ + 1 < text_.size() && text_[at_ + 1] == '"') {
            field += '"';
            ++at_;
        } else {
            ++at_;
            skip_blanks();
            if (at_ >= text_.size() || text_[at_] == settings_.delimiter || end_of_record() > 0) {
                return field;
            }
            return Error{"Invalid Closing Quote: got \"" + text_.substr(at_, 1) + "\" at line " +
                         std::to_string(line_) +
                         " instead of a delimiter or the end of the record"};
        }
    }
    return Error{"Quote Not Closed: the parsing is finished with an opening quote at line " +
                 std::to_string(opened)};
}

// How many bytes end a record here; 0: none do. The first end decides for all.
std::size_t CsvBatches::end_of_record() {
    const std::string_view rest = std::string_view(text_).substr(at_);
    if (rest.empty()) {
        return 0;
    }
    if (end_.empty() && (rest.front() == '\n' || rest.front() == '\r')) {
        end_ = rest.starts_with("\r\n") ? rest.substr(0, 2) : rest.substr(0, 1);
    }
    return !end_.empty() && rest.starts_with(end_) ? end_.size() : 0;
}

}  // namespace sallyport::engine
