// Retention, asked for: what the clock would remove by and by is removed now.
#include "engine/adapters/jobs.hpp"

#include <utility>

namespace sallyport::engine {
namespace {

constexpr std::size_t kRuns = 200;
constexpr std::size_t kFiles = 20;  // each may have megabytes

struct Removal : std::enable_shared_from_this<Removal> {
    RunStore& runs;
    FileKeeper& files;
    std::int64_t before_ms;
    JobPtr job;
    std::int64_t total = 0;

    Removal(RunStore& of_runs, FileKeeper& of_files, std::int64_t before, JobPtr of)
        : runs(of_runs), files(of_files), before_ms(before), job(std::move(of)) {}

    void remove_runs();
    void remove_files();
    void remove_objects();
    void note(const Result<std::size_t>& removed, std::size_t page, void (Removal::*again)(),
              void (Removal::*next)());
    void end() { job->finish(""); }
};

void Removal::note(const Result<std::size_t>& removed, std::size_t page, void (Removal::*again)(),
                   void (Removal::*next)()) {
    if (!removed.ok()) {
        return job->finish(removed.message());
    }
    total += static_cast<std::int64_t>(*removed);
    job->expect(total);
    job->count(static_cast<std::int64_t>(*removed), 0);
    job->advance(
        [self = shared_from_this(), step = *removed == page ? again : next] { ((*self).*step)(); });
}

void Removal::remove_runs() {
    runs.remove_old_runs(
        before_ms, kRuns, [self = shared_from_this()](const Result<std::size_t>& removed) {
            self->note(removed, kRuns, &Removal::remove_runs, &Removal::remove_files);
        });
}

void Removal::remove_files() {
    files.remove_old(
        before_ms, kFiles, [self = shared_from_this()](const Result<std::size_t>& removed) {
            self->note(removed, kFiles, &Removal::remove_files, &Removal::remove_objects);
        });
}

// Their files are counted.
void Removal::remove_objects() {
    files.remove_old_objects(
        before_ms, kFiles, [self = shared_from_this()](const Result<std::size_t>& removed) {
            if (!removed.ok()) {
                return self->job->finish(removed.message());
            }
            self->job->advance(
                [self, more = *removed == kFiles] { more ? self->remove_objects() : self->end(); });
        });
}

}  // namespace

Jobs::Work remove_old(RunStore& runs, FileKeeper& files, std::int64_t before_ms) {
    return [&runs, &files, before_ms](const JobPtr& job) {
        std::make_shared<Removal>(runs, files, before_ms, job)->remove_runs();
    };
}

}  // namespace sallyport::engine
