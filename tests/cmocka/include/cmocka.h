// Found by `#include <cmocka.h>` when this folder is searched before the system's: the same test
// source then runs on GoogleTest.
#pragma once

// Tests include cmocka.h as C; what stands here is C++.
extern "C++" {
#include "tests/cmocka/cmocka_compat.hpp"
}
