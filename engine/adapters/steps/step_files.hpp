// Files that steps make and read: kept as those of webhooks are, and known by signed addresses.
#pragma once

#include "common/result.hpp"
#include "engine/adapters/steps/file_keeper.hpp"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace sallyport::engine {

struct MadeFile {
    std::string name;
    std::string data;
};

struct KeptStepFiles {
    std::vector<std::string> addresses;
    std::string problem;  // why they cannot be kept; empty: they are
};

class StepFiles {
  public:
    StepFiles() = default;
    StepFiles(const StepFiles&) = delete;
    StepFiles& operator=(const StepFiles&) = delete;
    virtual ~StepFiles() = default;

    // All of them or none. An error is the database's: it may be asked again.
    virtual void keep(const std::string& project_id, const std::vector<MadeFile>& files,
                      StoreDone<KeptStepFiles> done) = 0;
    // The file's id when the address is one of those; it is read here then and not asked for over
    // the network, where the engine may not reach itself.
    virtual std::optional<std::string> id_of(const std::string& address) const = 0;
    virtual void read(const std::string& id, StoreDone<std::optional<KeptFile>> done) = 0;
};

}  // namespace sallyport::engine
