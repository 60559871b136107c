#include "module/policy/webhook_presets.hpp"

#include <array>

namespace sallyport::policy::webhook {
namespace {

constexpr std::int64_t kMinute = 60'000;
constexpr std::int64_t kHour = 60 * kMinute;
constexpr std::int64_t kDay = 24 * kHour;

// One row a sender. What each signs is taken from its own documentation; where a URL is signed, the
// operator gives the public one with url=… when the request does not show it.
constexpr std::array kPresets = {
    Preset{"github",
           "sig=header:X-Hub-Signature-256 prefix=\"sha256=\" algo=sha256 enc=hex "
           "signed=\"{body}\" id=header:X-GitHub-Delivery",
           3 * kDay},
    Preset{"gitlab-token",
           "type=token sig=header:X-Gitlab-Token "
           "id=header:Idempotency-Key|header:X-Gitlab-Event-UUID"},
    Preset{"gitlab-signing",
           "sig=header:webhook-signature split=\" \" prefix=\"v1,\" algo=sha256 enc=base64 "
           "signed=\"{header:webhook-id}.{timestamp}.{body}\" ts=header:webhook-timestamp "
           "tolerance=300 key_fmt=whsec id=header:webhook-id"},
    Preset{"bitbucket",
           "sig=header:X-Hub-Signature prefix=\"sha256=\" algo=sha256 enc=hex "
           "signed=\"{body}\" id=header:X-Request-UUID|header:X-Request-Id"},
    Preset{"jira",
           "sig=header:X-Hub-Signature prefix=\"sha256=\" algo=sha256 enc=hex "
           "signed=\"{body}\" id=header:X-Atlassian-Webhook-Identifier"},
    Preset{"intercom",
           "sig=header:X-Hub-Signature prefix=\"sha1=\" algo=sha1 enc=hex signed=\"{body}\" "
           "id=json:id"},
    Preset{"meta",
           "sig=header:X-Hub-Signature-256 prefix=\"sha256=\" algo=sha256 enc=hex "
           "signed=\"{body}\" id=sha256:",
           36 * kHour},
    Preset{"whatsapp",
           "sig=header:X-Hub-Signature-256 prefix=\"sha256=\" algo=sha256 enc=hex "
           "signed=\"{body}\" id=sha256:",
           7 * kDay},
    Preset{"stripe",
           "sig=header:Stripe-Signature split=, kv== key=v1 algo=sha256 enc=hex "
           "signed=\"{timestamp}.{body}\" ts=sig:t tolerance=300 id=json:id",
           3 * kDay},
    Preset{"stripe-n8n",
           "sig=header:Stripe-Signature split=, kv== key=v1 algo=sha256 enc=hex "
           "signed=\"{timestamp}.{body}\" ts=sig:t tolerance=300 id=json:id",
           3 * kDay},
    Preset{"slack",
           "sig=header:X-Slack-Signature prefix=\"v0=\" algo=sha256 enc=hex "
           "signed=\"v0:{timestamp}:{body}\" ts=header:X-Slack-Request-Timestamp "
           "tolerance=300 id=json:event_id|sha256:",
           10 * kMinute},
    Preset{"customerio",
           "sig=header:X-CIO-Signature algo=sha256 enc=hex signed=\"v0:{timestamp}:{body}\" "
           "ts=header:X-CIO-Timestamp tolerance=300 id=json:event_id",
           7 * kDay},
    Preset{"zoom",
           "sig=header:x-zm-signature prefix=\"v0=\" algo=sha256 enc=hex "
           "signed=\"v0:{timestamp}:{body}\" ts=header:x-zm-request-timestamp tolerance=300 "
           "id=sha256:"},
    Preset{"shopify",
           "sig=header:X-Shopify-Hmac-Sha256 algo=sha256 enc=base64 signed=\"{body}\" "
           "id=header:X-Shopify-Webhook-Id|header:X-Shopify-Event-Id",
           4 * kHour},
    Preset{"standard",
           "sig=header:webhook-signature split=\" \" prefix=\"v1,\" algo=sha256 enc=base64 "
           "signed=\"{header:webhook-id}.{timestamp}.{body}\" ts=header:webhook-timestamp "
           "tolerance=300 key_fmt=whsec id=header:webhook-id",
           3 * kDay},
    Preset{"standard-webhooks",
           "sig=header:webhook-signature split=\" \" prefix=\"v1,\" algo=sha256 enc=base64 "
           "signed=\"{header:webhook-id}.{timestamp}.{body}\" ts=header:webhook-timestamp "
           "tolerance=300 key_fmt=whsec id=header:webhook-id",
           3 * kDay},
    Preset{"svix",
           "sig=header:svix-signature split=\" \" prefix=\"v1,\" algo=sha256 enc=base64 "
           "signed=\"{header:svix-id}.{timestamp}.{body}\" ts=header:svix-timestamp "
           "tolerance=300 key_fmt=whsec id=header:svix-id",
           3 * kDay},
    Preset{"polar",
           "sig=header:webhook-signature split=\" \" prefix=\"v1,\" algo=sha256 enc=base64 "
           "signed=\"{header:webhook-id}.{timestamp}.{body}\" ts=header:webhook-timestamp "
           "tolerance=300 key_fmt=utf8 id=header:webhook-id"},
    Preset{"standard-webhooks-v1a",
           "type=ed25519 sig=header:webhook-signature split=\" \" prefix=\"v1a,\" enc=base64 "
           "signed=\"{header:webhook-id}.{timestamp}.{body}\" ts=header:webhook-timestamp "
           "tolerance=300 key_fmt=whpk id=header:webhook-id"},
    Preset{"twilio-form",
           "sig=header:X-Twilio-Signature algo=sha1 enc=base64 signed=\"{url}{form_sorted}\" "
           "url_port=both id=header:I-Twilio-Idempotency-Token"},
    Preset{"twilio-json",
           "sig=header:X-Twilio-Signature algo=sha1 enc=base64 signed=\"{url}\" "
           "url_port=both require=\"query:bodySHA256={body_sha256_hex}\" "
           "id=header:I-Twilio-Idempotency-Token"},
    Preset{"square",
           "sig=header:x-square-hmacsha256-signature algo=sha256 enc=base64 "
           "signed=\"{url}{body}\" id=json:event_id",
           3 * kDay},
    Preset{"razorpay",
           "sig=header:X-Razorpay-Signature algo=sha256 enc=hex signed=\"{body}\" "
           "id=header:x-razorpay-event-id",
           8 * kDay},
    Preset{"paddle",
           "sig=header:Paddle-Signature split=\";\" kv== key=h1 algo=sha256 enc=hex "
           "signed=\"{timestamp}:{body}\" ts=sig:ts tolerance=5 id=json:event_id"},
    Preset{"sendgrid",
           "type=ecdsa algo=sha256 sig=header:X-Twilio-Email-Event-Webhook-Signature "
           "enc=base64 signed=\"{timestamp}{body}\" "
           "ts=header:X-Twilio-Email-Event-Webhook-Timestamp key_fmt=spki-base64 id=sha256:"},
    Preset{"discord",
           "type=ed25519 sig=header:X-Signature-Ed25519 enc=hex signed=\"{timestamp}{body}\" "
           "ts=header:X-Signature-Timestamp key_fmt=raw-hex id=json:id|sha256:"},
    Preset{"hubspot-v3",
           "sig=header:X-HubSpot-Signature-v3 algo=sha256 enc=base64 "
           "signed=\"{method}{url_hubspot}{body}{timestamp}\" "
           "ts=header:X-HubSpot-Request-Timestamp ts_fmt=unix_ms tolerance=300 id=sha256:"},
    Preset{"hubspot-v2",
           "type=hash sig=header:X-HubSpot-Signature algo=sha256 enc=hex "
           "signed=\"{secret}{method}{url}{body}\" id=sha256:"},
    Preset{"hubspot-v1",
           "type=hash sig=header:X-HubSpot-Signature algo=sha256 enc=hex "
           "signed=\"{secret}{body}\" id=sha256:"},
    Preset{"linear",
           "sig=header:Linear-Signature algo=sha256 enc=hex signed=\"{body}\" "
           "ts=json:webhookTimestamp ts_fmt=unix_ms tolerance=60 id=header:Linear-Delivery"},
    Preset{"box",
           "sig=header:Box-Signature-Primary|header:Box-Signature-Secondary algo=sha256 "
           "enc=base64 signed=\"{body}{timestamp}\" ts=header:Box-Delivery-Timestamp "
           "ts_fmt=iso8601 tolerance=600 future=0 id=json:id"},
    Preset{"twitch",
           "sig=header:Twitch-Eventsub-Message-Signature prefix=\"sha256=\" algo=sha256 "
           "enc=hex signed=\"{header:Twitch-Eventsub-Message-Id}{timestamp}{body}\" "
           "ts=header:Twitch-Eventsub-Message-Timestamp ts_fmt=iso8601 tolerance=600 "
           "id=header:Twitch-Eventsub-Message-Id case=any"},
    Preset{"notion",
           "sig=header:X-Notion-Signature prefix=\"sha256=\" algo=sha256 enc=hex case=any "
           "signed=\"{body}\" id=json:id"},
    Preset{"asana", "sig=header:X-Hook-Signature algo=sha256 enc=hex signed=\"{body}\" id=sha256:"},
    Preset{"calendly",
           "sig=header:Calendly-Webhook-Signature split=, kv== key=v1 algo=sha256 enc=hex "
           "signed=\"{timestamp}.{body}\" ts=sig:t tolerance=300 id=sha256:"},
    Preset{"typeform",
           "sig=header:Typeform-Signature prefix=\"sha256=\" algo=sha256 enc=base64 "
           "signed=\"{body}\" id=json:event_id",
           10 * kHour},
    Preset{"zendesk",
           "sig=header:X-Zendesk-Webhook-Signature algo=sha256 enc=base64 "
           "signed=\"{timestamp}{body}\" ts=header:X-Zendesk-Webhook-Signature-Timestamp "
           "ts_fmt=iso8601 tolerance=300 id=header:X-Zendesk-Webhook-Invocation-Id"},
    Preset{"trello",
           "sig=header:X-Trello-Webhook algo=sha1 enc=base64 signed=\"{body}{url}\" "
           "id=json:action.id|sha256:",
           10 * kMinute},
    Preset{"webflow",
           "sig=header:X-Webflow-Signature algo=sha256 enc=hex signed=\"{timestamp}:{body}\" "
           "ts=header:X-Webflow-Timestamp ts_fmt=unix_ms tolerance=300 id=sha256:"},
    Preset{"onfleet",
           "sig=header:X-Onfleet-Signature algo=sha512 enc=hex signed=\"{body}\" key_fmt=hex "
           "id=sha256:"},
    Preset{"taiga",
           "sig=header:X-Taiga-Webhook-Signature algo=sha1 enc=hex signed=\"{body}\" "
           "id=sha256:"},
    Preset{"calcom",
           "sig=header:X-Cal-Signature-256 algo=sha256 enc=hex signed=\"{body}\" id=sha256:"},
    Preset{"woocommerce",
           "sig=header:X-WC-Webhook-Signature algo=sha256 enc=base64 signed=\"{body}\" "
           "id=header:X-WC-Webhook-Delivery-ID"},
    Preset{"line",
           "sig=header:x-line-signature algo=sha256 enc=base64 signed=\"{body}\" id=sha256:"},
    Preset{"dropbox",
           "sig=header:X-Dropbox-Signature algo=sha256 enc=hex signed=\"{body}\" id=sha256:"},
    Preset{"vercel",
           "sig=header:x-vercel-signature algo=sha1 enc=hex signed=\"{body}\" id=json:id"},
    Preset{"docusign",
           "sig=header:X-DocuSign-Signature-* algo=sha256 enc=base64 signed=\"{body}\" "
           "id=sha256:",
           15 * kDay},
    Preset{"sanity",
           "sig=header:sanity-webhook-signature split=, kv== key=v1 algo=sha256 "
           "enc=base64url signed=\"{timestamp}.{body}\" ts=sig:t ts_fmt=unix_ms "
           "tolerance=300 id=header:idempotency-key"},
    Preset{"gocardless",
           "sig=header:Webhook-Signature algo=sha256 enc=hex signed=\"{body}\" id=sha256:"},
    Preset{"sentry",
           "sig=header:Sentry-Hook-Signature|header:Sentry-App-Signature algo=sha256 enc=hex "
           "signed=\"{body}\" id=header:Request-ID"},
    Preset{"launchdarkly",
           "sig=header:X-LD-Signature algo=sha256 enc=hex signed=\"{body}\" id=json:_id"},
    Preset{"pagerduty",
           "sig=header:X-PagerDuty-Signature split=, prefix=\"v1=\" algo=sha256 enc=hex "
           "signed=\"{body}\" id=json:event.id|header:X-Webhook-Id"},
    Preset{"mailgun",
           "sig=json:signature.signature algo=sha256 enc=hex "
           "signed=\"{json:signature.timestamp}{json:signature.token}\" "
           "ts=json:signature.timestamp tolerance=900 id=json:signature.token"},
    Preset{"paystack",
           "sig=header:x-paystack-signature algo=sha512 enc=hex signed=\"{body}\" id=sha256:"},
    Preset{"telnyx",
           "type=ed25519 sig=header:telnyx-signature-ed25519 enc=base64 "
           "signed=\"{timestamp}|{body}\" ts=header:telnyx-timestamp tolerance=300 "
           "key_fmt=raw-base64 id=json:data.id"},
    Preset{"okta-token", "type=token sig=header:Authorization id=json:eventId"},
    Preset{"paypal",
           "type=rsa algo=sha256 sig=header:Paypal-Transmission-Sig enc=base64 "
           "signed=\"{header:Paypal-Transmission-Id}|{header:Paypal-Transmission-Time}|{param:"
           "webhook_id}|{body_crc32}\" "
           "key_fmt=pem id=header:Paypal-Transmission-Id"},
    Preset{"linkedin",
           "sig=header:X-LI-Signature algo=sha256 enc=hex signed=\"hmacsha256={body}\" "
           "id=json:notificationId"},
    Preset{"tebex",
           "sig=header:X-Signature algo=sha256 enc=hex signed=\"{body_sha256_hex}\" "
           "id=json:id"},
    Preset{"solidgate",
           "sig=header:signature algo=sha512 enc=hex-in-base64 "
           "signed=\"{param:public_key}{body}{param:public_key}\" "
           "id=header:solidgate-event-id"},
    Preset{"walmart",
           "sig=header:WM_SEC.SIGNATURE algo=sha256 enc=base64 "
           "signed=\"{method}\\n{path}\\n{timestamp}\\n{body_sha256_hex}\" "
           "ts=header:WM_SEC.TIMESTAMP tolerance=300 id=sha256:"},
    Preset{"wechatpay",
           "type=rsa algo=sha256 sig=header:Wechatpay-Signature enc=base64 "
           "signed=\"{timestamp}\\n{header:Wechatpay-Nonce}\\n{body}\\n\" "
           "ts=header:Wechatpay-Timestamp tolerance=300 key_fmt=pem id=json:id"},
    Preset{"revolut",
           "sig=header:Revolut-Signature split=, prefix=\"v1=\" algo=sha256 enc=hex "
           "signed=\"v1.{timestamp}.{body}\" ts=header:Revolut-Request-Timestamp "
           "ts_fmt=unix_ms tolerance=300 id=sha256:"},
    Preset{"retell",
           "sig=header:X-Retell-Signature split=, kv== key=d algo=sha256 enc=hex "
           "signed=\"{body}{timestamp}\" ts=sig:v ts_fmt=unix_ms tolerance=300 id=sha256:"},
    Preset{"airtable",
           "sig=header:X-Airtable-Content-MAC prefix=\"hmac-sha256=\" algo=sha256 enc=hex "
           "signed=\"{body}\" key_fmt=base64 id=sha256:"},
    Preset{"persona",
           "sig=header:Persona-Signature group=\" \" split=, kv== key=v1 algo=sha256 enc=hex "
           "signed=\"{timestamp}.{body}\" ts=sig:t tolerance=300 id=json:data.id"},
    Preset{"nylas-gzip",
           "sig=header:X-Nylas-Signature algo=sha256 enc=hex signed=\"{body}\" id=sha256:"},
    Preset{"getstream-gzip",
           "sig=header:X-Signature algo=sha256 enc=hex signed=\"{body}\" body=gunzip "
           "inflate_max=1m id=header:X-Webhook-Id"},
    Preset{"aws-sns", "builtin=aws-sns"},
    Preset{"paypal-certificates", "builtin=paypal", 3 * kDay},
    Preset{"monday-jwt", "builtin=jwt sig=header:Authorization algo=HS256 aud={url}"},
    Preset{"netlify",
           "builtin=jwt sig=header:X-Webhook-Signature algo=HS256 iss=netlify body_claim=sha256"},
    Preset{"jira-connect",
           "builtin=jwt sig=header:Authorization prefix=\"JWT \" algo=HS256 qsh=required"},
    // Method, host, path, query where there is one, and the body's digest must be covered.
    Preset{"rfc9421", "builtin=httpsig alg=hmac-sha256 key_fmt=base64 tolerance=300"},
    // Described by their providers, without vectors of their own.
    Preset{"clickup", "sig=header:X-Signature algo=sha256 enc=hex signed=\"{body}\" id=sha256:"},
    Preset{"formstack",
           "sig=header:X-FS-Signature prefix=\"sha256=\" algo=sha256 enc=hex signed=\"{body}\" "
           "id=sha256:"},
    Preset{"mailerlite", "sig=header:Signature algo=sha256 enc=hex signed=\"{body}\" id=sha256:"},
    Preset{"mautic",
           "sig=header:Webhook-Signature algo=sha256 enc=base64 signed=\"{body}\" id=sha256:"},
    Preset{"acuity",
           "sig=header:X-Acuity-Signature algo=sha256 enc=base64 signed=\"{body}\" id=sha256:"},
    Preset{"xero",
           "sig=header:x-xero-signature algo=sha256 enc=base64 signed=\"{body}\" id=sha256:"},
    Preset{"workos",
           "sig=header:WorkOS-Signature split=\", \" kv== key=v1 algo=sha256 enc=hex "
           "signed=\"{timestamp}.{body}\" ts=sig:t ts_fmt=unix_ms tolerance=180 id=json:id"},
    Preset{"mux",
           "sig=header:Mux-Signature split=, kv== key=v1 algo=sha256 enc=hex "
           "signed=\"{timestamp}.{body}\" ts=sig:t tolerance=300 id=json:id"},
    Preset{"tailscale",
           "sig=header:Tailscale-Webhook-Signature split=, kv== key=v1 algo=sha256 enc=hex "
           "signed=\"{timestamp}.{body}\" ts=sig:t tolerance=300 id=sha256:"},
    Preset{
        "quoter",
        "type=hash sig=form:hash algo=md5 enc=hex signed=\"{secret}{form:timestamp}{form:data}\" "
        "ts=form:timestamp tolerance=300 id=sha256:"},
    // Time and signature in one header.
    Preset{"knock",
           "sig=header:x-knock-signature split=, kv== key=s algo=sha256 enc=base64 "
           "signed=\"{timestamp}.{body}\" ts=sig:t ts_fmt=unix_ms tolerance=300 id=sha256:"},
    Preset{"courier",
           "sig=header:courier-signature split=, kv== key=signature algo=sha256 enc=hex "
           "signed=\"{timestamp}.{body}\" ts=sig:t ts_fmt=unix_ms tolerance=300 id=sha256:"},
    Preset{"tiktok",
           "sig=header:TikTok-Signature split=, kv== key=s algo=sha256 enc=hex "
           "signed=\"{timestamp}.{body}\" ts=sig:t tolerance=300 id=sha256:"},
    Preset{"elevenlabs",
           "sig=header:ElevenLabs-Signature split=, kv== key=v0 algo=sha256 enc=hex "
           "signed=\"{timestamp}.{body}\" ts=sig:t tolerance=1800 id=sha256:"},
    Preset{"buildkite",
           "sig=header:X-Buildkite-Signature split=, kv== key=signature algo=sha256 enc=hex "
           "signed=\"{timestamp}.{body}\" ts=sig:timestamp tolerance=300 id=sha256:"},
    Preset{"nmi",  // what is called t is a nonce, not a time
           "sig=header:Webhook-Signature split=, kv== key=s algo=sha256 enc=hex "
           "signed=\"{sig:t}.{body}\" id=json:event_id"},
    // Time in a header of its own.
    Preset{"synctera",
           "sig=header:Synctera-Signature split=. algo=sha256 enc=hex "
           "signed=\"{timestamp}.{body}\" ts=header:Request-Timestamp tolerance=300 id=json:id"},
    Preset{"orb",
           "sig=header:X-Orb-Signature split=, prefix=\"v1=\" algo=sha256 enc=hex "
           "signed=\"v1:{timestamp}:{body}\" ts=header:X-Orb-Timestamp ts_fmt=iso8601 "
           "tolerance=300 id=json:id"},
    Preset{"airwallex",
           "sig=header:x-signature algo=sha256 enc=hex signed=\"{timestamp}{body}\" "
           "ts=header:x-timestamp ts_fmt=unix_ms tolerance=300 id=json:id"},
    Preset{"statsig",
           "sig=header:X-Statsig-Signature prefix=\"v0=\" algo=sha256 enc=hex "
           "signed=\"v0:{timestamp}:{body}\" ts=header:X-Statsig-Request-Timestamp "
           "ts_fmt=unix_ms tolerance=300 id=sha256:"},
    Preset{"front",
           "sig=header:X-Front-Signature algo=sha256 enc=base64 signed=\"{timestamp}:{body}\" "
           "ts=header:X-Front-Request-Timestamp ts_fmt=unix_ms tolerance=300 id=sha256:"},
    Preset{"front-rules",
           "sig=header:X-Front-Signature algo=sha1 enc=base64 signed=\"{body}\" id=sha256:"},
    Preset{"akeneo",
           "sig=header:X-Akeneo-Request-Signature algo=sha256 enc=hex "
           "signed=\"{timestamp}.{body}\" ts=header:X-Akeneo-Request-Timestamp tolerance=300 "
           "id=sha256:"},
    // The body alone.
    Preset{"shopify-events",
           "sig=header:Shopify-Hmac-Sha256 algo=sha256 enc=base64 signed=\"{body}\" "
           "id=header:Shopify-Webhook-Id",
           4 * kHour},
    Preset{"nylas",
           "sig=header:X-Nylas-Signature algo=sha256 enc=hex signed=\"{body}\" id=json:id"},
    Preset{"getstream",
           "sig=header:X-Signature algo=sha256 enc=hex signed=\"{body}\" "
           "id=header:X-Webhook-Id"},
    Preset{"x-twitter",
           "sig=header:x-twitter-webhooks-signature prefix=\"sha256=\" algo=sha256 enc=base64 "
           "signed=\"{body}\" id=sha256:"},
    Preset{"smartsheet",
           "sig=header:Smartsheet-Hmac-SHA256 algo=sha256 enc=hex signed=\"{body}\" id=sha256:"},
    Preset{"smartcar",
           "sig=header:SC-Signature algo=sha256 enc=hex signed=\"{body}\" id=json:eventId"},
    Preset{"clio", "sig=header:X-Hook-Signature algo=sha256 enc=hex signed=\"{body}\" id=sha256:"},
    Preset{"helpscout",
           "sig=header:X-HelpScout-Signature algo=sha1 enc=base64 signed=\"{body}\" id=sha256:"},
    Preset{"cursor",
           "sig=header:X-Webhook-Signature prefix=\"sha256=\" algo=sha256 enc=hex "
           "signed=\"{body}\" id=sha256:"},
    Preset{"recharge",
           "type=hash sig=header:X-Recharge-Hmac-Sha256 algo=sha256 enc=hex "
           "signed=\"{secret}{body}\" id=sha256:"},
    Preset{"adyen-platform",
           "sig=header:HmacSignature algo=sha256 enc=base64 signed=\"{body}\" key_fmt=hex "
           "id=sha256:"},
    // Some of the body.
    Preset{"adyen", "builtin=adyen"},
    Preset{"paymob-token",
           "sig=query:hmac algo=sha512 enc=hex "
           "signed=\"{json:obj.card_subtype}{json:obj.created_at}{json:obj.email}{json:obj.id}"
           "{json:obj.masked_pan}{json:obj.merchant_id}{json:obj.order_id}{json:obj.token}\" "
           "id=sha256:"},
    // Values that are null are left out.
    Preset{"praxis",
           "type=hash sig=header:Gt-Authentication algo=sha384 enc=hex ts=json:timestamp "
           "tolerance=300 signed=\"{json:merchant_id}{json:application_key}{timestamp}"
           "{json?:customer.customer_token}{json?:session.order_id}{json?:transaction.tid}"
           "{json?:transaction.currency}{json?:transaction.amount}"
           "{json?:transaction.conversion_rate}{json?:transaction.processed_currency}"
           "{json?:transaction.processed_amount}{secret}\" id=sha256:"},
    Preset{"praxis-subscription",
           "type=hash sig=header:Gt-Authentication algo=sha384 enc=hex ts=json:timestamp "
           "tolerance=300 signed=\"{json:event}{json:merchant_id}{json:application_key}"
           "{json?:cid}{json?:plan_id}{json:subscription_id}{json:subscription_status}{timestamp}"
           "{secret}\" id=sha256:"},
    Preset{
        "exact-online",
        "sig=json:HashCode algo=sha256 enc=hex case=any signed=\"{json_raw:Content}\" id=sha256:"},
    Preset{"treezor",
           "sig=json:object_payload_signature algo=sha256 enc=base64 "
           "signed=\"{json_php:object_payload}\" id=sha256:"},
    // A transaction is told again after each action on it, under one id: no id of a delivery.
    Preset{"paymob",
           "sig=query:hmac algo=sha512 enc=hex "
           "signed=\"{json:obj.amount_cents}{json:obj.created_at}{json:obj.currency}"
           "{json:obj.error_occured}{json:obj.has_parent_transaction}{json:obj.id}"
           "{json:obj.integration_id}{json:obj.is_3d_secure}{json:obj.is_auth}"
           "{json:obj.is_capture}{json:obj.is_refunded}{json:obj.is_standalone_payment}"
           "{json:obj.is_voided}{json:obj.order.id}{json:obj.owner}{json:obj.pending}"
           "{json?:obj.source_data.pan}{json?:obj.source_data.sub_type}{json?:obj.source_data.type}"
           "{json:obj.success}\" id=sha256:"},
    Preset{"paypro",
           "type=hash sig=form:SIGNATURE algo=sha256 enc=hex case=any "
           "signed=\"{form:ORDER_ID}{form:ORDER_STATUS}{form:ORDER_TOTAL_AMOUNT}"
           "{form:CUSTOMER_EMAIL}{secret}{form:TEST_MODE}{form:IPN_TYPE_NAME}\" id=sha256:"},
    // A public key, or the set of keys that the sender publishes.
    Preset{"alipay",
           "type=rsa algo=sha256 sig=header:Signature split=, kv== key=signature "
           "enc=base64-percent signed=\"{method} {path}\\n{header:Client-Id}.{timestamp}.{body}\" "
           "ts=header:Request-Time ts_fmt=iso8601 tolerance=300 key_fmt=spki-base64 id=sha256:"},
    Preset{"antom",
           "type=rsa algo=sha256 sig=header:Signature split=, kv== key=signature "
           "enc=base64-percent signed=\"{method} {path}\\n{header:Client-Id}.{timestamp}.{body}\" "
           "ts=header:Request-Time ts_fmt=unix_ms tolerance=300 key_fmt=spki-base64 id=sha256:"},
    Preset{"ebay", "builtin=ebay", 3 * kDay},
    Preset{"circle",
           "type=ecdsa algo=sha256 sig=header:X-Circle-Signature enc=base64 signed=\"{body}\" "
           "key_fmt=spki-base64 id=json:notificationId"},
    Preset{"utila",
           "type=rsa-pss algo=sha512 sig=header:x-utila-signature enc=base64 signed=\"{body}\" "
           "id=json:id"},
    Preset{"fireblocks",
           "type=rsa algo=sha512 sig=header:Fireblocks-Signature enc=base64 signed=\"{body}\" "
           "id=sha256:"},
    Preset{"fireblocks-v2",
           "builtin=jws sig=header:Fireblocks-Webhook-Signature algo=RS512 key_fmt=jwks"},
    Preset{"neon",
           "builtin=jws sig=header:X-Neon-Signature algo=EdDSA key_fmt=jwks "
           "signed=\"{timestamp}.{body_base64url}\" ts=header:X-Neon-Timestamp ts_fmt=unix_ms "
           "tolerance=300 id=header:X-Neon-Event-Id"},
    Preset{"wix", "builtin=jwt sig=body algo=RS256"},
    Preset{"plaid",
           "builtin=jwt sig=header:Plaid-Verification algo=ES256 key_fmt=jwks "
           "body_claim=request_body_sha256 tolerance=300"},
    Preset{"fusionauth",
           "builtin=jwt sig=header:X-FusionAuth-Signature-JWT algo=RS256 key_fmt=jwks "
           "body_claim=request_body_sha256 body_claim_enc=base64"},
    Preset{"graph", "builtin=graph", 4 * kHour},
    // A secret that is sent along.
    Preset{"pipedrive", "type=basic"},
    Preset{"recurly", "type=basic"},
    Preset{"postmark", "type=basic"},
    Preset{"chargebee", "type=basic"},
    Preset{"auth0", "type=token sig=header:Authorization"},
    Preset{"supabase", "type=token sig=header:Authorization prefix=\"Bearer \""},
    Preset{"ringcentral", "type=token sig=header:Verification-Token id=json:uuid"},
    Preset{"deepgram", "type=token sig=header:dg-token"},
    Preset{"figma", "type=token sig=json:passcode"},
    Preset{"mailchimp", "type=token sig=query:secret"},
    Preset{"strava", "type=token sig=query:token"},
    Preset{"mollie", "type=token sig=query:token"},
    Preset{"huggingface", "type=token sig=header:X-Webhook-Secret"},
    Preset{"meraki", "type=token sig=json:sharedSecret id=json:alertId"},
    // The three of every automation engine: a header of your choice, basic credentials, a bearer
    // token; and for senders that can do no more, a secret in the address.
    Preset{"header", "type=token sig=header:X-Webhook-Secret"},
    Preset{"basic", "type=basic"},
    Preset{"token", "type=token sig=header:Authorization prefix=\"Bearer \""},
    Preset{"query", "type=token sig=query:token"},
};

}  // namespace

std::span<const Preset> presets() {
    return kPresets;
}

const Preset* find_preset(std::string_view name) {
    for (const Preset& preset : kPresets) {
        if (preset.name == name) {
            return &preset;
        }
    }
    return nullptr;
}

}  // namespace sallyport::policy::webhook
