#include "engine/adapters/runs/moved_journals.hpp"

#include "common/json.hpp"
#include "engine/core/packed_text.hpp"

#include <memory>
#include <utility>

namespace sallyport::engine {
namespace {

constexpr std::int64_t kLookSoonMs = 100;      // between pages
constexpr std::int64_t kLookAgainMs = 2'000;   // when all runs have been looked at
constexpr std::int64_t kLookLaterMs = 30'000;  // when the object store does not take them
constexpr std::size_t kLookPage = 500;
constexpr std::size_t kMovesAtOnce = 8;
// Longer ones stay in the database: an object is held in memory when it is sent or fetched.
constexpr std::size_t kMovedBytesMax = 64u << 20;
constexpr const char* kPackedSuffix = ".json.zst";
constexpr const char* kPlainSuffix = ".json";

std::string journal_text(const std::vector<std::string>& commits) {
    Json list = Json::array();
    for (const std::string& commit : commits) {
        list.append(Json::string(commit));
    }
    return list.dump();
}

Result<std::vector<std::string>> journal_from(const std::string& key, const std::string& bytes) {
    const Result<std::string> text =
        key.ends_with(kPackedSuffix) ? unpack_text(bytes) : Result<std::string>(bytes);
    if (!text.ok()) {
        return text.error();
    }
    const Result<Json> list = Json::parse(*text);
    if (!list.ok() || !list->is_array()) {
        return Error{"the journal in S3 is no list of commits"};
    }
    std::vector<std::string> commits;
    for (std::size_t i = 0; i < list->size(); ++i) {
        commits.emplace_back(list->at(i).text());
    }
    return commits;
}

}  // namespace

// ---- reading

void MovedJournals::fetch(const std::string& id, StoreDone<Fetched> done) {
    ports_.journals.moved_journal(id, [this, done = std::move(done)](
                                          const Result<std::optional<MovedJournal>>& moved) {
        if (!moved.ok() || !moved->has_value()) {
            return done(moved.ok() ? Result<Fetched>(Fetched{}) : Result<Fetched>(moved.error()));
        }
        if (ports_.objects == nullptr) {
            return done(Error{"a run's journal is kept in S3, and AP_S3_BUCKET is not set"});
        }
        const std::string key = (*moved)->object;
        ports_.objects->get(key, static_cast<std::size_t>((*moved)->bytes),
                            [key, done](const Result<std::optional<std::string>>& object) {
                                if (!object.ok()) {
                                    return done(object.error());
                                }
                                if (!object->has_value()) {
                                    return done(Fetched{std::nullopt, true});
                                }
                                Result<Commits> commits = journal_from(key, **object);
                                done(commits.ok()
                                         ? Result<Fetched>(Fetched{*std::move(commits), false})
                                         : Result<Fetched>(commits.error()));
                            });
    });
}

void MovedJournals::run(std::string id, StoreDone<std::optional<StoredRun>> done) {
    read(id, 1, std::move(done));
}

void MovedJournals::read(const std::string& id, int tries_left,
                         StoreDone<std::optional<StoredRun>> done) {
    ports_.runs.run(
        id, [this, id, tries_left, done = std::move(done)](Result<std::optional<StoredRun>> found) {
            if (!found.ok() || !found->has_value() || !(*found)->commits.empty()) {
                return done(std::move(found));
            }
            const auto run = std::make_shared<StoredRun>(**std::move(found));
            fetch(id, [this, id, tries_left, run, done](Result<Fetched> fetched) {
                if (!fetched.ok()) {
                    done(fetched.error());
                } else if (fetched->commits || fetched->lost) {
                    run->journal_lost = fetched->lost;
                    run->commits = std::move(fetched->commits).value_or(Commits());
                    done(std::optional(std::move(*run)));
                } else if (tries_left > 0) {
                    read(id, tries_left - 1, done);  // it was put back between the two looks
                } else {
                    done(Error{"the journal of a run is nowhere: " + id});
                }
            });
        });
}

// ---- going on

void MovedJournals::after_move(const std::string& id, std::function<void()> task) {
    const auto leaving = leaving_.find(id);
    if (leaving == leaving_.end()) {
        task();
    } else {
        leaving->second.push_back(std::move(task));
    }
}

void MovedJournals::claim_run(std::string id, StoreDone<ClaimedRun> done) {
    after_move(id, [this, id, done = std::move(done)] { claim(id, done); });
}

void MovedJournals::claim(const std::string& id, StoreDone<ClaimedRun> done) {
    claimed_.insert(id);
    ports_.runs.claim_run(id, [this, id, done = std::move(done)](Result<ClaimedRun> claimed) {
        const bool mine = claimed.ok() && claimed->outcome == ClaimedRun::Outcome::claimed;
        if (!mine || claimed->run.row.finished_ms == 0) {
            claimed_.erase(id);
        }
        if (!mine || !claimed->run.commits.empty()) {
            return done(std::move(claimed));
        }
        put_back(*std::move(claimed), done);
    });
}

void MovedJournals::put_back(ClaimedRun claimed, StoreDone<ClaimedRun> done) {
    const auto run = std::make_shared<ClaimedRun>(std::move(claimed));
    const std::string id = run->run.row.id;
    const auto give_up = [this, id, done](const Error& error) {
        release_run(id);
        done(error);
    };
    fetch(id, [this, id, run, give_up, done](const Result<Fetched>& fetched) {
        if (!fetched.ok() || !fetched->commits) {
            return give_up(fetched.ok() ? Error{"the journal of a run is nowhere: " + id}
                                        : fetched.error());
        }
        run->run.commits = *fetched->commits;
        ports_.journals.restore_journal(
            id, *fetched->commits, [run, give_up, done](const Status& back) {
                back.ok() ? done(std::move(*run)) : give_up(back.error());
            });
    });
}

void MovedJournals::release_run(std::string id) {
    claimed_.erase(id);
    ports_.runs.release_run(std::move(id));
}

// What is claimed is not moved, so that whoever appends has its journal here.
void MovedJournals::append(JournalCommit commit, StoreDone<Appended> done) {
    if (!claimed_.empty() && (commit.finished_ms > 0 || commit.resume_ms > 0)) {
        claimed_.erase(commit.run_id);
    }
    ports_.runs.append(std::move(commit), std::move(done));
}

// ---- moving

void MovedJournals::start() {
    if (options_.move) {
        after(kLookAgainMs);
    }
}

void MovedJournals::stop() {
    ports_.loop.cancel(std::exchange(timer_, 0));
    options_.move = false;
}

void MovedJournals::after(std::int64_t delay_ms) {
    if (options_.move) {
        timer_ = ports_.loop.after(delay_ms, [this] { look(); });
    }
}

void MovedJournals::look() {
    timer_ = 0;
    troubled_ = false;
    ports_.journals.ended_with_journals(cursor_, ports_.clock.now_ms() - options_.after_ms,
                                        kLookPage, [this](Result<EndedRuns> page) {
                                            if (!page.ok()) {
                                                return after(kLookLaterMs);
                                            }
                                            last_page_ = page->last.empty();
                                            cursor_ = std::move(page->last);
                                            found_.assign(page->ids.begin(), page->ids.end());
                                            move_more();
                                        });
}

void MovedJournals::move_more() {
    while (!found_.empty() && under_way_ < kMovesAtOnce && !troubled_ && options_.move) {
        const std::string id = std::move(found_.front());
        found_.pop_front();
        if (!claimed_.contains(id)) {
            ++under_way_;
            move(id);
        }
    }
    if (under_way_ > 0) {
        return;
    }
    if (last_page_ && moved_ > 0) {
        ports_.log.write(
            LogLevel::debug, "journals_moved",
            {{"count", Json::integer(static_cast<std::int64_t>(std::exchange(moved_, 0)))}});
    }
    if (troubled_) {
        cursor_.clear();
    }
    after(troubled_ ? kLookLaterMs : last_page_ ? kLookAgainMs : kLookSoonMs);
}

void MovedJournals::move(const std::string& id) {
    ports_.runs.run(id, [this, id](const Result<std::optional<StoredRun>>& run) {
        const bool here =
            run.ok() && run->has_value() && (*run)->row.finished_ms > 0 && !(*run)->commits.empty();
        here ? send(**run) : end(id, Done{});
    });
}

void MovedJournals::send(const StoredRun& run) {
    std::string text = journal_text(run.commits);
    if (text.size() > kMovedBytesMax) {
        return end(run.row.id, Done{});
    }
    std::optional<std::string> packed = pack_text(text);
    std::string bytes = packed ? *std::move(packed) : std::move(text);
    const auto size = static_cast<std::int64_t>(bytes.size());
    ports_.files.keep_object(
        run.row.project_id, "journals", packed ? kPackedSuffix : kPlainSuffix, std::move(bytes),
        [this, size, row = run.row, count = run.commits.size()](const Result<std::string>& key) {
            key.ok() ? let_go(row, count, {*key, size}) : end(row.id, key.error());
        });
}

void MovedJournals::let_go(const RunRow& row, std::size_t commits, MovedJournal to) {
    const std::string id = row.id;
    if (claimed_.contains(id)) {
        return end(id, Done{});  // the object goes with its note
    }
    leaving_[id];
    ports_.journals.move_journal(id, row.updated_ms, commits, std::move(to),
                                 [this, id](const Result<bool>& gone) {
                                     moved_ += gone.ok() && *gone ? 1 : 0;
                                     auto waiting = leaving_.extract(id);
                                     for (const auto& task : waiting.mapped()) {
                                         task();
                                     }
                                     end(id, Done{});
                                 });
}

void MovedJournals::end(const std::string& id, const Status& status) {
    --under_way_;
    if (!status.ok() && !troubled_) {
        troubled_ = true;
        found_.clear();
        ports_.log.write(
            LogLevel::warn, "journal_not_moved",
            {{"runId", Json::string(id)}, {"problem", Json::string(status.message())}});
    }
    move_more();
}

}  // namespace sallyport::engine
