#include "engine/adapters/api/step_files.hpp"

#include "engine/adapters/api/files.hpp"

#include <utility>

namespace sallyport::engine {

void ApiStepFiles::keep(const std::string& project_id, const std::vector<MadeFile>& files,
                        StoreDone<KeptStepFiles> done) {
    std::vector<NewFile> kept;
    std::vector<std::string> addresses;
    for (const MadeFile& file : files) {
        if (file.data.size() > api_.options.file_bytes_max) {
            return done(KeptStepFiles{{},
                                      "A file has at most " +
                                          std::to_string(api_.options.file_bytes_max >> 20U) +
                                          " MB"});
        }
        kept.push_back({api_.ports.entropy.id(), file.name, "", file.data});
        addresses.push_back(step_file_url(api_, kept.back().id));
    }
    keep_files(api_, project_id, std::move(kept),
               [addresses, done = std::move(done)](const FilesKept& all) {
                   switch (all.outcome) {
                       case FilesKept::Outcome::all:
                           return done(KeptStepFiles{addresses, ""});
                       case FilesKept::Outcome::taken:
                           return done(KeptStepFiles{{}, "A file's id is taken"});
                       case FilesKept::Outcome::refused:
                           return done(KeptStepFiles{{}, all.problem});
                       case FilesKept::Outcome::unknown:
                           return done(Error{all.problem});
                   }
               });
}

std::optional<std::string> ApiStepFiles::id_of(const std::string& address) const {
    return read_file_id(api_, address);
}

void ApiStepFiles::read(const std::string& id, StoreDone<std::optional<KeptFile>> done) {
    api_.ports.files.read(id, std::move(done));
}

}  // namespace sallyport::engine
