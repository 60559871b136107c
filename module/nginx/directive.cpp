#include "module/nginx/directive.hpp"

#include "module/nginx/str.hpp"

namespace sallyport::ngx {

std::string_view DirectiveCall::arg(std::size_t index) const {
    return view(static_cast<ngx_str_t*>(cf->args->elts)[index + 1]);
}

std::optional<policy::Mode> mode_from(std::string_view text) {
    for (const auto mode : {policy::Mode::off, policy::Mode::report, policy::Mode::enforce}) {
        if (text == word(mode)) {
            return mode;
        }
    }
    return std::nullopt;
}

Result<policy::Mode> parse_mode(std::string_view text) {
    const auto mode = mode_from(text);
    if (!mode) {
        return Error{"unknown mode \"" + std::string(text) + "\"; write off, report or enforce"};
    }
    return *mode;
}

std::optional<std::string_view> option(std::string_view arg, std::string_view name) {
    if (arg.size() > name.size() && arg.starts_with(name) && arg[name.size()] == '=') {
        return arg.substr(name.size() + 1);
    }
    return std::nullopt;
}

Result<ComplexText> ComplexText::compile(ngx_conf_t* cf, std::string_view text) {
    ComplexText out;
    ngx_str_t source = copy(cf->pool, text);
    ngx_http_compile_complex_value_t compile{};
    compile.cf = cf;
    compile.value = &source;
    compile.complex_value = &out.value_;
    if (ngx_http_compile_complex_value(&compile) != NGX_OK) {
        return Error{"\"" + std::string(text) + "\" cannot be compiled; see the message above"};
    }
    return out;
}

std::string_view ComplexText::evaluate(ngx_http_request_t* r) const {
    ngx_str_t out{};
    if (ngx_http_complex_value(r, &value_, &out) != NGX_OK) {
        return {};
    }
    return view(out);
}

void warn(ngx_conf_t* cf, const std::string& message) {
    ngx_log_error(NGX_LOG_WARN, cf->log, 0, "sallyport: %s in %s:%ui", message.c_str(),
                  cf->conf_file->file.name.data, cf->conf_file->line);
}

}  // namespace sallyport::ngx
