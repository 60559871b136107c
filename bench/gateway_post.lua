-- wrk's requests for the POST configurations of bench/gateway: bodies of SIZE bytes, each another, signed
-- as GitHub signs. The signature is OpenSSL's, called from LuaJIT.
--
--   wrk -s gateway_post.lua URL -- SIZE SECRET
local ffi = require("ffi")
ffi.cdef [[
const void *EVP_sha256(void);
unsigned char *HMAC(const void *md, const void *key, int key_len, const unsigned char *data, size_t size,
                    unsigned char *mac, unsigned int *mac_size);
]]
local crypto = ffi.load("libcrypto.so.3")
local mac = ffi.new("unsigned char[32]")
local mac_size = ffi.new("unsigned int[1]")
local hex = {}
for i = 0, 255 do
    hex[i] = string.format("%02x", i)
end
local secret, tail, run, count
local digits = {}

function init(args)
    local size = tonumber(args[1])
    secret = args[2]
    -- No two runs send the same, or the second would be a replay.
    local random = assert(io.open("/dev/urandom", "rb"))
    run = random:read(8):gsub(".", function(c) return hex[c:byte()] end)
    random:close()
    count = 0
    local head = string.format('{"run":"%s","n":"%010d","fill":"', run, 0)
    tail = string.rep("x", size - #head - 2) .. '"}'
end

function request()
    count = count + 1
    local body = string.format('{"run":"%s","n":"%010d","fill":"', run, count) .. tail
    crypto.HMAC(crypto.EVP_sha256(), secret, #secret, body, #body, mac, mac_size)
    for i = 0, 31 do
        digits[i + 1] = hex[mac[i]]
    end
    return wrk.format("POST", "/", {
        ["Content-Type"] = "application/json",
        ["X-GitHub-Event"] = "push",
        ["X-GitHub-Delivery"] = run .. count,
        ["X-Hub-Signature-256"] = "sha256=" .. table.concat(digits),
    }, body)
end
