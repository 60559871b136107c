/*
 * A header filter of somebody else's that stands where few do: between Sallyport's and nginx's
 * writers of a header. It says what it was shown, in fields of its own.
 */
#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

static ngx_http_output_header_filter_pt next_header_filter;

static ngx_int_t add(ngx_http_request_t* r, const char* name, ngx_uint_t number) {
    ngx_table_elt_t* field = ngx_list_push(&r->headers_out.headers);
    u_char* text = ngx_pnalloc(r->pool, NGX_INT_T_LEN);
    if (field == NULL || text == NULL) {
        return NGX_ERROR;
    }
    ngx_memzero(field, sizeof(*field));
    field->hash = 1;
    field->key.data = (u_char*)name;
    field->key.len = ngx_strlen(name);
    field->value.data = text;
    field->value.len = (size_t)(ngx_sprintf(text, "%ui", number) - text);
    return NGX_OK;
}

static ngx_int_t watch(ngx_http_request_t* r) {
    ngx_uint_t fields = 0, with_line_ends = 0;
    const ngx_list_part_t* part;
    if (r != r->main) {
        return next_header_filter(r);
    }
    for (part = &r->headers_out.headers.part; part != NULL; part = part->next) {
        const ngx_table_elt_t* header = part->elts;
        for (ngx_uint_t i = 0; i < part->nelts; ++i) {
            const ngx_str_t* value = &header[i].value;
            if (header[i].hash != 0) {
                ++fields;
                with_line_ends += ngx_strlchr(value->data, value->data + value->len, '\n') != NULL;
            }
        }
    }
    if (add(r, "X-Watched-Fields", fields) != NGX_OK ||
        add(r, "X-Watched-Line-Ends", with_line_ends) != NGX_OK) {
        return NGX_ERROR;
    }
    return next_header_filter(r);
}

static ngx_int_t install(ngx_conf_t* cf) {
    (void)cf;
    next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = watch;
    return NGX_OK;
}

static ngx_http_module_t context = {NULL, install, NULL, NULL, NULL, NULL, NULL, NULL};
ngx_module_t ngx_http_watching_module = {NGX_MODULE_V1, &context, NULL, NGX_HTTP_MODULE,
                                         NULL,          NULL,     NULL, NULL,
                                         NULL,          NULL,     NULL, NGX_MODULE_V1_PADDING};

ngx_module_t* ngx_modules[] = {&ngx_http_watching_module, NULL};
char* ngx_module_names[] = {"ngx_http_watching_module", NULL};
char* ngx_module_order[] = {"ngx_http_watching_module", "ngx_http_chunked_filter_module", NULL};
