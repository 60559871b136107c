// Reserves memory for code as V8 does in Node 24, and says what V8 says when it is not to be had.
#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>

int main() {
    constexpr std::size_t kCodeRange = 512u << 20;
    void* range =
        mmap(nullptr, kCodeRange, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (range == MAP_FAILED ||
        mprotect(range, kCodeRange, PROT_READ | PROT_WRITE | PROT_EXEC) != 0) {
        std::fputs(
            "\n\n#\n# Fatal process out of memory: Failed to reserve virtual memory for "
            "CodeRange\n#\n",
            stderr);
        std::abort();
    }
    return 0;
}
