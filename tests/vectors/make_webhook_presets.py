#!/usr/bin/env python3
"""Writes webhook-presets.json: one genuine delivery for each preset that webhook-signatures.json leaves out.

Everything is signed here with Python's hashlib, hmac and the cryptography package (Debian: python3-cryptography), from
the senders' own descriptions and apart from the code under test. Keys are new with each run.

    tests/vectors/make_webhook_presets.py > tests/vectors/webhook-presets.json
"""
import base64
import hashlib
import hmac
import json
import time
import urllib.parse
import zlib

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

NOW = 1767225600
MS = str(NOW * 1000)
ISO = '2026-01-01T00:00:00Z'
SECRET = 'a-secret-of-32-bytes-0123456789!'
URL = 'https://example.com/hooks/x'
BODY = '{"id":"evt_1","event_id":"evt_2","_id":"evt_3","n":1.50,"name":"Zoë \\u2028 😀","list":[1,{"a":null}]}'.encode()
cases = []


def b64(data):
    return base64.b64encode(data).decode()


def b64u(data):
    return base64.urlsafe_b64encode(data).rstrip(b'=').decode()


def mac(text, key=SECRET, algo='sha256'):
    text = text.encode() if isinstance(text, str) else text
    key = key.encode() if isinstance(key, str) else key
    return hmac.new(key, text, algo)


def case(scheme, headers, body=BODY, secret=SECRET, path='/hooks/x', options='', unsigned=(), method='POST',
         name='genuine'):
    """`unsigned`: header fields that hold something the sender leaves out of what it signs."""
    body = body if isinstance(body, bytes) else body.encode()
    cases.append({'id': f'{scheme}/{name}', 'scheme': scheme, 'options': options, 'method': method, 'path': path,
                  'url': 'https://example.com' + path, 'headers': headers, 'body_base64': b64(body),
                  'secret': secret, 'now_unix': NOW, 'expect': 'valid', 'unsigned_headers': list(unsigned)})


def pem(key):
    return key.public_key().public_bytes(serialization.Encoding.PEM,
                                         serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def spki(key):
    return b64(key.public_key().public_bytes(serialization.Encoding.DER,
                                             serialization.PublicFormat.SubjectPublicKeyInfo))


RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()
ED_RAW = ED.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def rsa_sign(text, algorithm=hashes.SHA256(), pss=False):
    text = text if isinstance(text, bytes) else text.encode()
    scheme = padding.PSS(padding.MGF1(algorithm), algorithm.digest_size) if pss else padding.PKCS1v15()
    return RSA.sign(text, scheme, algorithm)


def ec_raw(text):
    r, s = utils.decode_dss_signature(EC.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32, 'big') + s.to_bytes(32, 'big')


def jwk_set():
    n = RSA.public_key().public_numbers()
    p = EC.public_key().public_numbers()
    number = lambda value, size: b64u(value.to_bytes(size, 'big'))
    return json.dumps({'keys': [
        {'kty': 'RSA', 'kid': 'r', 'n': number(n.n, 256), 'e': 'AQAB'},
        {'kty': 'RSA', 'kid': 'r5', 'alg': 'RS512', 'n': number(n.n, 256), 'e': 'AQAB'},
        {'kty': 'EC', 'kid': 'e', 'crv': 'P-256', 'x': number(p.x, 32), 'y': number(p.y, 32)},
        {'kty': 'OKP', 'kid': 'd', 'crv': 'Ed25519', 'x': b64u(ED_RAW)}]})


def jws(head, payload, sign):
    text = b64u(json.dumps(head).encode()) + '.' + b64u(payload)
    return text + '.' + b64u(sign(text))


def jwt(claims, alg, kid=None):
    head = {'alg': alg, 'typ': 'JWT', **({'kid': kid} if kid else {})}
    signers = {'HS256': lambda t: mac(t).digest(), 'RS256': rsa_sign, 'ES256': ec_raw}
    return jws(head, json.dumps(claims).encode(), signers[alg])


BODY_HEX = hashlib.sha256(BODY).hexdigest()
TEXT = BODY.decode()

# The body alone.
for scheme, field in {'calcom': 'X-Cal-Signature-256', 'gocardless': 'Webhook-Signature', 'clickup': 'X-Signature',
                      'mailerlite': 'Signature', 'smartsheet': 'Smartsheet-Hmac-SHA256', 'smartcar': 'SC-Signature',
                      'clio': 'X-Hook-Signature', 'getstream': 'X-Signature', 'nylas': 'X-Nylas-Signature',
                      'nylas-gzip': 'X-Nylas-Signature', 'sentry': 'Sentry-Hook-Signature'}.items():
    case(scheme, {field: mac(BODY).hexdigest()})
for scheme, field in {'formstack': 'X-FS-Signature', 'notion': 'X-Notion-Signature', 'cursor': 'X-Webhook-Signature'}.items():
    case(scheme, {field: 'sha256=' + mac(BODY).hexdigest()})
for scheme, field in {'woocommerce': 'X-WC-Webhook-Signature', 'mautic': 'Webhook-Signature', 'acuity': 'X-Acuity-Signature',
                      'xero': 'x-xero-signature', 'shopify-events': 'Shopify-Hmac-Sha256'}.items():
    case(scheme, {field: b64(mac(BODY).digest())})
case('intercom', {'X-Hub-Signature': 'sha1=' + mac(BODY, algo='sha1').hexdigest()})
case('taiga', {'X-Taiga-Webhook-Signature': mac(BODY, algo='sha1').hexdigest()})
case('vercel', {'x-vercel-signature': mac(BODY, algo='sha1').hexdigest()})
case('helpscout', {'X-HelpScout-Signature': b64(mac(BODY, algo='sha1').digest())})
case('front-rules', {'X-Front-Signature': b64(mac(BODY, algo='sha1').digest())})
case('pagerduty', {'X-PagerDuty-Signature': 'v1=' + mac(BODY).hexdigest()})
case('pagerduty', {'X-PagerDuty-Signature': 'v1=' + 64 * '0' + ',v1=' + mac(BODY).hexdigest()}, name='rotating',
     unsigned=['X-PagerDuty-Signature'])
case('x-twitter', {'x-twitter-webhooks-signature': 'sha256=' + b64(mac(BODY).digest())})
case('linkedin', {'X-LI-Signature': mac('hmacsha256=' + TEXT).hexdigest()})
case('tebex', {'X-Signature': mac(BODY_HEX).hexdigest()})
case('recharge', {'X-Recharge-Hmac-Sha256': hashlib.sha256(SECRET.encode() + BODY).hexdigest()})
KEY = bytes(range(32))
case('airtable', {'X-Airtable-Content-MAC': 'hmac-sha256=' + mac(BODY, KEY).hexdigest()}, secret=b64(KEY))
case('adyen-platform', {'HmacSignature': b64(mac(BODY, KEY).digest())}, secret=KEY.hex().upper())
case('solidgate', {'signature': b64(mac('pk_1' + TEXT + 'pk_1', algo='sha512').hexdigest().encode())},
     options='param:public_key=pk_1')

# A signed timestamp, in the signature's own field or beside it.
for scheme, field, form, pattern in [
        ('calendly', 'Calendly-Webhook-Signature', 't={t},v1={s}', '{t}.{b}'),
        ('mux', 'Mux-Signature', 't={t},v1={s}', '{t}.{b}'),
        ('tailscale', 'Tailscale-Webhook-Signature', 't={t},v1={s}', '{t}.{b}'),
        ('tiktok', 'TikTok-Signature', 't={t},s={s}', '{t}.{b}'),
        ('elevenlabs', 'ElevenLabs-Signature', 't={t},v0={s}', '{t}.{b}'),
        ('buildkite', 'X-Buildkite-Signature', 'timestamp={t},signature={s}', '{t}.{b}'),
        ('nmi', 'Webhook-Signature', 't={t},s={s}', '{t}.{b}'),
        ('workos', 'WorkOS-Signature', 't={m}, v1={s}', '{m}.{b}'),
        ('courier', 'courier-signature', 't={m},signature={s}', '{m}.{b}'),
        ('retell', 'X-Retell-Signature', 'v={m},d={s}', '{b}{m}')]:
    text = pattern.replace('{t}', str(NOW)).replace('{m}', MS).replace('{b}', TEXT)
    case(scheme, {field: form.format(t=NOW, m=MS, s=mac(text).hexdigest())})
case('sanity', {'sanity-webhook-signature': f't={MS},v1={b64u(mac(MS + "." + TEXT).digest())}'})
case('knock', {'x-knock-signature': f't={MS},s={b64(mac(MS + "." + TEXT).digest())}'})
for scheme, field, time_field, when, text, form in [
        ('customerio', 'X-CIO-Signature', 'X-CIO-Timestamp', str(NOW), 'v0:{}:', '{}'),
        ('webflow', 'X-Webflow-Signature', 'X-Webflow-Timestamp', MS, '{}:', '{}'),
        ('akeneo', 'X-Akeneo-Request-Signature', 'X-Akeneo-Request-Timestamp', str(NOW), '{}.', '{}'),
        ('airwallex', 'x-signature', 'x-timestamp', MS, '{}', '{}'),
        ('statsig', 'X-Statsig-Signature', 'X-Statsig-Request-Timestamp', MS, 'v0:{}:', 'v0={}'),
        ('orb', 'X-Orb-Signature', 'X-Orb-Timestamp', ISO, 'v1:{}:', 'v1={}'),
        ('synctera', 'Synctera-Signature', 'Request-Timestamp', str(NOW), '{}.', '{}')]:
    case(scheme, {field: form.format(mac(text.format(when) + TEXT).hexdigest()), time_field: when})
case('synctera', {'Synctera-Signature': 64 * '0' + '.' + mac(f'{NOW}.{TEXT}').hexdigest(), 'Request-Timestamp': str(NOW)},
     name='rotating', unsigned=['Synctera-Signature'])
case('front', {'X-Front-Signature': b64(mac(MS + ':' + TEXT).digest()), 'X-Front-Request-Timestamp': MS})
case('walmart', {'WM_SEC.SIGNATURE': b64(mac(f'POST\n/hooks/x\n{NOW}\n{BODY_HEX}').digest()),
                 'WM_SEC.TIMESTAMP': str(NOW)})
case('standard', {'webhook-id': 'm1', 'webhook-timestamp': str(NOW),
                  'webhook-signature': 'v1,' + b64(mac(f'm1.{NOW}.{TEXT}', KEY).digest())}, secret='whsec_' + b64(KEY))

# Some of the body, the address, a form.
form = [('To', '+49 30'), ('From', 'a&b'), ('Body', 'Grüße')]
case('twilio-form', {'X-Twilio-Signature': b64(mac(
    URL + ''.join(k + v for k, v in sorted(form)), algo='sha1').digest())}, body=urllib.parse.urlencode(form))
data = '{"a":1}'
case('quoter', {}, body=urllib.parse.urlencode({'timestamp': NOW, 'data': data, 'hash': hashlib.md5(
    (SECRET + str(NOW) + data).encode()).hexdigest()}))
pay = {'ORDER_ID': '7', 'ORDER_STATUS': 'Processed', 'ORDER_TOTAL_AMOUNT': '9.99', 'CUSTOMER_EMAIL': 'a@b.example',
       'TEST_MODE': '0', 'IPN_TYPE_NAME': 'OrderCharged'}
case('paypro', {}, body=urllib.parse.urlencode({**pay, 'SIGNATURE': hashlib.sha256(
    (pay['ORDER_ID'] + pay['ORDER_STATUS'] + pay['ORDER_TOTAL_AMOUNT'] + pay['CUSTOMER_EMAIL'] + SECRET
     + pay['TEST_MODE'] + pay['IPN_TYPE_NAME']).encode()).hexdigest()}))
content = '{"Topic":"Accounts" , "Division":1,"Key":"k"}'
case('exact-online', {}, body='{"Content":' + content + ',"HashCode":"' + mac(content).hexdigest().upper() + '"}')
content = '{"users":[{"userId":1,"name":"Zo\\u00eb"}]}'
case('treezor', {}, body='{"webhook":"user.create","webhook_id":"w","object":"user","object_payload":' + content
     + ',"object_payload_signature":"' + b64(mac(content).digest()) + '"}')
obj = {'id': 192036465, 'pending': False, 'amount_cents': 100000, 'success': True, 'is_auth': False, 'is_capture': False,
       'is_standalone_payment': True, 'is_voided': False, 'is_refunded': False, 'is_3d_secure': True,
       'integration_id': 4097558, 'has_parent_transaction': False, 'order': {'id': 217503754, 'items': []},
       'created_at': '2024-06-13T11:33:44.592345', 'currency': 'EGP', 'error_occured': False, 'owner': 302852,
       'source_data': {'pan': '2346', 'type': 'card', 'sub_type': 'MasterCard'}}
# The string that the provider's own page shows for this transaction.
text = ('1000002024-06-13T11:33:44.592345EGPfalsefalse1920364654097558truefalsefalsefalsetruefalse217503754302852false2346'
        'MasterCardcardtrue')
case('paymob', {}, body=json.dumps({'type': 'TRANSACTION', 'obj': obj}),
     path='/hooks/x?hmac=' + mac(text, algo='sha512').hexdigest())
token = {'card_subtype': 'MasterCard', 'created_at': '2024-06-13T11:33:44.592345', 'email': 'a@b.example', 'id': 7,
         'masked_pan': 'xxxx-xxxx-xxxx-2346', 'merchant_id': 8, 'order_id': '9', 'token': 't'}
case('paymob-token', {}, body=json.dumps({'type': 'TOKEN', 'obj': token}),
     path='/hooks/x?hmac=' + mac(''.join(str(value) for value in token.values()), algo='sha512').hexdigest())
noted = {'merchant_id': 'm', 'application_key': 'a', 'timestamp': NOW}
sha384 = lambda text: hashlib.sha384((text + SECRET).encode()).hexdigest()
case('praxis', {'Gt-Authentication': sha384(f'ma{NOW}co1EUR1000')}, body=json.dumps({
    **noted, 'customer': {'customer_token': 'c'}, 'session': {'order_id': 'o'},
    'transaction': {'tid': 1, 'currency': 'EUR', 'amount': 1000, 'conversion_rate': None}}))
case('praxis-subscription', {'Gt-Authentication': sha384(f'SubscriptionCreatedmacpsactive{NOW}')}, body=json.dumps({
    **noted, 'event': 'SubscriptionCreated', 'cid': 'c', 'plan_id': 'p', 'subscription_id': 's',
    'subscription_status': 'active'}))
item = {'pspReference': '7914073381342284', 'merchantAccountCode': 'TestMerchant', 'merchantReference': 'TestPayment-1',
        'amount': {'value': 1130, 'currency': 'EUR'}, 'eventCode': 'AUTHORISATION', 'success': 'true'}
text = '7914073381342284::TestMerchant:TestPayment-1:1130:EUR:AUTHORISATION:true'
adyen_key = '44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056'
item['additionalData'] = {'hmacSignature': b64(mac(text, bytes.fromhex(adyen_key)).digest())}
case('adyen', {}, body=json.dumps({'live': 'false', 'notificationItems': [{'NotificationRequestItem': item}]}),
     secret=adyen_key)

# Public keys.
case('standard-webhooks-v1a', {'webhook-id': 'm1', 'webhook-timestamp': str(NOW),
                               'webhook-signature': 'v1a,' + b64(ED.sign(f'm1.{NOW}.{TEXT}'.encode()))},
     secret='whpk_' + b64(ED_RAW))
case('wechatpay', {'Wechatpay-Signature': b64(rsa_sign(f'{NOW}\nn1\n{TEXT}\n')), 'Wechatpay-Timestamp': str(NOW),
                   'Wechatpay-Nonce': 'n1'}, secret=pem(RSA))
certificate = 'https://api.paypal.com/v1/notifications/certs/CERT-1'
case('paypal-certificates', {
    'Paypal-Transmission-Id': 'T1', 'Paypal-Transmission-Time': ISO, 'Paypal-Cert-Url': certificate,
    'Paypal-Transmission-Sig': b64(rsa_sign(f'T1|{ISO}|W1|{zlib.crc32(BODY)}'))}, secret=pem(RSA), options='webhook_id=W1',
    unsigned=['Paypal-Cert-Url'])
case('circle', {'X-Circle-Signature': b64(EC.sign(BODY, ec.ECDSA(hashes.SHA256()))), 'X-Circle-Key-Id': 'k'}, secret=spki(EC),
     unsigned=['X-Circle-Key-Id'])
case('ebay', {'X-EBAY-SIGNATURE': b64(json.dumps({
    'alg': 'ecdsa', 'kid': 'k', 'signature': b64(EC.sign(BODY, ec.ECDSA(hashes.SHA1()))), 'digest': 'SHA1'}).encode())},
    secret=pem(EC), unsigned=['X-EBAY-SIGNATURE'])
case('utila', {'x-utila-signature': b64(rsa_sign(BODY, hashes.SHA512(), True))}, secret=pem(RSA))
case('fireblocks', {'Fireblocks-Signature': b64(rsa_sign(BODY, hashes.SHA512()))}, secret=pem(RSA))
for scheme, when in {'alipay': '2026-01-01T08:00:00+08:00', 'antom': MS}.items():
    signature = urllib.parse.quote(b64(rsa_sign(f'POST /hooks/x\nC1.{when}.{TEXT}')), safe='')
    case(scheme, {'Signature': f'algorithm=RSA256,keyVersion=1,signature={signature}', 'Client-Id': 'C1',
                  'Request-Time': when}, secret=spki(RSA), unsigned=['Signature'])

# JSON Web Signatures and tokens.
claims = {'exp': NOW + 100, 'iat': NOW}
case('monday-jwt', {'Authorization': jwt({**claims, 'aud': URL}, 'HS256')})
case('netlify', {'X-Webhook-Signature': jwt({'iss': 'netlify', 'sha256': BODY_HEX}, 'HS256')})
qsh = hashlib.sha256(b'POST&/hooks/x&a=1&b=%2C%20x,y').hexdigest()
case('jira-connect', {'Authorization': 'JWT ' + jwt({**claims, 'qsh': qsh}, 'HS256')}, path='/hooks/x?b=y&b=%2c+x&a=1')
case('plaid', {'Plaid-Verification': jwt({'iat': NOW, 'request_body_sha256': BODY_HEX}, 'ES256', 'e')}, secret=jwk_set())
case('fusionauth', {'X-FusionAuth-Signature-JWT': jwt(
    {'request_body_sha256': b64(hashlib.sha256(BODY).digest())}, 'RS256', 'r')}, secret=jwk_set())
case('wix', {}, body=jwt({**claims, 'data': '{"eventType":"X"}'}, 'RS256'), secret=pem(RSA))
head, _, signature = jws({'alg': 'RS512', 'kid': 'r5'}, BODY, lambda t: rsa_sign(t, hashes.SHA512())).split('.')
case('fireblocks-v2', {'Fireblocks-Webhook-Signature': f'{head}..{signature}'}, secret=jwk_set())
head, _, signature = jws({'alg': 'EdDSA', 'kid': 'd'}, f'{MS}.{b64u(BODY)}'.encode(),
                         lambda t: ED.sign(t.encode())).split('.')
case('neon', {'X-Neon-Signature': f'{head}..{signature}', 'X-Neon-Timestamp': MS, 'X-Neon-Event-Id': 'e1'}, secret=jwk_set(),
     unsigned=['X-Neon-Event-Id'])

# A secret that is sent along.
basic = 'user:' + SECRET
for scheme in ['basic', 'pipedrive', 'recurly', 'postmark', 'chargebee']:
    case(scheme, {'Authorization': 'Basic ' + b64(basic.encode())}, secret=basic)
for scheme, field, prefix in [
        ('header', 'X-Webhook-Secret', ''), ('huggingface', 'X-Webhook-Secret', ''), ('token', 'Authorization', 'Bearer '),
        ('supabase', 'Authorization', 'Bearer '), ('auth0', 'Authorization', ''), ('okta-token', 'Authorization', ''),
        ('ringcentral', 'Verification-Token', ''), ('deepgram', 'dg-token', '')]:
    case(scheme, {field: prefix + SECRET})
for scheme, name in {'query': 'token', 'mailchimp': 'secret', 'strava': 'token', 'mollie': 'token'}.items():
    case(scheme, {}, path=f'/hooks/x?{name}={urllib.parse.quote(SECRET)}')
case('meraki', {}, body=json.dumps({'sharedSecret': SECRET, 'alertId': 'a1'}))
case('figma', {}, body=json.dumps({'event_type': 'PING', 'passcode': SECRET}))
case('graph', {}, body=json.dumps({'value': [{'subscriptionId': 's', 'clientState': SECRET}, {'clientState': SECRET}]}))

print(json.dumps(cases, indent=1, ensure_ascii=True))
