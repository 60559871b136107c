// A machine whose wall clock and disk a test may spoil for one program that runs on it.
#pragma once

#include "tests/engine/faults.hpp"
#include "tests/integration/fixtures/temp_dir.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace sallyport::test {

// The page that the engine's preloaded library reads.
class FaultyMachine {
  public:
    FaultyMachine() : path_(folder_.write("faults", std::string(sizeof(Faults), '\0'))) {
        const int file = ::open(path_.c_str(), O_RDWR | O_CLOEXEC);
        void* page = ::mmap(nullptr, sizeof(Faults), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        ::close(file);
        if (page == MAP_FAILED) {
            throw std::runtime_error("the page of faults cannot be mapped");
        }
        faults_ = static_cast<Faults*>(page);
    }
    ~FaultyMachine() { ::munmap(faults_, sizeof(Faults)); }
    FaultyMachine(const FaultyMachine&) = delete;
    FaultyMachine& operator=(const FaultyMachine&) = delete;

    std::vector<std::string> wrapper() const {
        return {"env", "ASAN_OPTIONS=verify_asan_link_order=0:detect_leaks=0",
                "LD_PRELOAD=" SALLYPORT_FAULTS_PRELOAD, std::string(kFaultsVariable) + "=" + path_};
    }
    void turn_read_only(bool on) { faults_->read_only = on; }
    void set_clock(std::int64_t hours) { faults_->clock_step_s = hours * 3600; }

  private:
    TempDir folder_{"faults"};
    std::string path_;
    Faults* faults_ = nullptr;
};

}  // namespace sallyport::test
