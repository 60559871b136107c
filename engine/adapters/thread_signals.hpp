// Signals are for the loop's thread.
#pragma once

#include <pthread.h>
#include <signal.h>

namespace sallyport::engine {

// What every other thread begins with.
inline void block_signals() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

}  // namespace sallyport::engine
