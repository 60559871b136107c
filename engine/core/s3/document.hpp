// The XML that S3 answers with, as what all of it is: a few texts below the root, and records of
// texts. What it says is believed by whoever knows the answer (s3_listing.hpp). Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sallyport::engine {

// An element whose children are texts; children that have some of their own are left out.
struct S3Record {
    std::string name;
    std::vector<std::pair<std::string, std::string>> texts;

    // The last of that name; empty when there is none.
    std::string_view text(std::string_view wanted) const;
    bool has(std::string_view wanted) const;
};

struct S3Document {
    S3Record root;
    std::vector<S3Record> records;  // in their order
};

// Whose records lie `depth` deep, the root's own children 2. Nothing: no XML, another root, or more
// than a server has reason to send.
std::optional<S3Document> read_s3_document(std::string_view xml, std::string_view root,
                                           std::size_t depth = 2);

// <Error><Code>…</Code><Message>…</Message></Error>, shortened; empty where it is no such answer.
struct S3Fault {
    std::string code;
    std::string message;
};
S3Fault read_s3_fault(std::string_view xml);

// As the text of an element. Nothing: XML has no way to write it.
std::optional<std::string> xml_escaped(std::string_view text);

}  // namespace sallyport::engine
