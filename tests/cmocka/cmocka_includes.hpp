// What cmocka wants included before it. Which cmocka.h is found, the system's or ours, is decided
// by the include path.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

// cmocka.h declares C functions and does not say so to C++.
extern "C" {
#include <cmocka.h>
}
