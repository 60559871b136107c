// Genuine deliveries, each signed by the provider's own library (or, where that only verifies, signed here and
// accepted by it first). Prints one JSON object a line; `base` is the address that some sign.
//
//   node sign.mjs FOLDER-WITH-node_modules BASE
import crypto from 'node:crypto'
import { createRequire } from 'node:module'
import path from 'node:path'
import { pathToFileURL } from 'node:url'

const [folder, base] = process.argv.slice(2)
const require = createRequire(path.join(folder, 'package.json'))
// An ES module without an entry for require.
const load = async (name, entry) => import(pathToFileURL(path.join(folder, 'node_modules', name, entry)))
const secret = 'a secret of the sender, long enough'
const standardSecret = 'whsec_' + Buffer.from('0123456789abcdef0123456789ABCDEF').toString('base64')
const now = () => Math.floor(Date.now() / 1000)
const bodies = [
  JSON.stringify({ id: 'evt_1', event_id: 'evt_2', type: 'ping', text: 'ordinary' }),
  JSON.stringify({ id: 'evt_3', event_id: 'evt_4', text: 'Zoë \u2028 😀 <b>', list: [1.5, null, { a: [] }] }),
  '{\r\n  "id": "evt_5",\r\n  "event_id": "evt_6"\r\n}\r\n',
  JSON.stringify({ id: 'evt_7', event_id: 'evt_8', text: 'x'.repeat(100_000) })
]

function print (preset, body, headers, options = {}) {
  const line = { preset, key: secret, path: '/' + preset, headers: {}, ...options, body }
  for (const [name, value] of Object.entries(headers)) {
    line.headers[name] = String(value)
  }
  console.log(JSON.stringify(line))
}

function mac (algorithm, key, text, encoding = 'hex') {
  return crypto.createHmac(algorithm, key).update(text).digest(encoding)
}

function accepted (answer, name) {
  if (!answer) {
    throw new Error(name + ' does not accept what was signed for it')
  }
}

const octokit = await load('@octokit/webhooks-methods', 'dist-node/index.js')
const Stripe = require('stripe')
const standard = require('standardwebhooks')
const svix = require('svix')
const twilio = require('twilio')
const { WebhooksHelper } = require('square')
const { verifySlackRequest } = require('@slack/bolt')
const { Signature } = require('@hubspot/api-client')
const { hmacValidator: HmacValidator } = require('@adyen/api-library')
const sanity = require('@sanity/webhook')
const jwt = require('jsonwebtoken')
const { createSigner, httpbis } = require('http-message-signatures')
const XHubSignature = require('x-hub-signature')
const discord = require('discord-interactions')
const line = require('@line/bot-sdk')
const razorpay = require('razorpay')

const hub = (algorithm, body) => new (XHubSignature.default ?? XHubSignature)(algorithm, secret).sign(Buffer.from(body))
const ed25519 = crypto.generateKeyPairSync('ed25519')
const discordKey = ed25519.publicKey.export({ format: 'der', type: 'spki' }).subarray(-32).toString('hex')

async function bodySchemes (body) {
  print('github', body, { 'X-Hub-Signature-256': await octokit.sign(secret, body), 'X-GitHub-Delivery': crypto.randomUUID() })
  print('stripe', body, {
    'Stripe-Signature': new Stripe('sk_test_none').webhooks.generateTestHeaderString({ payload: body, secret })
  })
  for (const [preset, library, prefix] of [['standard-webhooks', standard, 'webhook'], ['svix', svix, 'svix']]) {
    const id = 'msg_' + crypto.randomUUID()
    const time = new Date()
    print(preset, body, {
      [prefix + '-id']: id,
      [prefix + '-timestamp']: Math.floor(time.getTime() / 1000),
      [prefix + '-signature']: new library.Webhook(standardSecret).sign(id, time, body)
    }, { key: standardSecret })
  }
  print('sanity', body, { 'sanity-webhook-signature': await sanity.encodeSignatureHeader(body, Date.now(), secret) })
  for (const [preset, version, field] of [['hubspot-v1', 'v1', 'X-HubSpot-Signature'], ['hubspot-v2', 'v2', 'X-HubSpot-Signature'],
    ['hubspot-v3', 'v3', 'X-HubSpot-Signature-v3']]) {
    const timestamp = Date.now()
    const signature = Signature.getSignature('POST', version,
      { clientSecret: secret, requestBody: body, url: base + '/' + preset, timestamp })
    print(preset, body, { [field]: signature, 'X-HubSpot-Request-Timestamp': timestamp })
  }
  for (const [preset, algorithm, field] of [['meta', 'sha256', 'X-Hub-Signature-256'], ['whatsapp', 'sha256', 'X-Hub-Signature-256'],
    ['jira', 'sha256', 'X-Hub-Signature'], ['bitbucket', 'sha256', 'X-Hub-Signature'], ['intercom', 'sha1', 'X-Hub-Signature']]) {
    print(preset, body, { [field]: hub(algorithm, body) })
  }
  print('twilio-json', body, {}, {
    path: '/twilio-json?bodySHA256=' + twilio.getExpectedBodyHash(body),
    headers: {
      'X-Twilio-Signature': twilio.getExpectedTwilioSignature(secret,
        base + '/twilio-json?bodySHA256=' + twilio.getExpectedBodyHash(body), {})
    }
  })
  print('adyen-platform', body, {
    HmacSignature: new HmacValidator().calculateHmac(body, Buffer.from(secret).toString('hex'))
  }, { key: Buffer.from(secret).toString('hex') })
  print('netlify', body, {
    'X-Webhook-Signature': jwt.sign({ iss: 'netlify', sha256: crypto.createHash('sha256').update(body).digest('hex') }, secret)
  })
  print('monday-jwt', body, {
    Authorization: jwt.sign({}, secret, { audience: base + '/monday-jwt', expiresIn: '5m' })
  })
}

async function verifiedSchemes (body) {
  const square = mac('sha256', secret, base + '/square' + body, 'base64')
  accepted(await WebhooksHelper.verifySignature({
    requestBody: body, signatureHeader: square, signatureKey: secret, notificationUrl: base + '/square'
  }), 'square')
  print('square', body, { 'x-square-hmacsha256-signature': square })

  const slack = { 'x-slack-request-timestamp': now(), 'x-slack-signature': 'v0=' + mac('sha256', secret, `v0:${now()}:${body}`) }
  verifySlackRequest({ signingSecret: secret, body, headers: slack })
  print('slack', body, slack)

  const lineSignature = mac('sha256', secret, body, 'base64')
  accepted(line.validateSignature(body, secret, lineSignature), 'line')
  print('line', body, { 'x-line-signature': lineSignature })

  const rp = mac('sha256', secret, body)
  accepted(razorpay.validateWebhookSignature(body, rp, secret), 'razorpay')
  print('razorpay', body, { 'X-Razorpay-Signature': rp })

  const time = String(now())
  const signature = crypto.sign(null, Buffer.from(time + body), ed25519.privateKey).toString('hex')
  accepted(await discord.verifyKey(body, signature, time, discordKey), 'discord')
  print('discord', body, { 'X-Signature-Ed25519': signature, 'X-Signature-Timestamp': time }, { key: discordKey })
}

async function messageSignature (body) {
  const key = createSigner(Buffer.from(secret), 'hmac-sha256', 'k1')
  const digest = 'sha-256=:' + crypto.createHash('sha256').update(body).digest('base64') + ':'
  const signed = await httpbis.signMessage({
    key,
    fields: ['@method', '@authority', '@path', '@query', 'content-digest'],
    params: ['created', 'keyid', 'alg', 'nonce'],
    paramValues: { created: new Date(), nonce: crypto.randomUUID() }
  }, { method: 'POST', url: base + '/rfc9421?a=1', headers: { 'Content-Digest': digest } })
  print('rfc9421', body, signed.headers, { path: '/rfc9421?a=1', key: Buffer.from(secret).toString('base64') })
}

for (const body of bodies) {
  await bodySchemes(body)
  await verifiedSchemes(body)
  await messageSignature(body)
}

const form = { Body: 'Grüße & "Küsse"', From: '+4930', To: '', MediaUrl0: 'https://x/?a=b c' }
print('twilio-form', new URLSearchParams(form).toString(), {
  'X-Twilio-Signature': twilio.getExpectedTwilioSignature(secret, base + '/twilio-form', form)
})

const item = {
  pspReference: 'psp', originalReference: 'o', merchantAccountCode: 'm', merchantReference: 'r:1', eventCode: 'CAPTURE',
  amount: { currency: 'EUR', value: 100 }, success: 'true'
}
const adyenKey = Buffer.from(secret).toString('hex').toUpperCase()
item.additionalData = { hmacSignature: new HmacValidator().calculateHmac(item, adyenKey) }
print('adyen', JSON.stringify({ live: 'true', notificationItems: [{ NotificationRequestItem: item }] }), {}, { key: adyenKey })
