// Compiled by the tests with each layer's include path: every layer but the module's glue must fail
// to find this header.
extern "C" {
#include <ngx_config.h>  // first, as nginx demands
#include <ngx_core.h>
}
