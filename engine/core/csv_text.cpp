#include "engine/core/csv_text.hpp"

#include "common/json.hpp"
#include "engine/core/expressions/js_text.hpp"
#include "engine/core/utf8_text.hpp"

#include <optional>
#include <utility>

namespace sallyport::engine {
namespace {

bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\f' || c == '\r' || c == '\n';
}

// One byte after the other; what a field is shows only at its end.
class CsvReader {
  public:
    CsvReader(std::string_view text, const CsvReading& how) : text_(text), how_(how) {
        if (text_.starts_with(kByteOrderMark)) {
            text_.remove_prefix(kByteOrderMark.size());
        }
    }

    Result<std::vector<CsvRecord>> run() {
        while (at_ < text_.size()) {
            count_line();
            if (std::optional<Error> error = read_byte()) {
                return *std::move(error);
            }
        }
        if (quoting_) {
            return Error{
                "Quote Not Closed: the parsing is finished with an opening quote at line " +
                std::to_string(line_)};
        }
        if (was_quoted_ || !record_.empty() || !field_.empty()) {
            end_field();
            if (std::optional<Error> error = end_record()) {
                return *std::move(error);
            }
        }
        return std::move(records_);
    }

  private:
    // As the published parser counts: within quotes CRLF are two.
    void count_line() {
        line_ += std::exchange(line_ended_, text_[at_] == '\r' || text_[at_] == '\n') ? 1 : 0;
    }

    std::optional<Error> read_byte() {
        if (text_[at_] == '"') {
            const bool twice = at_ + 1 < text_.size() && text_[at_ + 1] == '"';
            if (quoting_ && twice) {
                field_ += '"';
                at_ += 2;
                return std::nullopt;
            }
            if (quoting_ ? closes() : field_.empty()) {
                was_quoted_ = was_quoted_ || quoting_;
                quoting_ = !quoting_;
                ++at_;
                return std::nullopt;
            }
            if (!how_.lenient) {
                return quoting_ ? wrong_closing_quote() : wrong_opening_quote();
            }
            if (quoting_) {  // the quote that seemed to open was one of the field's
                quoting_ = false;
                was_quoted_ = true;
                field_.insert(field_.begin(), '"');
            }
        }
        return quoting_ ? take() : read_outside();
    }

    std::optional<Error> read_outside() {
        if (const std::size_t size = end_of_record(at_); size > 0) {
            at_ += size;
            if (how_.lenient && !was_quoted_ && record_.empty() && field_.empty()) {
                return std::nullopt;
            }
            end_field();
            return end_record();
        }
        if (text_[at_] == how_.delimiter) {
            end_field();
            ++at_;
            return std::nullopt;
        }
        return take();
    }

    // The byte belongs to the field.
    std::optional<Error> take() {
        const char c = text_[at_++];
        const bool begun = quoting_ || !field_.empty() || !is_blank(c);
        if (!how_.trim || (begun && !was_quoted_)) {
            field_ += c;
        } else if (!is_blank(c)) {
            return Error{"Invalid Closing Quote: found non trimable byte after quote at line " +
                         std::to_string(line_)};
        }
        return std::nullopt;
    }

    // Whether the quote here ends the field: by what follows.
    bool closes() {
        const std::size_t next = at_ + 1;
        return next >= text_.size() || text_[next] == '\0' || text_[next] == how_.delimiter ||
               end_of_record(next) > 0 || (how_.trim && is_blank(text_[next]));
    }

    void end_field() {
        if (how_.trim && !was_quoted_) {
            field_.resize(js_trim_end(field_).size());
        }
        record_.push_back(std::exchange(field_, {}));
        was_quoted_ = false;
        ++cells_;
    }

    std::optional<Error> end_record() {
        if (cells_ > kCsvCellsMax) {
            return Error{"The CSV has more than " + std::to_string(kCsvCellsMax) + " cells"};
        }
        const std::size_t first = records_.empty() ? record_.size() : records_.front().size();
        if (!how_.lenient && record_.size() != first) {
            return Error{"Invalid Record Length: " +
                         std::string(how_.named ? "columns length is " : "expect ") +
                         std::to_string(first) + ", got " + std::to_string(record_.size()) +
                         " on line " + std::to_string(line_)};
        }
        records_.push_back(std::exchange(record_, {}));
        return std::nullopt;
    }

    Error wrong_closing_quote() const {
        std::string got;
        append_utf8(got, static_cast<unsigned char>(text_[at_ + 1]));
        return Error{"Invalid Closing Quote: got \"" + got + "\" at line " + std::to_string(line_) +
                     " instead of delimiter, record delimiter, trimable character (if activated) "
                     "or comment"};
    }

    Error wrong_opening_quote() const {
        const std::size_t column = record_.size();
        std::string where = std::to_string(column);
        if (how_.named && !records_.empty()) {
            const CsvRecord& names = records_.front();
            where = column < names.size() ? Json::string(names[column]).dump() : "null";
        }
        return Error{"Invalid Opening Quote: a quote is found on field " + where + " at line " +
                     std::to_string(line_) + ", value is " + Json::string(field_).dump()};
    }

    // How many bytes end a record there; 0: none do. The first end decides for all.
    std::size_t end_of_record(std::size_t at) {
        const char c = text_[at];
        if (c != '\n' && c != '\r') {
            return 0;
        }
        const std::string_view rest = text_.substr(at);
        if (end_.empty()) {
            end_ = rest.substr(0, rest.starts_with("\r\n") ? 2 : 1);
        }
        return rest.starts_with(end_) ? end_.size() : 0;
    }

    std::string_view text_;
    const CsvReading how_;
    std::string_view end_;
    std::vector<CsvRecord> records_;
    CsvRecord record_;
    std::string field_;
    bool quoting_ = false;     // inside quotes
    bool was_quoted_ = false;  // the field's quotes have been closed
    bool line_ended_ = false;
    std::size_t cells_ = 0;
    std::size_t at_ = 0;
    std::size_t line_ = 1;
};

}  // namespace

Result<std::vector<CsvRecord>> read_csv(std::string_view text, const CsvReading& how) {
    return CsvReader(text, how).run();
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
