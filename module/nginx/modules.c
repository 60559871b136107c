/*
 * The three symbols that nginx's load_module looks up.
 *
 * The order puts the module itself where dynamic modules usually stand, in front of nginx's headers
 * filter: its phase handlers are registered late, and so run where decision 0001 wants them.
 *
 * nginx runs header filters from the last module to the first. Our header filter is a module of its
 * own behind all filters that may set a field (header_filter.cpp): standing in front of
 * ngx_http_range_header_filter_module, it runs after that one and before those that write a header.
 *
 * The TLS module only completes TLS settings before nginx's TLS module reads them, and so stands in
 * front of that one (tls_policy_defaults.cpp).
 */
#include <ngx_config.h>
#include <ngx_core.h>

extern ngx_module_t ngx_http_sallyport_module;
extern ngx_module_t ngx_http_sallyport_header_module;
extern ngx_module_t ngx_http_sallyport_tls_module;

ngx_module_t* ngx_modules[] = {&ngx_http_sallyport_module, &ngx_http_sallyport_header_module,
                               &ngx_http_sallyport_tls_module, NULL};
char* ngx_module_names[] = {"ngx_http_sallyport_module", "ngx_http_sallyport_header_module",
                            "ngx_http_sallyport_tls_module", NULL};
/* nginx reads the list from a module's own name on: each stands before the first of what follows.
 */
char* ngx_module_order[] = {"ngx_http_sallyport_tls_module",
                            "ngx_http_ssl_module",
                            "ngx_http_sallyport_header_module",
                            "ngx_http_range_header_filter_module",
                            "ngx_http_sallyport_module",
                            "ngx_http_headers_filter_module",
                            NULL};
