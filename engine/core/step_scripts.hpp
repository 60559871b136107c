// ES modules for the sandbox that are too long to stand in a source. Made at build time
// (cmake/StepScripts.cmake).
#pragma once

#include <string_view>

namespace sallyport::engine {

// Set at compile time: the tables of pieces are made before main() and hold them.
extern const std::string_view kJsonataScript;
extern const std::string_view kJqScript;
extern const std::string_view kMarkdownToHtmlScript;
extern const std::string_view kHtmlToMarkdownScript;
extern const std::string_view kExtractFromHtmlScript;
extern const std::string_view kOpenpgpEncryptScript;
extern const std::string_view kSortKeysScript;
extern const std::string_view kExcelScript;
// With the code pages of workbooks before Excel 2007, which take much memory.
extern const std::string_view kOldExcelScript;

}  // namespace sallyport::engine
