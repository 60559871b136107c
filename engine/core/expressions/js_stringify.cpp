// JSON.stringify of js_text.hpp (ECMA-262 section 25.5.2): member order, escapes and numbers as
// JavaScript writes them.
#include "engine/core/expressions/js_text.hpp"

namespace sallyport::engine {
namespace {

class Writer {
  public:
    Writer(std::size_t bytes_max, std::size_t indent) : bytes_max_(bytes_max), indent_(indent) {}

    // False when the bound was passed.
    bool write(const Json& value, std::size_t depth) {
        if (out_.size() > bytes_max_) {
            return false;
        }
        if (value.is_string()) {
            write_string(value.text());
        } else if (value.is_integer()) {
            out_ += std::to_string(value.integer_or(0));
        } else if (value.is_number()) {
            out_ += js_number_text(value.number_or(0));
        } else if (value.is_boolean()) {
            out_ += value.is_true() ? "true" : "false";
        } else if (value.is_array()) {
            return write_array(value, depth);
        } else if (value.is_object()) {
            return write_object(value, depth);
        } else {
            out_ += "null";
        }
        return out_.size() <= bytes_max_;
    }

    std::string take() { return std::move(out_); }

  private:
    void new_line(std::size_t depth) {
        if (indent_ > 0) {
            out_.push_back('\n');
            out_.append(indent_ * depth, ' ');
        }
    }

    bool write_array(const Json& array, std::size_t depth) {
        out_.push_back('[');
        for (std::size_t i = 0; i < array.size(); ++i) {
            if (i > 0) {
                out_.push_back(',');
            }
            new_line(depth + 1);
            if (!write(array.at(i), depth + 1)) {
                return false;
            }
        }
        if (array.size() > 0) {
            new_line(depth);
        }
        out_.push_back(']');
        return true;
    }

    bool write_object(const Json& object, std::size_t depth) {
        out_.push_back('{');
        bool first = true;
        for (const auto& [key, value] : js_members(object)) {
            if (!first) {
                out_.push_back(',');
            }
            first = false;
            new_line(depth + 1);
            write_string(key);
            out_ += indent_ > 0 ? ": " : ":";
            if (!write(value, depth + 1)) {
                return false;
            }
        }
        if (!first) {
            new_line(depth);
        }
        out_.push_back('}');
        return true;
    }

    void write_string(std::string_view text) {
        out_.push_back('"');
        std::size_t plain = 0;  // where the run of bytes that need no escape begins
        for (std::size_t i = 0; i < text.size(); ++i) {
            const auto byte = static_cast<unsigned char>(text[i]);
            if (byte >= 0x20 && byte != '"' && byte != '\\') {
                continue;
            }
            out_.append(text.substr(plain, i - plain));
            plain = i + 1;
            write_escape(byte);
        }
        out_.append(text.substr(plain));
        out_.push_back('"');
    }

    void write_escape(unsigned char byte) {
        static constexpr char kHex[] = "0123456789abcdef";
        if (byte >= 0x20) {
            out_.push_back('\\');
            out_.push_back(static_cast<char>(byte));
        } else if (byte >= 0x08 && byte <= 0x0d && byte != 0x0b) {
            out_.push_back('\\');
            out_.push_back("btn_fr"[byte - 0x08]);
        } else {
            out_ += "\\u00";
            out_.push_back(kHex[byte >> 4]);
            out_.push_back(kHex[byte & 15]);
        }
    }

    std::string out_;
    std::size_t bytes_max_;
    std::size_t indent_;
};

}  // namespace

std::optional<std::string> js_stringify(const Json& value, std::size_t bytes_max,
                                        std::size_t indent) {
    Writer writer(bytes_max, indent);
    if (!writer.write(value, 0)) {
        return std::nullopt;
    }
    return writer.take();
}

}  // namespace sallyport::engine
