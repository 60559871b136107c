// The CSV piece's steps beside the published piece: tests/vectors/csv_steps.json has what the
// libraries that it calls made of the same inputs, called as it calls them. A case that we answer
// otherwise, on purpose, says so with `ours`. What goes through the sandbox is in
// tests/engine/engine_csv_test.cpp.
#include "common/bytes.hpp"
#include "common/file_text.hpp"
#include "engine/core/pieces/csv.hpp"

#include <gtest/gtest.h>

#include <string>

namespace sallyport::engine {
namespace {

Json outcome_of(const Result<Json>& output) {
    return output.ok() ? Json::object({{"output", *output}})
                       : Json::object({{"problem", Json::string(output.message())}});
}

Json outcome_of(const Result<CsvFiles>& made) {
    if (!made.ok()) {
        return Json::object({{"problem", Json::string(made.message())}});
    }
    Json files = Json::array();
    Json addresses = Json::array();
    for (const CsvFiles::File& file : made->files) {
        files.append(Json::object(
            {{"name", Json::string(file.name)},
             {"base64", Json::string(base64_encode(as_bytes(file.data), file.data.size()))}}));
        addresses.append(Json::string(""));
    }
    Json output = made->output;
    if (output.has("files")) {
        output.set("files", addresses);
    }
    return Json::object({{"output", output}, {"files", files}});
}

// Nothing for what the sandbox decides.
Json perform(std::string_view action, const Json& input) {
    if (action == kReadCsvFile || action == kChunkCsvFile) {
        const auto file = file_input("file", input["file"]);
        if (!file.ok()) {
            return outcome_of(Result<Json>(file.error()));
        }
        return action == kReadCsvFile ? outcome_of(read_csv_file(input, file->data))
                                      : outcome_of(chunk_csv_file(input, *file));
    }
    if (action == kCreateCsvFile) {
        return outcome_of(create_csv_file(input));
    }
    if (action == kSortCsvRows) {
        const auto sorting = csv_sorting(input);
        if (!sorting.ok()) {
            return outcome_of(Result<Json>(sorting.error()));
        }
        return sorting->compare_as == "number"
                   ? outcome_of(sorted_rows(*sorting, order_by_number(*sorting)))
                   : Json();
    }
    if (action == kCsvToExcel) {
        const auto wanted = workbook_to_make(input);
        return wanted.ok() ? Json() : outcome_of(wanted);
    }
    const NativeAction* const native = find_native_action(kCsvPiece, action);
    return native != nullptr && native->run != nullptr ? outcome_of(native->run(input, {}))
                                                       : Json();
}

TEST(CsvSteps, DoWhatThePublishedPieceDoes) {
    const auto text = read_file_text(SALLYPORT_VECTORS_DIR "/csv_steps.json", 4U << 20U);
    ASSERT_TRUE(text.ok()) << text.message();
    const auto cases = Json::parse(*text);
    ASSERT_TRUE(cases.ok()) << cases.message();
    std::size_t compared = 0;
    cases->each_element([&](const Json& one) {
        const Json got = perform(one["action"].text(), one["input"]);
        if (!got.exists()) {
            return;
        }
        ++compared;
        for (const std::string_view part : {"output", "problem", "files"}) {
            const Json wanted = one["ours"].exists() ? one["ours"][part] : one[part];
            const bool none = !wanted.exists() || wanted.size() + wanted.text().size() == 0;
            EXPECT_TRUE((none && !got[part].exists()) || wanted.equals(got[part]) ||
                        (none && got[part].size() == 0))
                << one["action"].text() << " " << one["input"].dump() << "\n"
                << part << " is " << got[part].dump() << "\nnot    " << wanted.dump();
        }
    });
    EXPECT_GT(compared, 300U);
}

// A hundred thousand rows must not hold up the loop.
TEST(CsvSteps, AreWorkedOnByAThread) {
    for (const NativeAction& action : kCsvNative.actions) {
        EXPECT_TRUE(action.slow || action.run == nullptr) << action.name;
    }
}

}  // namespace
}  // namespace sallyport::engine
