"""Request lines, written by hand; each aims at a protected place through a weaker one."""

from __future__ import annotations

TARGETS = (
    # plain
    b"/", b"/open", b"/open/", b"/open/admin", b"/open/admin/", b"/admin", b"/admin/log", b"/admin/help", b"/items/7",
    b"/items/new", b"/notes", b"/report", b"/open/caf%C3%A9", b"/open/caf\xc3\xa9", b"/open/caf%E9",
    b"/open/cafe%CC%81",
    # dots
    b"/open/./admin", b"/open/x/../admin", b"/open/../admin/log", b"/admin/help/../log", b"/../admin/log",
    b"/./admin/log", b"/open/%2e/admin", b"/open/x/%2e%2e/admin", b"/open/x/.%2e/admin", b"/open/%2E%2E/admin/log",
    b"/%2e%2e/admin/log", b"/open/x/..%2fadmin", b"/open%2f..%2fadmin%2flog", b"/open/x/..;/admin",
    b"/open/x/..%00/admin", b"/open/admin/.", b"/open/admin/..", b"/open/admin/%2e", b"/open/x/%252e%252e/admin",
    b"/open/x/%c0%ae%c0%ae/admin", b"/open/.../admin",
    # slashes
    b"//open/admin", b"/open//admin", b"/open///admin", b"/open/admin//", b"//admin/log", b"/%2fadmin/log",
    b"/open%2fadmin", b"/open/%2fadmin", b"/open/%2Fadmin%2F", b"/open%252fadmin", b"/open%c0%afadmin",
    b"///open//admin//", b"//admin//log", b"/open/files//a", b"/%2f%2fadmin%2flog",
    # backslashes
    b"/open\\admin", b"/open/\\admin", b"\\open\\admin", b"/open%5cadmin", b"/open/x\\..\\admin",
    b"/open/x%5c..%5cadmin",
    # parameters, fragments, queries
    b"/open/;/admin", b"/open;x/admin", b"/open/admin;x", b"/open/admin;/x", b"/open/admin%3bx", b"/open#/admin",
    b"/open/admin#", b"/open%23/admin", b"/open/admin?", b"/open?/admin", b"/open/admin?x=/open", b"/open%3f/admin",
    b"/open/admin%3f", b"?/open/admin", b"/open?/../admin",
    # odd bytes
    b"/open/admin%00", b"/open/%00admin", b"/open/adm%00in", b"/open/admin\x00", b"/open/admin%0a",
    b"/open/admin%0d%0a", b"/open/admin%20", b"/open/admin%09", b"/open/adm%ffin", b"/open/adm\xffin",
    b"/open/%ffadmin", b"/open/admin\xa0", b"/open/admin%c2%85", b"/open/admin%e2%80%a8", b"/open/adm\x7fin",
    b"/open/%ef%bd%81dmin", b"/open/%EF%BB%BFadmin", b"/%6fpen/%61dmin", b"/open/ADMIN", b"/Open/Admin",
    b"/open/admin%", b"/open/admin%zz", b"/open/%u0061dmin",
    # other forms of a target
    b"http://localhost/open/admin", b"http://localhost//open/admin", b"HTTP://other.invalid/admin/log",
    b"http://localhost", b"https://localhost/open/x/../admin", b"http:/open/admin", b"http:open/admin", b"*", b"/*",
    b"localhost:80", b"open/admin", b"admin/log", b"//localhost/open/admin", b"http://x@localhost/open/admin",
    b"http://localhost/open?/admin", b"http://open/admin", b"file:///open/admin",
    # views and indexes of frameworks
    b"/open/@@admin", b"/open/admin/@@", b"/open/admin/index", b"/open/index/admin", b"/admin/@@help", b"/index",
    b"/open/admin/", b"x/", b"/open/", b"./", b"admin", b"/open/", b"a",
)  # fmt: skip

#: Whole lines, for what is not only a matter of the target.
LINES = (
    *(b"GET " + target + b" HTTP/1.1" for target in TARGETS),
    b"HEAD /open/admin HTTP/1.1",
    b"OPTIONS /open/admin HTTP/1.1",
    b"OPTIONS * HTTP/1.1",
    b"POST /notes HTTP/1.1",
    b"post /notes HTTP/1.1",
    b"get /open/admin HTTP/1.1",
    b"Get /admin/log HTTP/1.1",
    b"GET /open/admin HTTP/1.0",
    b"GET  /open/admin HTTP/1.1",
    b"GET\t/open/admin\tHTTP/1.1",
    b"GET /open /admin HTTP/1.1",
    b"GET /open/admin  HTTP/1.1",
    b" GET /open/admin HTTP/1.1",
    b"PROPFIND /open/admin HTTP/1.1",
    b"CONNECT /open/admin HTTP/1.1",
    b"CONNECT localhost:80 HTTP/1.1",
    b"TRACE /open/admin HTTP/1.1",
)

#: Header fields that move a request somewhere else for some server or framework.
FIELDS = (
    {"X-Vhm-Root": "/open/admin"},
    {"X-Vhm-Root": "/admin"},
    {"SCRIPT_NAME": "/open"},
    {"Script-Name": "/open"},
    {"PATH_INFO": "/open/admin"},
    {"Path-Info": "/open/admin"},
    {"X-Original-URL": "/open/admin"},
    {"X-Rewrite-URL": "/open/admin"},
    {"X-Forwarded-Prefix": "/open"},
    {"X-HTTP-Method-Override": "POST"},
    {"Transfer-Encoding": "identity"},
)
