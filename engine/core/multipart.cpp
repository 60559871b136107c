#include "engine/core/multipart.hpp"

#include "common/bytes.hpp"
#include "common/crypto.hpp"

namespace sallyport::engine {
namespace {

constexpr std::size_t kPartsMax = 1000;
constexpr std::size_t kFieldsBytesMax = 8192;
constexpr std::size_t kBoundaryMax = 70;  // RFC 2046 section 5.1.1

// The parameter `name` of a field such as `form-data; name="a"; filename="b"`. Quotes and their
// escapes are undone.
std::optional<std::string> parameter(std::string_view field, std::string_view name) {
    std::size_t at = field.find(';');
    while (at != std::string_view::npos) {
        field = field.substr(at + 1);
        const std::size_t equals = field.find('=');
        if (equals == std::string_view::npos) {
            return std::nullopt;
        }
        const bool wanted = ascii_iequals(trim_ows(field.substr(0, equals)), name);
        field = field.substr(equals + 1);
        std::string value;
        std::size_t end = 0;
        if (field.starts_with('"')) {
            for (end = 1; end < field.size() && field[end] != '"'; ++end) {
                // Browsers escape the quote alone; a backslash of a path stays.
                const bool escaped =
                    field[end] == '\\' && end + 1 < field.size() && field[end + 1] == '"';
                end += escaped ? 1 : 0;
                value += field[end];
            }
        } else {
            end = field.find(';');
            value = trim_ows(field.substr(0, end));
        }
        if (wanted) {
            return value;
        }
        at = end == std::string_view::npos ? end : field.find(';', end);
    }
    return std::nullopt;
}

std::string boundary_of(std::string_view content_type) {
    const std::string boundary = parameter(content_type, "boundary").value_or("");
    return boundary.size() <= kBoundaryMax ? boundary : std::string();
}

Status read_fields(std::string_view fields, MultipartPart& part) {
    std::optional<std::string> name;
    while (!fields.empty()) {
        const std::size_t end = fields.find("\r\n");
        const std::string_view line = fields.substr(0, end);
        fields = end == std::string_view::npos ? std::string_view() : fields.substr(end + 2);
        const std::size_t colon = line.find(':');
        if (colon == std::string_view::npos) {
            return Error{"a part has a line that is no field"};
        }
        const std::string_view field = line.substr(0, colon);
        const std::string_view value = trim_ows(line.substr(colon + 1));
        if (ascii_iequals(field, "content-disposition")) {
            name = parameter(value, "name");
            part.file_name = parameter(value, "filename");
        } else if (ascii_iequals(field, "content-type")) {
            part.content_type = value;
        }
    }
    if (!name) {
        return Error{"a part has no name"};
    }
    part.name = *name;
    return Done{};
}

// As browsers write it (WHATWG HTML, "multipart/form-data encoding algorithm").
std::string quoted_text(std::string_view text) {
    std::string out;
    for (const char c : text) {
        switch (c) {
            case '"':
                out += "%22";
                break;
            case '\r':
                out += "%0D";
                break;
            case '\n':
                out += "%0A";
                break;
            default:
                out += c;
        }
    }
    return out;
}

}  // namespace

Result<std::vector<MultipartPart>> parse_multipart(std::string_view content_type,
                                                   std::string_view body) {
    const std::string boundary = boundary_of(content_type);
    if (boundary.empty()) {
        return Error{"the content type has no boundary of 1 to 70 characters"};
    }
    const std::string delimiter = "\r\n--" + boundary;
    const std::string_view opening = std::string_view(delimiter).substr(2);
    std::size_t at = body.starts_with(opening) ? opening.size() : body.find(delimiter);
    if (at == std::string_view::npos) {
        return Error{"the boundary is not in the body"};
    }
    at += body.starts_with(opening) ? 0 : delimiter.size();
    std::vector<MultipartPart> parts;
    while (!body.substr(at).starts_with("--")) {
        const std::size_t line = body.find("\r\n", at);
        const std::size_t blank =
            line == std::string_view::npos ? line : body.find("\r\n\r\n", line);
        if (blank == std::string_view::npos || blank - line > kFieldsBytesMax) {
            return Error{"a part has no end of its fields, or too many"};
        }
        const std::size_t data = blank + 4;
        const std::size_t end = body.find(delimiter, data - 2);
        if (end == std::string_view::npos) {
            return Error{"a part has no end"};
        }
        MultipartPart part;
        const std::string_view fields =
            blank > line + 2 ? body.substr(line + 2, blank - line - 2) : std::string_view();
        const Status read = read_fields(fields, part);
        if (!read.ok()) {
            return read.error();
        }
        part.data = end < data ? std::string_view() : body.substr(data, end - data);
        if (parts.size() == kPartsMax) {
            return Error{"more than 1000 parts"};
        }
        parts.push_back(std::move(part));
        at = end + delimiter.size();
    }
    return parts;
}

MultipartText write_multipart(const std::vector<MultipartPart>& parts) {
    std::string all;
    for (const MultipartPart& part : parts) {
        all += hex_encode(digest(DigestAlgorithm::sha256, part.data)) + part.name + '\n';
    }
    const std::string boundary =
        "sallyport-" + hex_encode(digest(DigestAlgorithm::sha256, all)).substr(0, 40);
    MultipartText out;
    out.content_type = "multipart/form-data; boundary=" + boundary;
    for (const MultipartPart& part : parts) {
        out.body += "--" + boundary + "\r\nContent-Disposition: form-data; name=\"" +
                    quoted_text(part.name) + "\"";
        if (part.file_name) {
            out.body += "; filename=\"" + quoted_text(*part.file_name) + "\"";
        }
        out.body += "\r\n";
        if (!part.content_type.empty()) {
            out.body += "Content-Type: " + part.content_type + "\r\n";
        }
        out.body += "\r\n" + std::string(part.data) + "\r\n";
    }
    out.body += "--" + boundary + "--\r\n";
    return out;
}

}  // namespace sallyport::engine
