#!/usr/bin/env python3
"""Writes webhook-senders.json: what the senders with rules of their own may send, and what nobody may send in their name.

Signed with Python's hashlib, hmac and the cryptography package (Debian: python3-cryptography), from the senders'
published descriptions and apart from the code under test. Keys are new with each run.

    tests/vectors/make_webhook_senders.py > tests/vectors/webhook-senders.json
"""
import base64
import hashlib
import hmac
import json
import urllib.parse
import zlib

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

NOW = 1767225600
MS = NOW * 1000
SECRET = 'a-secret-of-32-bytes-0123456789!'
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
STRANGER = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC = ec.generate_private_key(ec.SECP256R1())
rows = []


def row(scheme, name, expect, body, headers=(), secret=SECRET, options='', path='/hooks/x'):
    fields = {}
    for key, value in headers:
        fields[key] = fields[key] + [value] if key in fields else [value]
    rows.append({'id': f'{scheme}/{name}', 'scheme': scheme, 'options': options, 'method': 'POST', 'path': path,
                 'url': 'https://example.com' + path, 'headers': fields, 'secret': secret, 'now_unix': NOW,
                 'body_base64': b64(body if isinstance(body, bytes) else body.encode()), 'expect': expect})


def b64(data):
    return base64.b64encode(data).decode()


def pem(key):
    return key.public_key().public_bytes(serialization.Encoding.PEM,
                                         serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def mac(text, key=SECRET, algo='sha256'):
    return hmac.new(key.encode() if isinstance(key, str) else key,
                    text.encode() if isinstance(text, str) else text, algo)


# Amazon SNS ----------------------------------------------------------------------------------------------------------
TOPIC = 'arn:aws:sns:us-east-1:123456789012:MyTopic'
CERTIFICATE = 'https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0123abcd.pem'
SIGNED = {'Notification': ['Message', 'MessageId', 'Subject', 'Timestamp', 'TopicArn', 'Type'],
          'other': ['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type']}


def envelope(kind='Notification', version='1', key=RSA, without=(), after=None, **values):
    """`after` changes what is sent once it is signed; None takes a value away."""
    sent = {'Type': kind, 'MessageId': 'm-1', 'TopicArn': TOPIC, 'Message': 'hello', 'Timestamp': '2026-01-01T00:00:00.000Z'}
    sent.update({'Subject': 'greeting'} if kind == 'Notification' else
                {'Token': 't', 'SubscribeURL': 'https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription&Token=t'})
    sent.update(values)
    for name in without:
        del sent[name]
    text = ''.join(f'{name}\n{sent[name]}\n' for name in SIGNED.get(kind, SIGNED['other']) if name in sent)
    algorithm = hashes.SHA1() if version == '1' else hashes.SHA256()
    sent.update({'SignatureVersion': version, 'SigningCertURL': CERTIFICATE,
                 'Signature': b64(key.sign(text.encode(), padding.PKCS1v15(), algorithm))})
    for name, value in (after or {}).items():
        sent[name] = value
    return json.dumps(sent)


def sns(name, expect, body, tolerance=''):
    row('aws-sns', name, expect, body, secret=pem(RSA), options='topic=' + TOPIC + tolerance)


for version in '12':
    for kind in ['Notification', 'SubscriptionConfirmation', 'UnsubscribeConfirmation']:
        sns(f'{kind}-v{version}', 'valid', envelope(kind, version))
        sns(f'{kind}-v{version}-stranger', 'invalid', envelope(kind, version, key=STRANGER))
    sns(f'no-subject-v{version}', 'valid', envelope(version=version, without=['Subject']))
    sns(f'lines-v{version}', 'valid', envelope(version=version, Message='a\nb\r\nc', Subject=''))
    sns(f'unicode-v{version}', 'valid', envelope(version=version, Message='Zoë 😀 \u2028 \0'))
sns('subject-null', 'valid', envelope(without=['Subject'], after={'Subject': None}))
sns('subject-added', 'invalid', envelope(without=['Subject'], after={'Subject': 'x'}))
sns('subject-null-after-signing', 'invalid', envelope(after={'Subject': None}))
sns('v1-as-v2', 'invalid', envelope(after={'SignatureVersion': '2'}))
sns('v2-as-v1', 'invalid', envelope(version='2', after={'SignatureVersion': '1'}))
sns('v3', 'invalid', envelope(after={'SignatureVersion': '3'}))
for host, expect in {'https://sns.cn-north-1.amazonaws.com.cn/SimpleNotificationService-1.pem': 'valid',
                     'http://sns.us-east-1.amazonaws.com/SimpleNotificationService-1.pem': 'invalid',
                     'https://sns.us-east-1.amazonaws.com.evil.example/SimpleNotificationService-1.pem': 'invalid',
                     'https://sns.us-east-1.amazonaws.com@evil.example/SimpleNotificationService-1.pem': 'invalid',
                     'https://sns.us-east-1.amazonaws.com:8443/SimpleNotificationService-1.pem': 'invalid',
                     'https://sns.us-east-1.amazonaws.com/x/../SimpleNotificationService-1.pem': 'invalid',
                     'https://s3.amazonaws.com/SimpleNotificationService-1.pem': 'invalid', '': 'invalid'}.items():
    sns('certificate ' + host, expect, envelope(after={'SigningCertURL': host}))
sns('topic', 'invalid', envelope(TopicArn=TOPIC + 'x'))
for name in ['Message', 'MessageId', 'Timestamp', 'TopicArn', 'Type', 'Signature', 'SigningCertURL']:
    sns('null-' + name, 'invalid', envelope(after={name: None}))
for kind in ['SubscriptionConfirmation', 'UnsubscribeConfirmation']:
    for name in ['SubscribeURL', 'Token']:
        sns(f'{kind}-{name}', 'invalid', envelope(kind, after={name: 'https://evil.example/'}))
sns('type-after-signing', 'invalid', envelope(after={'Type': 'SubscriptionConfirmation'}))
sns('type-unknown', 'invalid', envelope('Other'))
sns('twice', 'invalid', envelope()[:-1] + ',"Message":"other"}')
sns('reordered', 'valid', json.dumps(dict(reversed(json.loads(envelope()).items())), indent=1, ensure_ascii=False))
sns('list', 'invalid', '[' + envelope() + ']')
sns('tail', 'invalid', envelope() + 'x')
sns('empty', 'invalid', '')
sns('id-of-two-lines', 'invalid', envelope(MessageId='a\nb'))
sns('edge', 'valid', envelope(Timestamp='2025-12-31T23:55:00.000Z'), ' tolerance=300')
sns('stale', 'stale', envelope(Timestamp='2025-12-31T23:54:59.000Z'), ' tolerance=300')
sns('future', 'stale', envelope(Timestamp='2026-01-01T00:05:01.000Z'), ' tolerance=300')
sns('cut', 'invalid', envelope(after={'Signature': json.loads(envelope())['Signature'][:-8]}))

# Adyen ---------------------------------------------------------------------------------------------------------------
ADYEN_KEY = '44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056'
PUBLISHED = 'coqCmt/IZ4E3CzPvMY8zTjQVL5hYJUiBRg8UU+iCWo0='  # of the example with this key in Adyen's documentation


def item(after=None, signature=None, **values):
    sent = {'pspReference': '7914073381342284', 'originalReference': '', 'merchantAccountCode': 'TestMerchant',
            'merchantReference': 'TestPayment-1407325143704', 'amount': {'currency': 'EUR', 'value': 1130},
            'eventCode': 'AUTHORISATION', 'success': 'true', 'reason': 'x'}
    sent.update(values)
    text = ':'.join(str(part) for part in [
        sent['pspReference'], sent['originalReference'] or '', sent['merchantAccountCode'], sent['merchantReference'],
        sent['amount']['value'], sent['amount']['currency'], sent['eventCode'], sent['success']])
    made = b64(mac(text, bytes.fromhex(ADYEN_KEY)).digest()) if signature is None else signature
    return {'NotificationRequestItem': {**sent, 'additionalData': {'hmacSignature': made}, **(after or {})}}


def adyen(name, expect, *items, change=('', '')):
    body = json.dumps({'live': 'false', 'notificationItems': list(items)}, ensure_ascii=False)
    row('adyen', name, expect, body.replace(*change) if change[0] else body, secret=ADYEN_KEY)


assert item()['NotificationRequestItem']['additionalData']['hmacSignature'] == PUBLISHED
adyen('published', 'valid', item())
adyen('two', 'valid', item(), item(pspReference='9'))
adyen('second-of-another', 'invalid', item(), item(pspReference='9', signature=PUBLISHED))
adyen('second-without', 'invalid', item(), {'NotificationRequestItem': {}})
adyen('none', 'invalid')
adyen('signature-empty', 'invalid', item(signature=''))
adyen('signature-hex', 'invalid', item(signature=base64.b64decode(PUBLISHED).hex()))
adyen('signature-cut', 'invalid', item(signature=PUBLISHED[:-4]))
adyen('amount', 'invalid', item(after={'amount': {'currency': 'EUR', 'value': 9}}))
adyen('success', 'invalid', item(after={'success': 'false'}))
adyen('success-without-quotes', 'valid', item(after={'success': True}))
adyen('reason-is-not-signed', 'valid', item(after={'reason': 'y'}))
adyen('original-null', 'valid', item(originalReference=None))
adyen('unicode-and-colons', 'valid', item(merchantReference='Zoë:\\ 😀'))
adyen('twice', 'invalid', item(), change=('"success": "true"', '"success": "true", "success": "false"'))
adyen('spaced', 'valid', item(), change=(', ', ' ,\n  '))
PLATFORM = '{"type":"balancePlatform.transfer.created","data":{"id":"1"}}'
sent = ('HmacSignature', b64(mac(PLATFORM, bytes.fromhex(ADYEN_KEY)).digest()))
for name, expect, body, headers in [
        ('genuine', 'valid', PLATFORM, [sent, ('Protocol', 'HmacSHA256')]), ('lower-name', 'valid', PLATFORM, [(sent[0].lower(), sent[1])]),
        ('none', 'invalid', PLATFORM, []), ('empty', 'invalid', PLATFORM, [(sent[0], '')]), ('twice', 'invalid', PLATFORM, [sent, sent]),
        ('line', 'invalid', PLATFORM + '\n', [sent]),
        ('key-as-text', 'invalid', PLATFORM, [(sent[0], b64(mac(PLATFORM, ADYEN_KEY).digest()))])]:
    row('adyen-platform', name, expect, body, headers, secret=ADYEN_KEY)

# eBay ----------------------------------------------------------------------------------------------------------------
NOTICE = '{"metadata":{"topic":"MARKETPLACE_ACCOUNT_DELETION"},"notification":{"notificationId":"n"}}'


def ebay(body=NOTICE, key=EC, algorithm=hashes.SHA1(), **changes):
    made = b64(key.sign(body.encode(), ec.ECDSA(algorithm)))
    text = {'alg': 'ecdsa', 'kid': 'k', 'signature': made, 'digest': 'SHA1', **changes}
    return ('X-EBAY-SIGNATURE', b64(json.dumps(text).encode()))


for name, expect, headers in [
        ('genuine', 'valid', [ebay()]), ('none', 'invalid', []), ('empty', 'invalid', [('X-EBAY-SIGNATURE', '')]),
        ('twice', 'invalid', [ebay(), ebay()]), ('of-another-body', 'invalid', [ebay(NOTICE + ' ')]),
        ('sha256', 'invalid', [ebay(algorithm=hashes.SHA256())]), ('signature-empty', 'invalid', [ebay(signature='')]),
        ('stranger', 'invalid', [ebay(key=ec.generate_private_key(ec.SECP256R1()))]),
        ('not-wrapped', 'invalid', [('X-EBAY-SIGNATURE', b64(EC.sign(NOTICE.encode(), ec.ECDSA(hashes.SHA1()))))])]:
    row('ebay', name, expect, NOTICE, headers, secret=pem(EC))
row('ebay', 'key-in-one-line', 'valid', NOTICE, [ebay()], secret=pem(EC).replace('\n', ''))
row('ebay', 'empty-body', 'valid', '', [ebay('')], secret=pem(EC))

# Microsoft Graph -----------------------------------------------------------------------------------------------------


def graph(name, expect, body):
    row('graph', name, expect, body if isinstance(body, str) else json.dumps({'value': body}))


graph('genuine', 'valid', [{'clientState': SECRET}, {'clientState': SECRET, 'lifecycleEvent': 'missed'}])
graph('encrypted', 'valid', [{'clientState': SECRET, 'encryptedContent': {'data': 'x', 'dataKey': 'y', 'dataSignature': 'z'}}])
graph('second-wrong', 'invalid', [{'clientState': SECRET}, {'clientState': 'x'}])
graph('second-without', 'invalid', [{'clientState': SECRET}, {}])
graph('case', 'invalid', [{'clientState': SECRET.upper()}])
graph('cut', 'invalid', [{'clientState': SECRET[:-1]}])
graph('empty-state', 'invalid', [{'clientState': ''}])
graph('empty-list', 'invalid', [])
graph('empty', 'invalid', '')
graph('twice', 'invalid', '{"value":[],"value":[{"clientState":"' + SECRET + '"}]}')
graph('state-twice', 'invalid', '{"value":[{"clientState":"x","clientState":"' + SECRET + '"}]}')

# PayPal --------------------------------------------------------------------------------------------------------------
PAYPAL = '{"id":"WH-1","event_type":"PAYMENT.CAPTURE.COMPLETED"}'


def paypal(body=PAYPAL, hook='W1', crc=None, algorithm=hashes.SHA256(), key=RSA, certificate='https://api.paypal.com/v1/notifications/certs/CERT-1'):
    when = '2026-01-01T00:00:00Z'
    text = f'T1|{when}|{hook}|{zlib.crc32(body.encode()) if crc is None else crc}'
    return [('Paypal-Transmission-Id', 'T1'), ('Paypal-Transmission-Time', when), ('Paypal-Cert-Url', certificate),
            ('Paypal-Auth-Algo', 'SHA256withRSA'),
            ('Paypal-Transmission-Sig', b64(key.sign(text.encode(), padding.PKCS1v15(), algorithm)))]


for name, expect, headers in [
        ('genuine', 'valid', paypal()), ('another-hook', 'invalid', paypal(hook='W2')), ('another-body', 'invalid', paypal('{}')),
        ('crc-in-hex', 'invalid', paypal(crc=format(zlib.crc32(PAYPAL.encode()), 'x'))), ('sha1', 'invalid', paypal(algorithm=hashes.SHA1())),
        ('stranger', 'invalid', paypal(key=STRANGER)), ('no-id', 'invalid', paypal()[1:]), ('no-certificate', 'invalid', paypal()[:2] + paypal()[3:]),
        ('id-twice', 'invalid', paypal() + [('Paypal-Transmission-Id', 'T1')]),
        ('host', 'invalid', paypal(certificate='https://api.paypal.com.evil.example/c')), ('http', 'invalid', paypal(certificate='http://api.paypal.com/c')),
        ('port', 'invalid', paypal(certificate='https://api.paypal.com:8443/c')), ('user', 'invalid', paypal(certificate='https://api.paypal.com@evil.example/c')),
        ('like', 'invalid', paypal(certificate='https://evilpaypal.com/c')), ('sandbox', 'valid', paypal(certificate='https://api.sandbox.paypal.com/c'))]:
    row('paypal-certificates', name, expect, PAYPAL, headers, secret=pem(RSA), options='webhook_id=W1')

# Treezor signs its payload as PHP writes it ---------------------------------------------------------------------------
PAYLOAD = {'users': [{'userId': 1, 'site': 'a/b', 'name': 'Zoë 😀', 'x': None, 'quoted': '"\\ \n', 'rate': 1.50}]}
TREEZOR = json.dumps(PAYLOAD, separators=(',', ':')).replace('/', '\\/')


def treezor(name, expect, payload, made=None, tail=''):
    made = b64(mac(TREEZOR).digest()) if made is None else made
    row('treezor', name, expect, '{"webhook":"user.create","object_payload":' + payload + ',"object_payload_signature":"' + made + '"' + tail + '}')


treezor('genuine', 'valid', TREEZOR)
treezor('slashes', 'valid', TREEZOR.replace('\\/', '/'))
treezor('utf-8', 'valid', json.dumps(PAYLOAD, separators=(',', ':'), ensure_ascii=False))
treezor('spaced', 'valid', json.dumps(PAYLOAD, indent=2, ensure_ascii=False))
treezor('changed', 'invalid', TREEZOR.replace(':1,', ':2,'))
treezor('space-in-a-text', 'invalid', TREEZOR.replace('a\\/b', 'a \\/b'))
treezor('hex', 'invalid', TREEZOR, mac(TREEZOR).hexdigest())
treezor('empty-signature', 'invalid', TREEZOR, '')
treezor('twice', 'invalid', TREEZOR, tail=',"object_payload":{}')

# Lists of fields -----------------------------------------------------------------------------------------------------
ORDER = {'ORDER_ID': '7', 'ORDER_STATUS': 'Processed', 'ORDER_TOTAL_AMOUNT': '9.99', 'CUSTOMER_EMAIL': 'ö+a@b.example', 'TEST_MODE': '0',
         'IPN_TYPE_NAME': 'OrderCharged', 'CUSTOMER_NAME': 'Zoë'}
made = hashlib.sha256('7Processed9.99ö+a@b.example{}0OrderCharged'.format(SECRET).encode()).hexdigest()
for name, expect, fields in [
        ('genuine', 'valid', {**ORDER, 'SIGNATURE': made}), ('upper', 'valid', {**ORDER, 'SIGNATURE': made.upper()}), ('none', 'invalid', ORDER),
        ('amount', 'invalid', {**ORDER, 'SIGNATURE': made, 'ORDER_TOTAL_AMOUNT': '0.99'}), ('empty', 'invalid', {**ORDER, 'SIGNATURE': ''}),
        ('shifted', 'invalid', {**ORDER, 'SIGNATURE': made, 'ORDER_ID': '', 'ORDER_STATUS': 'Processed7'}),
        ('missing', 'invalid', {k: v for k, v in {**ORDER, 'SIGNATURE': made}.items() if k != 'TEST_MODE'})]:
    row('paypro', name, expect, urllib.parse.urlencode(fields))
row('paypro', 'twice', 'invalid', urllib.parse.urlencode({**ORDER, 'SIGNATURE': made}) + '&ORDER_ID=8')

CARD = {'pan': '2346', 'type': 'card', 'sub_type': 'MasterCard'}
PAID = {'id': 192036465, 'pending': False, 'amount_cents': 100000, 'success': True, 'is_auth': False, 'is_capture': False, 'is_refunded': False,
        'is_standalone_payment': True, 'is_voided': False, 'is_3d_secure': True, 'integration_id': 4097558, 'has_parent_transaction': False,
        'order': {'id': 217503754}, 'created_at': '2024-06-13T11:33:44.592345', 'currency': 'EGP', 'error_occured': False, 'owner': 302852}
# As the provider's own page shows it for this transaction.
TEXT = '1000002024-06-13T11:33:44.592345EGPfalsefalse1920364654097558truefalsefalsefalsetruefalse217503754302852false'
FULL, CASH = (mac(TEXT + end, algo='sha512').hexdigest() for end in ['2346MasterCardcardtrue', 'cashtrue'])
for name, expect, query, change in [
        ('published', 'valid', f'hmac={FULL}', {'source_data': CARD}), ('among-others', 'valid', f'a=1&hmac={FULL}&b=2', {'source_data': CARD}),
        ('null', 'valid', f'hmac={CASH}', {'source_data': {'pan': None, 'type': 'cash', 'sub_type': None}}), ('none', 'invalid', 'a=1', {'source_data': CARD}),
        ('empty', 'invalid', 'hmac=', {'source_data': CARD}), ('twice', 'invalid', f'hmac={FULL}&hmac={FULL}', {'source_data': CARD}),
        ('upper', 'invalid', f'hmac={FULL.upper()}', {'source_data': CARD}), ('amount', 'invalid', f'hmac={FULL}', {'source_data': CARD, 'amount_cents': 1}),
        ('owner-null', 'invalid', f'hmac={FULL}', {'source_data': CARD, 'owner': None})]:
    row('paymob', name, expect, json.dumps({'type': 'TRANSACTION', 'obj': {**PAID, **change}}), path='/hooks/x?' + query)

NOTED = {'merchant_id': 'm', 'application_key': 'a', 'timestamp': NOW, 'customer': {'customer_token': 'c'}, 'session': {'order_id': 'o'},
         'transaction': {'tid': 1, 'currency': 'EUR', 'amount': 1000, 'conversion_rate': 1.5, 'processed_currency': 'USD', 'processed_amount': 1500}}


def praxis(name, expect, text, changes=None, body=None, field='Gt-Authentication', twice=False):
    made = (field, hashlib.sha384((text + SECRET).encode()).hexdigest())
    row('praxis', name, expect, json.dumps({**NOTED, **(changes or {})}) if body is None else body, [made] * (2 if twice else 1))


ALL = f'ma{NOW}co1EUR10001.5USD1500'
praxis('genuine', 'valid', ALL)
praxis('lower-name', 'valid', ALL, field='gt-authentication')
praxis('twice', 'invalid', ALL, twice=True)
praxis('null-is-left-out', 'valid', f'ma{NOW}co1EUR1000',
       {'transaction': {'tid': 1, 'currency': 'EUR', 'amount': 1000, 'conversion_rate': None, 'processed_currency': None, 'processed_amount': None}})
praxis('expired-session', 'valid', f'ma{NOW}co', {'transaction': None})
praxis('amount', 'invalid', ALL, {'transaction': {**NOTED['transaction'], 'amount': 1}})
praxis('an-object', 'invalid', f'ma{NOW}co', {'transaction': {'tid': {}}})
praxis('no-merchant', 'invalid', ALL[1:], {'merchant_id': None})
praxis('stale', 'stale', f'ma{NOW - 301}co', {'transaction': None, 'timestamp': NOW - 301})
praxis('no-json', 'invalid', '', body='x')
praxis('empty', 'invalid', '', body='')

# Addresses and words without case ------------------------------------------------------------------------------------
EVENT = '[{"eventId":1}]'
for name, expect, signed, came in [
        ('decoded', 'valid', '/x?u=a:b/c', '/x?u=a%3Ab%2fc'), ('as-it-came', 'valid', '/x?u=a%3Ab%2Fc', '/x?u=a%3Ab%2Fc'),
        ('all-decoded', 'invalid', '/x?u=a b', '/x?u=a%20b'), ('half-decoded', 'invalid', '/x?u=a:b%2Fc', '/x?u=a%3Ab%2Fc'),
        ('another', 'invalid', '/x?u=a', '/x?u=b'), ('plain', 'valid', '/x', '/x')]:
    text = f'POSThttps://example.com{signed}{EVENT}{MS}'
    row('hubspot-v3', name, expect, EVENT, [('X-HubSpot-Signature-v3', b64(mac(text).digest())), ('X-HubSpot-Request-Timestamp', str(MS))], path=came)
for name, expect, values in [
        ('bearer', 'valid', ['Bearer ' + SECRET]), ('lower', 'valid', ['bearer ' + SECRET]), ('upper', 'valid', ['BEARER ' + SECRET]),
        ('secret-upper', 'invalid', ['Bearer ' + SECRET.upper()]), ('two-spaces', 'invalid', ['Bearer  ' + SECRET]), ('tab', 'invalid', ['Bearer\t' + SECRET]),
        ('joined', 'invalid', ['Bearer' + SECRET]), ('basic', 'invalid', ['Basic ' + SECRET]), ('bare', 'invalid', [SECRET]), ('word', 'invalid', ['Bearer']),
        ('list', 'invalid', ['Bearer ' + SECRET + ', Bearer x']), ('none', 'invalid', [])]:
    row('token', name, expect, '{}', [('Authorization', value) for value in values])
row('token', 'another-header', 'invalid', '{}', [('X-Token', 'bearer ' + SECRET)], options='sig=header:X-Token')
row('token', 'another-header-as-written', 'valid', '{}', [('X-Token', 'Bearer ' + SECRET)], options='sig=header:X-Token')
USER = 'user:' + SECRET
for name, expect, value in [('lower', 'valid', 'basic ' + b64(USER.encode())), ('bearer', 'invalid', 'bearer ' + b64(USER.encode()))]:
    row('basic', name, expect, '{}', [('Authorization', value)], secret=USER)

print(json.dumps(rows, indent=1, ensure_ascii=True))
