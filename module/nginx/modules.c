/*
 * The three symbols that nginx's load_module looks up.
 *
 * The order puts our header filter behind nginx's own headers filter in execution: nginx runs header
 * filters from the last module to the first, so standing in front of ngx_http_headers_filter_module
 * means seeing (and deduplicating) what add_header added.
 *
 * The second module only completes TLS settings before nginx's TLS module reads them, and so stands
 * in front of that one (tls_policy_defaults.cpp).
 */
#include <ngx_config.h>
#include <ngx_core.h>

extern ngx_module_t ngx_http_sallyport_module;
extern ngx_module_t ngx_http_sallyport_tls_module;

ngx_module_t *ngx_modules[] = {&ngx_http_sallyport_module, &ngx_http_sallyport_tls_module, NULL};
char *ngx_module_names[] = {"ngx_http_sallyport_module", "ngx_http_sallyport_tls_module", NULL};
/* nginx reads the list from a module's own name on: each stands before the first name it finds. */
char *ngx_module_order[] = {"ngx_http_sallyport_tls_module", "ngx_http_ssl_module",
                            "ngx_http_sallyport_module", "ngx_http_headers_filter_module", NULL};
