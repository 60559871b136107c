// The only door to nginx's headers. Nothing but the include block.
#pragma once

extern "C" {
#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_http.h>
}

// nginx's signature macros expand to old-style casts; the rest of the module stays free of them.
extern "C" ngx_module_t ngx_http_sallyport_module;
