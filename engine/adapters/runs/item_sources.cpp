#include "engine/adapters/runs/item_sources.hpp"

#include "engine/adapters/steps/http_calls.hpp"
#include "engine/core/pieces/input.hpp"
#include "engine/core/pieces/s3.hpp"
#include "engine/core/pieces/sql.hpp"
#include "engine/core/runs/record.hpp"

#include <algorithm>
#include <memory>
#include <utility>
#include <variant>

namespace sallyport::engine {
namespace {

constexpr std::int64_t kRequestMs = 30'000;
constexpr std::size_t kSampleFiles = 10;

// The answer as JSON, whatever type it says it is.
Result<Json> read_answer(const HttpOutcome& outcome) {
    if (const auto* failure = std::get_if<HttpFailure>(&outcome)) {
        return Error{std::string(to_string(failure->error)) + ": " + failure->message};
    }
    const auto& response = std::get<HttpResponse>(outcome);
    if (response.status < 200 || response.status > 299) {
        return Error{"the address answered " + std::to_string(response.status)};
    }
    Result<Json> answer = Json::parse(response.body);
    if (!answer.ok()) {
        return Error{"the answer is no JSON: " + answer.message()};
    }
    if (is_too_deep(*answer)) {
        return Error{"the answer is nested too deeply"};
    }
    return answer;
}

Result<ItemRound> round_of_answer(const ItemQuestion& question, const Json& answer) {
    const Result<ListSettings> settings = list_settings(question.settings["input"]);
    if (!settings.ok()) {
        return settings.error();
    }
    const Result<Json> list = find_list(*settings, answer);
    if (!list.ok()) {
        return list.error();
    }
    return question.sample ? Result<ItemRound>(sample_round(*list))
                           : look_at_items(*settings, question.memory, *list);
}

Result<ItemRound> round_of_rows(const ItemQuestion& question, const StepResult& result) {
    if (result.kind != StepResult::Kind::succeeded) {
        return Error{result.kind == StepResult::Kind::overloaded ? "too many steps are waiting"
                                                                 : result.message};
    }
    if (!question.sample) {
        return look_at_ordered(new_row_source(question.settings), question.memory, result.output);
    }
    Json rows = Json::array();
    result.output.each_element([&rows](const Json& row) {
        Json plain = row.deep_copy();
        plain.erase(kItemKey);
        rows.append(plain);
    });
    return sample_round(rows);
}

// A look at a bucket on its way: page after page.
struct BucketLook {
    HttpClient& http;
    ItemQuestion question;
    S3Bucket bucket;
    ListSettings settings;
    std::string folder;
    std::string token;
    Json files = Json::array();
    ItemsFound found;
};

void ask_page(const std::shared_ptr<BucketLook>& look);

void take_page(const std::shared_ptr<BucketLook>& look, const S3Page& page) {
    for (const S3Object& object : page.objects) {
        Json file = new_file_item(object);
        if (look->question.sample) {
            file.erase(kItemKey);
        }
        look->files.append(file);
    }
    if (look->question.sample) {
        return look->found(sample_round(look->files));
    }
    if (look->files.size() > kS3WatchedFilesMax ||
        (page.truncated && look->files.size() == kS3WatchedFilesMax)) {
        return look->found(Error{"the folder has more than " + std::to_string(kS3WatchedFilesMax) +
                                 " files; folderPath can name a smaller one"});
    }
    // A server that gives no files and always another token would keep us busy.
    if (page.truncated && !page.objects.empty()) {
        look->token = page.next;
        return ask_page(look);
    }
    look->found(page.truncated
                    ? Result<ItemRound>(Error{"the listing goes on without any more files"})
                    : look_at_items(look->settings, look->question.memory, look->files));
}

void ask_page(const std::shared_ptr<BucketLook>& look) {
    S3Call call =
        s3_list_call(look->bucket, look->folder, look->token,
                     look->question.sample ? kSampleFiles : kS3PageObjects, look->question.now_ms);
    look->http.send(request_of(std::move(call), look->question.tenant,
                               std::min(kRequestMs, look->question.time_ms_max), kS3PageBytesMax),
                    [look](const HttpOutcome& outcome) {
                        if (const auto* failure = std::get_if<HttpFailure>(&outcome)) {
                            return look->found(Error{std::string(to_string(failure->error)) + ": " +
                                                     failure->message});
                        }
                        const auto& response = std::get<HttpResponse>(outcome);
                        if (response.status != 200) {
                            return look->found(Error{s3_problem(response.status, response.body)});
                        }
                        const Result<S3Page> page = read_s3_page(response.body);
                        page.ok() ? take_page(look, *page) : look->found(page.error());
                    });
}

}  // namespace

ItemRound sample_round(const Json& list) {
    ItemRound round;
    list.each_element([&round](const Json& item) { round.items.push_back({item, {}}); });
    return round;
}

void ItemSources::ask(const ItemQuestion& question, ItemsFound found) {
    if (question.settings["pieceName"].text() == kPostgresPiece) {
        return ask_table(services, question, std::move(found));
    }
    if (question.settings["pieceName"].text() == kS3Piece) {
        return ask_bucket(http, question, std::move(found));
    }
    ask_web(http, question, std::move(found));
}

void ask_bucket(HttpClient& http, const ItemQuestion& question, ItemsFound found) {
    Result<S3Bucket> bucket = s3_bucket_of(question.input["auth"]);
    Result<ListSettings> settings = new_file_settings(question.settings);
    const Result<std::string> folder = input_text_or(question.input, "folderPath", "");
    if (!bucket.ok() || !settings.ok() || !folder.ok()) {
        return found(!bucket.ok()     ? bucket.error()
                     : !settings.ok() ? settings.error()
                                      : folder.error());
    }
    ask_page(std::make_shared<BucketLook>(BucketLook{http,
                                                     question,
                                                     *std::move(bucket),
                                                     *std::move(settings),
                                                     *folder,
                                                     {},
                                                     Json::array(),
                                                     std::move(found)}));
}

void ask_web(HttpClient& http, const ItemQuestion& question, ItemsFound found) {
    Result<HttpCall> call = http_call(question.input);
    if (!call.ok()) {
        return found(call.error());
    }
    http.send(request_of(*std::move(call), question.tenant, kRequestMs, question.time_ms_max),
              [question, found = std::move(found)](const HttpOutcome& outcome) {
                  const Result<Json> answer = read_answer(outcome);
                  found(answer.ok() ? round_of_answer(question, *answer) : answer.error());
              });
}

void ask_table(ServiceSteps& services, const ItemQuestion& question, ItemsFound found) {
    Result<SqlQuery> query =
        question.sample ? new_row_sample(question.input)
                        : new_row_query(question.settings, question.input, question.memory);
    if (!query.ok()) {
        return found(query.error());
    }
    ask_postgres(services, question.input["auth"], *std::move(query), "sallyport", question.tenant,
                 question.time_ms_max,
                 [question, found = std::move(found)](const StepResult& result) {
                     found(round_of_rows(question, result));
                 });
}

}  // namespace sallyport::engine
