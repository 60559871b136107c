// The timestamp's part of a verification: where it stands, whether it is one, whether it is fresh.
#include "module/policy/webhook_form.hpp"
#include "module/policy/webhook_verify.hpp"

#include <algorithm>

namespace sallyport::policy::webhook {

// Timestamps of the request head. Only syntax and staleness refuse early: what is stale stays
// stale, while a date in the future may have come nearer when the body is complete.
Reason Verification::read_head_time(std::int64_t now_ms) {
    if (!profile_.timestamp) {
        return Reason::none;
    }
    const Source& source = *profile_.timestamp;
    std::size_t count = 1;
    if (source.kind == Source::Kind::header) {
        whens_[0].text = fields_.value(source.slot);
    } else if (source.kind == Source::Kind::query) {
        const FormValue found = form_value(query_of(head_.target), source.name, false, memory_);
        if (found.state != FormFind::found) {
            return found.state == FormFind::absent ? Reason::webhook_timestamp_missing
                                                   : Reason::webhook_timestamp_malformed;
        }
        timestamp_text_ = found.text;
        whens_[0].text = timestamp_text_;
    } else if (source.kind == Source::Kind::sig_field && !profile_.signature_in_body) {
        count = candidates_.groups();
        for (std::size_t g = 0; g < count; ++g) {
            const SigField& field = candidates_.field(g, source.slot);
            if (field.count != 1) {
                return field.count == 0 ? Reason::webhook_timestamp_missing
                                        : Reason::webhook_timestamp_malformed;
            }
            whens_[g].text = field.text;
        }
    } else {
        return Reason::none;  // in the body
    }
    Reason stale = Reason::none;
    std::size_t stale_count = 0;
    for (std::size_t g = 0; g < count; ++g) {
        whens_[g].ms = parse_timestamp(whens_[g].text, profile_.time_format);
        if (!whens_[g].ms) {
            return Reason::webhook_timestamp_malformed;
        }
        const Reason reason = freshness(whens_[g], now_ms);
        if (reason == Reason::webhook_timestamp_stale) {
            stale = reason;
            ++stale_count;
        }
    }
    return stale_count == count ? stale : Reason::none;
}

Reason Verification::read_body_time(std::string_view whole_body) {
    if (!profile_.timestamp || whens_[0].ms) {
        return Reason::none;
    }
    const Source& source = *profile_.timestamp;
    if (source.kind == Source::Kind::json) {
        const JsonValue value = json_->value(source.slot);
        if (value.state != JsonValue::State::found) {
            return value.state == JsonValue::State::absent ? Reason::webhook_timestamp_missing
                                                           : Reason::webhook_timestamp_malformed;
        }
        whens_[0].text = value.text;
    } else if (source.kind == Source::Kind::form) {
        FormValue value = form_value(whole_body, source.name, true, memory_);
        if (value.state != FormFind::found) {
            return value.state == FormFind::absent ? Reason::webhook_timestamp_missing
                                                   : Reason::webhook_timestamp_malformed;
        }
        timestamp_text_ = value.text;
        whens_[0].text = timestamp_text_;
    } else {
        const std::size_t groups = std::max<std::size_t>(candidates_.groups(), 1);
        for (std::size_t g = 0; g < groups; ++g) {
            const SigField& field = candidates_.field(g, source.slot);
            if (field.count != 1) {
                return Reason::webhook_timestamp_malformed;
            }
            whens_[g].text = field.text;
            whens_[g].ms = parse_timestamp(field.text, profile_.time_format);
            if (!whens_[g].ms) {
                return Reason::webhook_timestamp_malformed;
            }
        }
        return Reason::none;
    }
    whens_[0].ms = parse_timestamp(whens_[0].text, profile_.time_format);
    return whens_[0].ms ? Reason::none : Reason::webhook_timestamp_malformed;
}

// Both bounds are inclusive: exactly `tolerance` old is still fresh.
Reason Verification::freshness(const When& when, std::int64_t now_ms) const {
    if (!when.ms) {
        return Reason::none;
    }
    if (profile_.tolerance_ms && now_ms - *when.ms > *profile_.tolerance_ms) {
        return Reason::webhook_timestamp_stale;
    }
    if (profile_.future_ms && *when.ms - now_ms > *profile_.future_ms) {
        return Reason::webhook_timestamp_future;
    }
    return Reason::none;
}

const Verification::When& Verification::when_of_group(std::size_t group) const {
    const bool own = profile_.timestamp && profile_.timestamp->kind == Source::Kind::sig_field;
    return whens_[own ? group : 0];
}

}  // namespace sallyport::policy::webhook
