/*
 * The three symbols that nginx's load_module looks up.
 *
 * The order puts our header filter behind nginx's own headers filter in execution: nginx runs header
 * filters from the last module to the first, so standing in front of ngx_http_headers_filter_module
 * means seeing (and deduplicating) what add_header added.
 */
#include <ngx_config.h>
#include <ngx_core.h>

extern ngx_module_t ngx_http_sallyport_module;

ngx_module_t *ngx_modules[] = {&ngx_http_sallyport_module, NULL};
char *ngx_module_names[] = {"ngx_http_sallyport_module", NULL};
char *ngx_module_order[] = {"ngx_http_sallyport_module", "ngx_http_headers_filter_module", NULL};
