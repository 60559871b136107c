#include "engine/core/csv_text.hpp"

#include <utility>

namespace sallyport::engine {
namespace {

class CsvReader {
  public:
    CsvReader(std::string_view text, char delimiter) : text_(text), delimiter_(delimiter) {
        if (text_.starts_with(kByteOrderMark)) {
            text_.remove_prefix(kByteOrderMark.size());
        }
    }

    Result<std::vector<CsvRecord>> run() {
        std::vector<CsvRecord> records;
        while (at_ < text_.size()) {
            const std::size_t line = line_;
            Result<CsvRecord> record = read_record();
            if (!record.ok()) {
                return record.error();
            }
            if (!records.empty() && record->size() != records.front().size()) {
                return Error{"Invalid Record Length: expect " +
                             std::to_string(records.front().size()) + ", got " +
                             std::to_string(record->size()) + " on line " + std::to_string(line)};
            }
            records.push_back(*std::move(record));
        }
        return records;
    }

  private:
    Result<CsvRecord> read_record() {
        CsvRecord record;
        while (true) {
            Result<std::string> field = read_field();
            if (!field.ok()) {
                return field.error();
            }
            record.push_back(*std::move(field));
            if (at_ >= text_.size()) {
                return record;
            }
            if (text_[at_] != delimiter_) {
                at_ += end_of_record();
                ++line_;
                return record;
            }
            ++at_;
            if (at_ >= text_.size()) {
                record.emplace_back();  // the text ends with a delimiter
                return record;
            }
        }
    }

    Result<std::string> read_field() {
        if (at_ < text_.size() && text_[at_] == '"') {
            return read_quoted();
        }
        const std::size_t begin = at_;
        while (at_ < text_.size() && text_[at_] != delimiter_ && end_of_record() == 0) {
            if (text_[at_] == '"') {
                return Error{"Invalid Opening Quote: a quote is found inside a field at line " +
                             std::to_string(line_)};
            }
            ++at_;
        }
        return std::string(text_.substr(begin, at_ - begin));
    }

    Result<std::string> read_quoted() {
        std::string field;
        ++at_;
        while (at_ < text_.size()) {
            const char c = text_[at_++];
            if (c != '"') {
                line_ += c == '\n' ? 1 : 0;
                field += c;
            } else if (at_ < text_.size() && text_[at_] == '"') {
                field += '"';
                ++at_;
            } else if (at_ >= text_.size() || text_[at_] == delimiter_ || end_of_record() > 0) {
                return field;
            } else {
                return Error{"Invalid Closing Quote: got \"" + std::string(1, text_[at_]) +
                             "\" at line " + std::to_string(line_) +
                             " instead of a delimiter or the end of the record"};
            }
        }
        return Error{"Quote Not Closed: the parsing is finished with an opening quote at line " +
                     std::to_string(line_)};
    }

    // How many bytes end a record here; 0: none do. The first end decides for all.
    std::size_t end_of_record() {
        const std::string_view rest = text_.substr(at_);
        if (end_.empty()) {
            if (rest.starts_with("\r\n")) {
                end_ = "\r\n";
            } else if (rest.front() == '\n' || rest.front() == '\r') {
                end_ = rest.substr(0, 1);
            } else {
                return 0;
            }
        }
        return rest.starts_with(end_) ? end_.size() : 0;
    }

    std::string_view text_;
    char delimiter_;
    std::string_view end_;
    std::size_t at_ = 0;
    std::size_t line_ = 1;
};

}  // namespace

Result<std::vector<CsvRecord>> read_csv(std::string_view text, char delimiter) {
    return CsvReader(text, delimiter).run();
}

void append_csv(std::string& out, const CsvRecord& record, char delimiter) {
    const std::string special = std::string(1, delimiter) + "\"\r\n";
    bool first = true;
    for (const std::string& field : record) {
        if (!std::exchange(first, false)) {
            out += delimiter;
        }
        if (field.find_first_of(special) == std::string::npos) {
            out += field;
            continue;
        }
        out += '"';
        for (const char c : field) {
            out += c;
            if (c == '"') {
                out += c;
            }
        }
        out += '"';
    }
    out += '\n';
}

}  // namespace sallyport::engine
