// The requests of transparency_test.cpp: places, methods, conditions, fields, bodies, and what no
// client should send, as bytes.
#pragma once

#include <string>
#include <vector>

namespace sallyport::test {

inline std::string request(const std::string& line, const std::string& fields = "",
                           const std::string& body = "") {
    return line + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + fields + "\r\n" + body;
}

using Requests = std::vector<std::string>;

// Every kind of place, by the usual methods.
inline void add_everywhere(Requests& out) {
    for (const char* path : {"/",
                             "/a.txt",
                             "/missing",
                             "/listing/",
                             "/exact?x=1",
                             "/return/x",
                             "/teapot",
                             "/rewrite/x",
                             "/redirect/x",
                             "/try/x",
                             "/none/x",
                             "/closed/a",
                             "/any/",
                             "/basic/",
                             "/asks/a.txt",
                             "/mirrored/x",
                             "/proxy/x?y=z",
                             "/if/?x=1",
                             "/if/",
                             "/down/",
                             "/internal/x",
                             "/folder",
                             "/only/",
                             "/hook/x",
                             "/%2e%2e/x",
                             "/a%00b",
                             "/a%2fb",
                             "//a.txt",
                             "/x/../a.txt",
                             "/A.TXT",
                             "/proxy/?status=404",
                             "/intercepted/?status=404",
                             "/proxy/?status=500",
                             "/proxy/?accel",
                             "/proxy/?raw",
                             "/unbuffered/?status=204"}) {
        for (const char* method : {"GET", "HEAD", "POST", "OPTIONS"}) {
            out.push_back(request(std::string(method) + " " + path));
        }
        out.push_back("GET " + std::string(path) + " HTTP/1.0\r\n\r\n");
    }
}

// Methods.
inline void add_methods(Requests& out) {
    for (const char* method :
         {"PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "PROPFIND", "FOO", "get"}) {
        out.push_back(request(std::string(method) + " /a.txt"));
        out.push_back(request(std::string(method) + " /proxy/x"));
    }
}

// Ranges and conditions.
inline void add_conditions(Requests& out) {
    for (const char* fields :
         {"Range: bytes=0-1\r\n", "Range: bytes=-2\r\n", "Range: bytes=99-\r\n",
          "Range: bytes=0-0,2-2\r\n", "Range: lines=1\r\n",
          "If-Modified-Since: Thu, 01 Jan 2026 00:00:00 GMT\r\n",
          "If-Modified-Since: Thu, 01 Jan 2020 00:00:00 GMT\r\n",
          "If-Unmodified-Since: Thu, 01 Jan 2020 00:00:00 GMT\r\n", "If-None-Match: *\r\n",
          "If-Match: \"x\"\r\n", "If-Range: \"x\"\r\nRange: bytes=0-1\r\n",
          "Accept-Encoding: gzip\r\n", "Accept-Encoding: gzip\r\nRange: bytes=0-1\r\n"}) {
        out.push_back(request("GET /a.txt", fields));
        out.push_back(request("HEAD /a.txt", fields));
    }
}

// What our features read, or would take away.
inline void add_fields(Requests& out) {
    for (const char* fields :
         {"Authorization: Bearer x\r\n", "Authorization: Basic dXNlcjpwYXNz\r\n",
          "Cookie: session=secret\r\n", "Origin: https://a.test\r\n",
          "Origin: https://evil.test\r\n",
          "Origin: https://a.test\r\nAccess-Control-Request-Method: PUT\r\n",
          "X-Forwarded-For: 203.0.113.5, 10.0.0.1\r\nX-Forwarded-Proto: https\r\n",
          "X-Forwarded-For: nonsense\r\n", "Forwarded: for=203.0.113.5;proto=https\r\n",
          "X-Sallyport-Verdict: forged\r\nX-Sallyport-Client: 1.2.3.4\r\n", "Early-Data: 1\r\n",
          "X-Hub-Signature-256: sha256=00\r\nX-GitHub-Delivery: 1\r\n", "Upgrade: websocket\r\n",
          "User-Agent: token=secret\r\n", "TE: trailers\r\n"}) {
        out.push_back(request("GET /proxy/x?token=secret", fields));
        out.push_back(request("OPTIONS /proxy/x", fields));
        out.push_back(request("GET /hook/x", fields));
        out.push_back(request("GET /basic/a.txt", fields));
    }
}

// Bodies.
inline void add_bodies(Requests& out) {
    const std::string ten = "Content-Length: 10\r\n";
    for (const char* path : {"/a.txt", "/proxy/x", "/unbuffered/x", "/mirrored/x", "/hook/x",
                             "/large", "/exact", "/missing"}) {
        const std::string post = std::string("POST ") + path;
        out.push_back(request(post, ten, "0123456789"));
        out.push_back(request(post, ten + "Content-Type: application/json\r\n", "{\"a\":1234}"));
        out.push_back(request(post, "Content-Length: 65\r\n", std::string(65, 'x')));
        out.push_back(request(post, "Transfer-Encoding: chunked\r\n",
                              "5\r\nhello\r\n3;x=y\r\nabc\r\n0\r\n\r\n"));
        out.push_back(request(post, "Transfer-Encoding: chunked\r\n", "zz\r\nhello\r\n"));
        out.push_back(request(post, ten + "Expect: 100-continue\r\n", "0123456789"));
    }
    out.push_back(request("PUT /put/new.txt", ten, "0123456789"));
    out.push_back(request("DELETE /put/new.txt"));
}

// What is wrong with a request before it has a location.
inline void add_broken(Requests& out) {
    out.push_back("GET / HTTP/1.1\r\n\r\n");
    out.push_back("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n");
    out.push_back("GET / HTTP/2.0\r\nHost: a\r\n\r\n");
    out.push_back("GET /\r\n");
    out.push_back("nonsense\r\n\r\n");
    out.push_back(
        "GET http://other.test/x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    out.push_back("GET / HTTP/1.1\r\nHost: unknown.test\r\nConnection: close\r\n\r\n");
    out.push_back(request("GET /" + std::string(2000, 'a')));
    out.push_back(request("GET /", "X: " + std::string(2000, 'a') + "\r\n"));
    out.push_back(request("GET /", "Bad Name: x\r\n"));
    out.push_back(request("GET /", "Content-Length: -1\r\n"));
    out.push_back(request("POST /proxy/", "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
                          "0\r\n\r\n"));
}

// Several on one connection.
inline void add_pipelined(Requests& out) {
    const std::string more = " HTTP/1.1\r\nHost: localhost\r\n\r\n";
    out.push_back("GET /a.txt" + more + "HEAD /proxy/1" + more + "GET /missing" + more +
                  request("GET /proxy/2"));
    out.push_back("POST /proxy/1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc" +
                  request("GET /exact"));
    out.push_back("POST /exact HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc" +
                  request("GET /a.txt"));
}

// Bytes as clients send them, well formed or not.
inline Requests raw_requests() {
    Requests out;
    for (const auto add : {add_everywhere, add_methods, add_conditions, add_fields, add_bodies,
                           add_broken, add_pipelined}) {
        add(out);
    }
    return out;
}

}  // namespace sallyport::test
