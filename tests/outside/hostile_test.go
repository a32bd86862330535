package outside_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/ozonecloud/ozone/tests/client"
	"github.com/ozonecloud/ozone/tests/gziptest"
	"github.com/ozonecloud/ozone/tests/node"
	"github.com/ozonecloud/ozone/tests/nodetest"
)

// hostile is something that no good client sends, and what comes back: a status with its fault for each request in it.
type hostile struct{ what, request, want string }

// sender writes requests of one account as they go over the wire.
type sender struct{ base, auth string }

func senderOf(c *client.Client) sender {
	return sender{"/v1.0/" + c.Account(), "Host: x\r\nX-Auth-Token: " + c.Token() + "\r\nConnection: close\r\n"}
}

// head is a request without a body; lines are more header lines.
func (s sender) head(verb, path string, lines ...string) string {
	return verb + " " + s.base + path + " HTTP/1.1\r\n" + s.auth + strings.Join(append(lines, ""), "\r\n") + "\r\n"
}

func (s sender) get(path string, lines ...string) string { return s.head("GET", path, lines...) }

// send is a request with a body of a type.
func (s sender) send(verb, path, kind, body string, lines ...string) string {
	return s.head(verb, path, append(lines, "Content-Type: "+kind, "Content-Length: "+strconv.Itoa(len(body)))...) + body
}

// create asks for a server in JSON.
func (s sender) create(body string, lines ...string) string {
	return s.send("POST", "/servers", "application/json", body, lines...)
}

// createXML asks for a server in XML, and for the answer in XML too.
func (s sender) createXML(body string) string {
	return s.send("POST", "/servers", "application/xml", body, "Accept: application/xml")
}

// act asks for an action of a server that is not there.
func (s sender) act(body string) string {
	return s.send("POST", "/servers/99999999/action", "application/json", body)
}

const goodServer = `{"server":{"name":"n","imageId":1,"flavorId":1}}`

// with is a good server with more members.
func with(members string) string { return server(`"name":"n","imageId":1,"flavorId":1,` + members) }

func (s sender) requestLines() []hostile {
	return []hostile{
		{"a good one", s.get("/servers"), "200"},
		{"HTTP/1.0", "GET " + s.base + "/servers HTTP/1.0\r\n" + s.auth + "\r\n", "200"},
		{"no version", "GET " + s.base + "/servers\r\n" + s.auth + "\r\n", "400 badRequest"},
		{"HTTP/9.9", "GET " + s.base + "/servers HTTP/9.9\r\n" + s.auth + "\r\n", "400 badRequest"},
		{"HTTP/1.2", "GET " + s.base + "/servers HTTP/1.2\r\n" + s.auth + "\r\n", "400 badRequest"},
		{"a version in lower case", "GET " + s.base + "/servers http/1.1\r\n" + s.auth + "\r\n", "400 badRequest"},
		{"the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "400 badRequest"},
		{"a greeting of TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", "400 badRequest"},
		{"a method in lower case", "get " + s.base + "/servers HTTP/1.1\r\n" + s.auth + "\r\n", "400 badRequest"},
		{"a method of 1,000 letters", strings.Repeat("G", 1000) + " " + s.base + "/servers HTTP/1.1\r\n" + s.auth + "\r\n", "400 badRequest"},
		{"a method of 17 letters", strings.Repeat("G", 17) + " " + s.base + "/servers HTTP/1.1\r\n" + s.auth + "\r\n", "400 badRequest"},
		{"no method", " " + s.base + "/servers HTTP/1.1\r\n" + s.auth + "\r\n", "400 badRequest"},
		{"a method that nobody knows", s.head("BREW", "/servers"), "405 badMethod"},
		{"TRACE", s.head("TRACE", "/servers"), "405 badMethod"},
		{"CONNECT", "CONNECT example.org:443 HTTP/1.1\r\n" + s.auth + "\r\n", "405 badMethod"},
		{"OPTIONS for everything", "OPTIONS * HTTP/1.1\r\n" + s.auth + "\r\n", "405 badMethod"},
		{"a whole URL", "GET http://example.org" + s.base + "/servers HTTP/1.1\r\n" + s.auth + "\r\n", "200"},
		{"a tab for a space", "GET\t" + s.base + "/servers\tHTTP/1.1\r\n" + s.auth + "\r\n", "400 badRequest"},
		{"a space in the path", "GET " + s.base + "/ser vers HTTP/1.1\r\n" + s.auth + "\r\n", "400 badRequest"},
		{"NUL in the path", "GET " + s.base + "/serv\x00ers HTTP/1.1\r\n" + s.auth + "\r\n", "400 badRequest"},
		{"a path of 9,000 letters", s.get("/" + strings.Repeat("a", 9000)), "431 cloudServersFault"},
		{"a query of 9,000 letters", s.get("/servers?" + strings.Repeat("a", 9000)), "431 cloudServersFault"},
	}
}

func (s sender) headers() []hostile {
	line := "GET " + s.base + "/servers HTTP/1.1\r\n"
	return []hostile{
		{"bare line feeds", strings.ReplaceAll(line+s.auth, "\r", "") + "X-A: b\r\n\r\n", "400 badRequest"},
		{"NUL in a value", s.get("/servers", "X-A: a\x00b"), "400 badRequest"},
		{"a name with a space", s.get("/servers", "X A: b"), "400 badRequest"},
		{"a space before the colon", s.get("/servers", "X-A : b"), "400 badRequest"},
		{"no colon", s.get("/servers", "X-A"), "400 badRequest"},
		{"no name", s.get("/servers", ": b"), "400 badRequest"},
		{"a folded line", s.get("/servers", "X-A: a", " b"), "400 badRequest"},
		{"a folded line with a tab", s.get("/servers", "X-A: a", "\tb"), "400 badRequest"},
		{"no Host", line + "X-Auth-Token: x\r\nConnection: close\r\n\r\n", "400 badRequest"},
		{"two Hosts", s.get("/servers", "Host: y"), "400 badRequest"},
		{"500 lines", s.get("/servers", strings.Repeat("X-A: bbbbbbbbbbbbbbbbbbbb\r\n", 500)+"X-B: c"), "431 cloudServersFault"},
		{"a line of 1 MiB", s.get("/servers", "X-A: "+strings.Repeat("a", 1<<20)), "431 cloudServersFault"},
		{"Accept of everything odd", s.get("/servers", "Accept: */json;q=nan, application/xml;q=-1;;,,text/html;level=1"), "200"},
		{"Accept 200 times", s.get("/servers", "Accept: "+strings.Repeat("text/html,", 200)+"application/json"), "200"},
		{"a range", s.get("/servers", "Range: bytes=0-0,-1"), "200"},
		{"an upgrade", s.get("/servers", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"), "200"},
		{"an unknown expectation", s.create(goodServer, "Expect: the-impossible"), "417 cloudServersFault|202"},
		{"an endless wait", s.get("/servers", "Prefer: wait=99999999999999999999"), "200"},
		{"a key of 65 characters", s.create(goodServer, "Idempotency-Key: "+strings.Repeat("k", 65)), "400 badRequest"},
		{"a key with a space", s.create(goodServer, "Idempotency-Key: a b"), "400 badRequest"},
		{"a key that is no ASCII", s.create(goodServer, "Idempotency-Key: \xc3\xbc"), "400 badRequest"},
		{"two keys", s.create(goodServer, "Idempotency-Key: a", "Idempotency-Key: b"), "400 badRequest"},
	}
}

func (s sender) framing() []hostile {
	post := "POST " + s.base + "/servers HTTP/1.1\r\n" + s.auth + "Content-Type: application/json\r\n"
	long := "Content-Length: " + strconv.Itoa(len(goodServer)) + "\r\n"
	chunk := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(goodServer), goodServer)
	return []hostile{
		{"a length and chunks", post + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400 badRequest"},
		{"chunks and a length", post + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", "400 badRequest"},
		{"two lengths", post + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", "400 badRequest"},
		{"the same length twice", post + long + long + "\r\n" + goodServer, "400 badRequest"},
		{"two lengths in a line", post + "Content-Length: 5, 5\r\n\r\nhello", "400 badRequest"},
		{"a signed length", post + "Content-Length: +5\r\n\r\nhello", "400 badRequest"},
		{"a negative length", post + "Content-Length: -5\r\n\r\nhello", "400 badRequest"},
		{"a length in hexadecimal", post + "Content-Length: 0x5\r\n\r\nhello", "400 badRequest"},
		{"a length with a fraction", post + "Content-Length: 5.0\r\n\r\nhello", "400 badRequest"},
		{"an empty length", post + "Content-Length: \r\n\r\nhello", "400 badRequest"},
		{"a length above 2^64", post + "Content-Length: 99999999999999999999\r\n\r\nhello", "400 badRequest"},
		{"a chunk above 2^64", post + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nx\r\n0\r\n\r\n", "400 badRequest"},
		{"a negative chunk", post + "Transfer-Encoding: chunked\r\n\r\n-1\r\nx\r\n0\r\n\r\n", "400 badRequest"},
		{"a chunk without a size", post + "Transfer-Encoding: chunked\r\n\r\n\r\nx\r\n0\r\n\r\n", "400 badRequest"},
		{"a chunk that is longer than it says", post + "Transfer-Encoding: chunked\r\n\r\n1\r\nxyz\r\n0\r\n\r\n", "400 badRequest"},
		{"good chunks", post + "Transfer-Encoding: chunked\r\n\r\n" + chunk, "202"},
		{"chunks of gzip that is none", post + "Transfer-Encoding: gzip, chunked\r\n\r\n" + chunk, "400 badRequest"},
		{"chunks that are called identity", post + "Transfer-Encoding: identity\r\n\r\n" + chunk, "400 badRequest"},
		{"chunks said twice", post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk, "400 badRequest"},
		{"chunks with a space before the colon", post + "Transfer-Encoding : chunked\r\n" + long + "\r\n" + goodServer, "400 badRequest"},
		{"a body of a GET", s.send("GET", "/servers", "application/json", "{}"), "200"},
		{"a body of a DELETE", s.send("DELETE", "/servers/99999999", "application/json", "{}"), "404 itemNotFound"},
		{"garbage behind a request", strings.Replace(s.get("/servers"), "Connection: close\r\n", "", 1) + "garbage\r\n\r\n", "200, 400 badRequest"},
		{"three in one write", strings.Repeat(strings.Replace(s.get("/servers"), "Connection: close\r\n", "", 1), 2) + s.get("/servers"), "200, 200, 200"},
		{"a second one inside the first one's body", strings.Replace(s.create(goodServer+"GET / HTTP/1.1\r\nHost: x\r\n\r\n"), "Connection: close\r\n", "", 1) + s.get("/servers"), "400 badRequest, 200"},
		{"a refused one, then a good one", strings.Replace(s.get("/servers/x"), "Connection: close\r\n", "", 1) + s.get("/servers"), "404 itemNotFound, 200"},
	}
}

func (s sender) sizes(t *testing.T) []hostile {
	t.Helper()
	post := "POST " + s.base + "/servers HTTP/1.1\r\n" + s.auth + "Content-Type: application/json\r\n"
	return []hostile{
		{"a body said to be of 99,999,999 bytes", post + "Content-Length: 99999999\r\n\r\n" + strings.Repeat("x", 100000), "413 overLimit"},
		{"the same, and it asks first", post + "Expect: 100-continue\r\nContent-Length: 99999999\r\n\r\n", "413 overLimit"},
		{"a create of 1 MiB and a byte", s.create(strings.Repeat(" ", 1<<20+1)), "413 overLimit"},
		{"chunks of 2 MiB", post + "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("10000\r\n"+strings.Repeat(" ", 0x10000)+"\r\n", 32) + "0\r\n\r\n", "413 overLimit"},
		{"an action of 64 KiB and a byte", s.act(strings.Repeat(" ", 64<<10+1)), "413 overLimit"},
		{"a bomb of gzip", s.create(gziptest.Pack(t, goodServer+strings.Repeat(" ", 8<<20)), "Content-Encoding: gzip"), "413 overLimit"},
		{"a bomb in a bomb", s.create(gziptest.Pack(t, gziptest.Pack(t, strings.Repeat(" ", 8<<20))), "Content-Encoding: gzip"), "400 badRequest"},
		{"no gzip", s.create("abc", "Content-Encoding: gzip"), "400 badRequest"},
		{"gzip that is cut off", s.create(gziptest.Pack(t, goodServer)[:20], "Content-Encoding: gzip"), "400 badRequest"},
		{"another coding", s.create(goodServer, "Content-Encoding: br"), "415 badMediaType"},
		{"two codings", s.create(goodServer, "Content-Encoding: gzip, gzip"), "415 badMediaType"},
	}
}

func (s sender) paths() []hostile {
	list := []hostile{
		{"dots", s.get("/../1/servers"), "400 badRequest"},
		{"one dot", s.get("/./servers"), "400 badRequest"},
		{"dots at the end", s.get("/servers/.."), "400 badRequest"},
		{"encoded dots", s.get("/%2e%2e/servers"), "400 badRequest"},
		{"half encoded dots", s.get("/.%2E/servers"), "400 badRequest"},
		{"dots with a suffix", s.get("/servers/...json"), "400 badRequest"},
		{"an encoded slash", s.get("%2Fservers"), "400 badRequest"},
		{"an encoded backslash", s.get("/%5Cservers"), "400 badRequest"},
		{"a backslash", s.get("/servers\\1"), "400 badRequest"},
		{"an encoded NUL", s.get("/servers%00"), "400 badRequest"},
		{"an encoded line feed", s.get("/servers%0d%0aX-A:%20b"), "400 badRequest"},
		{"a bad escape", s.get("/servers/%zz"), "400 badRequest"},
		{"half an escape", s.get("/servers/%2"), "400 badRequest"},
		{"an escape of an escape", s.get("/servers/%252e"), "400 badRequest"},
		{"overlong UTF-8", s.get("/servers/%c0%af"), "400 badRequest"},
		{"UTF-8", s.get("/servers/\xc3\xbc"), "400 badRequest"},
		{"a fragment", s.get("/servers#1"), "400 badRequest"},
		{"encoded letters", s.get("/%73ervers"), "200"},
		{"many slashes", s.get("////servers//"), "200"},
		{"a parameter of a segment", s.get("/servers;a=b"), "404 itemNotFound"},
		{"two suffixes", s.get("/servers.json.xml"), "404 itemNotFound"},
		{"forty segments", s.get(strings.Repeat("/a", 40)), "404 itemNotFound"},
		{"a path of another service", "GET /etc/passwd HTTP/1.1\r\n" + s.auth + "\r\n", "404 itemNotFound"},
		{"an account that is no number", "GET /v1.0/x/servers HTTP/1.1\r\n" + s.auth + "\r\n", "401 unauthorized"},
		{"account 2^31", "GET /v1.0/2147483648/servers HTTP/1.1\r\n" + s.auth + "\r\n", "401 unauthorized"},
		{"an account with a zero before it", "GET " + strings.Replace(s.base, "/v1.0/", "/v1.0/0", 1) + "/servers HTTP/1.1\r\n" + s.auth + "\r\n", "401 unauthorized"},
	}
	for _, id := range []string{"0", "-1", "+1", "1e3", "1.5", "0x1", "2147483647", "2147483648", "9223372036854775808", strings.Repeat("9", 40), "'1'", "null"} {
		list = append(list, hostile{"id " + id, s.get("/servers/" + id), "404 itemNotFound"})
	}
	for query, want := range map[string]string{
		"limit=-1": "400 badRequest", "limit=x": "400 badRequest", "limit=": "400 badRequest", "limit=%00": "400 badRequest", "limit=1.5": "400 badRequest",
		"limit=99999999999": "200", "offset=9223372036854775808": "200", "offset=-0": "400 badRequest", "limit[]=1": "200", "limit=%zz": "400 badRequest",
		"changes-since=NaN": "400 badRequest", "changes-since=-1": "400 badRequest", "changes-since=99999999999": "304", "changes-since=9223372036854775808": "304", "changes_since=x": "200",
		"&&&=&=&a=b=c": "200", "%00=%00": "200",
	} {
		list = append(list, hostile{"?" + query, s.get("/servers?" + query), want})
	}
	operations := strings.Replace(s.base, "/v1.0/", "/ozone/v1/", 1) + "/operations"
	for query, want := range map[string]string{"/x": "404 itemNotFound", "?wait=x": "200", "?limit=-1": "400 badRequest", "?state=DROP": "400 badRequest", "?server=2147483648": "400 badRequest", "?after=x": "400 badRequest"} {
		list = append(list, hostile{"operations" + query, "GET " + operations + query + " HTTP/1.1\r\n" + s.auth + "\r\n", want})
	}
	return list
}

func (s sender) tokens(c *client.Client) []hostile {
	get := func(lines string) string {
		return "GET " + s.base + "/servers HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + lines + "\r\n"
	}
	login := func(user, key string) string {
		return "GET /v1.0 HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Auth-User: " + user + "\r\nX-Auth-Key: " + key + "\r\n\r\n"
	}
	return []hostile{
		{"no token", get(""), "401 unauthorized"},
		{"an empty token", get("X-Auth-Token: \r\n"), "401 unauthorized"},
		{"a forged token", get("X-Auth-Token: " + strings.Repeat("A", len(c.Token())) + "\r\n"), "401 unauthorized"},
		{"a token of 7 KiB", get("X-Auth-Token: " + strings.Repeat("a", 7<<10) + "\r\n"), "401 unauthorized"},
		{"a token of 1 MiB", get("X-Auth-Token: " + strings.Repeat("a", 1<<20) + "\r\n"), "431 cloudServersFault"},
		{"a token with a quote", get("X-Auth-Token: ' OR 1=1 --\r\n"), "401 unauthorized"},
		{"a token that is no text", get("X-Auth-Token: \xff\xfe\r\n"), "401 unauthorized"},
		{"two tokens, the bad one first", get("X-Auth-Token: x\r\nX-Auth-Token: " + c.Token() + "\r\n"), "401 unauthorized"},
		{"two tokens, the good one first", get("X-Auth-Token: " + c.Token() + "\r\nX-Auth-Token: x\r\n"), "401 unauthorized"},
		{"a token in the query", "GET " + s.base + "/servers?X-Auth-Token=" + c.Token() + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "401 unauthorized"},
		{"a login without a key", login(c.User(), ""), "401 unauthorized"},
		{"a login with NUL in the key", login(c.User(), "a\x00b"), "400 badRequest"},
		{"a login with a key of 4 KiB", login(c.User(), strings.Repeat("k", 4<<10)), "401 unauthorized"},
		{"a login that is no text", login("\xff", "\xff"), "401 unauthorized"},
		{"a login of nobody", login("' OR 1=1 --", "x"), "401 unauthorized"},
		{"a login with POST", strings.Replace(login(c.User(), c.Key()), "GET", "POST", 1), "405 badMethod"},
	}
}

func (s sender) types() []hostile {
	return []hostile{
		{"text", s.send("POST", "/servers", "text/plain", goodServer), "415 badMediaType"},
		{"a form", s.send("POST", "/servers", "multipart/form-data; boundary=x", "--x--"), "415 badMediaType"},
		{"JSON by another name", s.send("POST", "/servers", "text/json; charset=utf-7", goodServer), "415 badMediaType"},
		{"no type and not JSON", strings.Replace(s.create("hello"), "Content-Type: application/json\r\n", "", 1), "415 badMediaType"},
		{"no type and JSON", strings.Replace(s.create(goodServer), "Content-Type: application/json\r\n", "", 1), "202"},
		{"no type and nothing", strings.Replace(s.create(""), "Content-Type: application/json\r\n", "", 1), "415 badMediaType|400 badRequest"},
		{"JSON that is XML", s.create("<server/>"), "400 badRequest"},
		{"XML that is JSON", s.createXML(goodServer), "400 badRequest"},
		{"a list of types", s.send("POST", "/servers", "application/json, application/xml", goodServer), "415 badMediaType"},
		{"a wild type", s.send("POST", "/servers", "*/*", goodServer), "415 badMediaType"},
	}
}

func (s sender) inJSON() []hostile {
	list := []hostile{
		{"right to left", s.create(with(`"x":"\u202e"`)), "202"},
		{"an image above 2^31", s.create(server(`"name":"n","imageId":2147483648,"flavorId":1`)), "404 itemNotFound"},
		{"an image that is 2^31-1", s.create(server(`"name":"n","imageId":2147483647,"flavorId":1`)), "404 itemNotFound"},
		{"a flavor above 2^31", s.create(server(`"name":"n","imageId":1,"flavorId":2147483648`)), "404 itemNotFound"},
		{"a group above 2^31", s.create(with(`"sharedIpGroupId":2147483648`)), "404 itemNotFound"},
	}
	for what, body := range map[string]string{
		"nothing": ``, "blanks": " \t\r\n", "null": `null`, "a list": `[]`, "true": `true`, "a number": `1`, "a string": `"server"`, "cut off": `{"server":{"name":"n"`,
		"two documents": goodServer + `{}`, "a comma too much": `{"server":{"name":"n",},}`, "a comment": `/**/` + goodServer, "single quotes": `{'server':{}}`,
		"a byte order mark": "\ufeff" + goodServer, "UTF-16": "\xff\xfe{\x00}\x00", "bad UTF-8": server("\"name\":\"\xff\",\"imageId\":1,\"flavorId\":1"),
		"a raw NUL": server("\"name\":\"a\x00b\",\"imageId\":1,\"flavorId\":1"), "an escaped NUL": with(`"x":"\u0000"`), "half a surrogate": with(`"x":"\ud800"`),
		"a member twice": with(`"name":"m"`), "a member twice, once escaped": with(`"n\u0061me":"m"`), "an envelope twice": `{"server":{},"server":{}}`,
		"another case": `{"Server":{"Name":"n","ImageId":1,"FlavorId":1}}`, "10,001 lists": `{"server":` + strings.Repeat(`[`, 10001) + strings.Repeat(`]`, 10001) + `}`,
		"10,001 lists without an end": strings.Repeat(`[`, 10001), "10,000 members": `{"server":{` + strings.TrimSuffix(strings.Repeat(`"a":1,`, 10000), ",") + `}}`,
		"no image": server(`"name":"n","flavorId":1`), "image 1e400": server(`"imageId":1e400,"flavorId":1`), "image 1.5": server(`"imageId":1.5,"flavorId":1`),
		"image -1": server(`"imageId":-1,"flavorId":1`), "image 0": server(`"imageId":0,"flavorId":1`), "image 2^63": server(`"imageId":9223372036854775808,"flavorId":1`),
		"image 01": server(`"imageId":01,"flavorId":1`), "image NaN": server(`"imageId":NaN,"flavorId":1`), "an image of 1,000 digits": server(`"imageId":` + strings.Repeat("9", 1000) + `,"flavorId":1`),
		"an image that is an object": server(`"imageId":{"id":1},"flavorId":1`), "a name of 512 KiB": server(`"imageId":1,"flavorId":1,"name":"` + strings.Repeat("n", 512<<10) + `"`),
		"a name with a bell": with(`"x":1`)[:len(with(`"x":1`))-2] + `,"name":"\u0007"}}`, "a blank name": server(`"imageId":1,"flavorId":1,"name":"\u0020\t"`),
		"metadata 1,000 times": metadata(1000, 10, 10), "metadata with a list": with(`"metadata":{"a":[]}`), "a key of metadata twice": with(`"metadata":{"a":"1","a":"2"}`),
		"metadata that is a list": with(`"metadata":["a"]`), "a key of metadata with NUL": with(`"metadata":{"\u0000":"1"}`),
		"six files": files(6, 10, "/f"), "a file of 10,241 bytes": files(1, 10241, "/f"), "a file for a climber": files(1, 1, "/../etc/shadow"), "a file that climbs later": files(1, 1, "/etc/../../x"),
		"a file at no root": files(1, 1, "etc/f"), "a file on a share": files(1, 1, "//host/f"), "a file of Windows": files(1, 1, `C:\\f`), "a file of 256 letters": files(1, 1, "/"+strings.Repeat("n", 256)),
		"a file in itself": with(`"personality":[{"path":"/","contents":""}]`), "a file with NUL": with(`"personality":[{"path":"/a\u0000b","contents":""}]`), "a file with a line feed": with(`"personality":[{"path":"/a\nb","contents":"%"}]`),
		"no path": with(`"personality":[{"contents":"YQ=="}]`), "no contents": with(`"personality":[{"path":"/f"}]`), "contents that are no base64": with(`"personality":[{"path":"/f","contents":"%%%"}]`),
		"base64 for URLs": with(`"personality":[{"path":"/f","contents":"_-_-"}]`), "base64 with one letter too much": with(`"personality":[{"path":"/f","contents":"YQ==Y"}]`),
		"contents that are a number": with(`"personality":[{"path":"/f","contents":1}]`), "personality that is an object": with(`"personality":{"path":"/f","contents":"YQ=="}`), "a file that is null": with(`"personality":[null]`),
		"an address without a group": with(`"addresses":{"public":["198.18.0.1"]}`), "two addresses": with(`"sharedIpGroupId":1,"addresses":{"public":["198.18.0.1","198.18.0.2"]}`),
		"an address that is none": with(`"sharedIpGroupId":1,"addresses":{"public":["256.1.1.1"]}`), "an address of IPv6": with(`"sharedIpGroupId":1,"addresses":{"public":["::1"]}`), "group -1": with(`"sharedIpGroupId":-1`),
	} {
		list = append(list, hostile{what, s.create(body), "400 badRequest"})
	}
	return list
}

func (s sender) inXML() []hostile {
	var list []hostile
	good := `<server xmlns="` + namespace + `" name="n" imageId="1" flavorId="1">`
	for what, body := range map[string]string{
		"nothing": "", "cut off": good, "two roots": good + `</server>` + good + `</server>`, "text behind the root": good + `</server>x`,
		"a billion laughs":  `<!DOCTYPE s [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>` + good + `&b;</server>`,
		"an entity outside": `<!DOCTYPE s [<!ENTITY x SYSTEM "file:///etc/passwd">]>` + good + `<metadata><meta key="k">&x;</meta></metadata></server>`,
		"a document type":   `<!DOCTYPE server>` + good + `</server>`, "an entity that nobody declared": good + `<metadata><meta key="k">&x;</meta></metadata></server>`,
		"an instruction": `<?xml-stylesheet href="x"?>` + good + `</server>`, "an inclusion": good + `<metadata><xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="file:///etc/passwd"/>x</metadata></server>`,
		"UTF-16": "\xff\xfe<\x00s\x00/\x00>\x00", "Latin-1": `<?xml version="1.0" encoding="ISO-8859-1"?>` + good + `</server>`, "XML 1.1": `<?xml version="1.1"?>` + good + `</server>`,
		"bad UTF-8": good + "<metadata><meta key=\"k\">\xff</meta></metadata></server>", "NUL": good + "<metadata><meta key=\"k\">\x00</meta></metadata></server>",
		"NUL by number": good + `<metadata><meta key="k">&#0;</meta></metadata></server>`, "a surrogate by number": good + `<metadata><meta key="k">&#xD800;</meta></metadata></server>`,
		"a character beyond Unicode": good + `<metadata><meta key="k">&#x110000;</meta></metadata></server>`,
		"another namespace":          `<server xmlns="urn:x" name="n" imageId="1" flavorId="1"/>`, "an undeclared prefix": `<a:server name="n" imageId="1" flavorId="1"/>`,
		"another element": `<flavor xmlns="` + namespace + `" imageId="1" flavorId="1"/>`, "an element in capitals": `<SERVER xmlns="` + namespace + `" imageId="1" flavorId="1"/>`,
		"an attribute twice": `<server imageId="1" imageId="2" flavorId="1"/>`, "metadata twice": good + `<metadata/><metadata/></server>`, "text": good + `text</server>`,
		"a key twice": good + `<metadata><meta key="k">a</meta><meta key="k">b</meta></metadata></server>`, "six pairs": good + `<metadata>` + strings.Repeat(`<meta key="1"/>`, 6) + `</metadata></server>`,
		"no image": `<server flavorId="1"/>`, "an image that is a word": `<server imageId="x" flavorId="1"/>`, "an image above 2^63": `<server imageId="9223372036854775808" flavorId="1"/>`,
		"7,000 levels": strings.Repeat("<server>", 7000), "20,000 attributes": `<server ` + strings.Repeat(`a="" `, 20000) + `/>`, "20,000 elements": good + strings.Repeat(`<a/>`, 20000) + `</server>`,
		"a comment without an end": good + `<!--`, "character data without an end": good + `<![CDATA[`, "a climber": good + `<personality><file path="/../etc/shadow">YQ==</file></personality></server>`,
		"no base64": good + `<personality><file path="/a">%%%</file></personality></server>`, "an address without a group": good + `<addresses><public><ip addr="198.18.0.1"/></public></addresses></server>`,
		"a name of 256 letters": `<server name="` + strings.Repeat("n", 256) + `" imageId="1" flavorId="1"/>`, "a blank name": `<server name=" " imageId="1" flavorId="1"/>`,
	} {
		list = append(list, hostile{what, s.createXML(body), "400 badRequest"})
	}
	return list
}

func (s sender) others() []hostile {
	list := []hostile{
		{"an action on server 2^31", s.send("POST", "/servers/2147483648/action", "application/json", `{"reboot":{"type":"SOFT"}}`), "404 itemNotFound"},
		{"a flavor of 2^31", s.act(`{"resize":{"flavorId":2147483648}}`), "404 itemNotFound"},
		{"an image of server 2^31", s.send("POST", "/images", "application/json", `{"image":{"serverId":2147483648,"name":"n"}}`), "404 itemNotFound"},
		{"a share with 256.1.1.1", s.send("PUT", "/servers/1/ips/public/256.1.1.1", "application/json", `{"shareIp":{"sharedIpGroupId":1}}`), "400 badRequest"},
		{"a share with IPv6", s.send("PUT", "/servers/1/ips/public/::1", "application/json", `{"shareIp":{"sharedIpGroupId":1}}`), "400 badRequest"},
		{"a share of perhaps", s.send("PUT", "/servers/1/ips/public/198.18.0.1", "application/json", `{"shareIp":{"sharedIpGroupId":1,"configureServer":"maybe"}}`), "400 badRequest"},
		{"a name with NUL", s.send("PUT", "/servers/1", "application/json", `{"server":{"name":"\u0000"}}`), "400 badRequest"},
		{"a password of 1,000 letters", s.send("PUT", "/servers/1", "application/json", `{"server":{"adminPass":"`+strings.Repeat("p", 1000)+`"}}`), "400 badRequest"},
		{"a group of a list", s.send("POST", "/shared_ip_groups", "application/json", `{"sharedIpGroup":{"name":"n","servers":[1]}}`), "400 badRequest"},
		{"a group of server 2^63", s.send("POST", "/shared_ip_groups", "application/json", `{"sharedIpGroup":{"name":"n","server":9223372036854775808}}`), "400 badRequest"},
	}
	for what, body := range map[string]string{
		"no action": `{}`, "two actions": `{"reboot":{"type":"SOFT"},"rebuild":{}}`, "an unknown action": `{"explode":{}}`, "a list of actions": `[{"reboot":{"type":"SOFT"}}]`, "a reboot of null": `{"reboot":null}`,
		"a reboot of a list": `{"reboot":{"type":["SOFT"]}}`, "a resize to -1": `{"resize":{"flavorId":-1}}`, "a rebuild with a word": `{"rebuild":{"imageId":"x"}}`, "a confirm of 1": `{"confirmResize":1}`,
	} {
		list = append(list, hostile{what, s.act(body), "400 badRequest"})
	}
	for path, verbs := range map[string]string{"/servers": "PUT DELETE PATCH", "/servers/1": "POST PATCH", "/servers/1/ips/public": "PUT DELETE", "/servers/1/action": "GET PUT", "/flavors/1": "PUT DELETE", "/images/1": "PUT POST", "/limits": "POST DELETE"} {
		for verb := range strings.SplitSeq(verbs, " ") {
			list = append(list, hostile{verb + " " + path, s.send(verb, path, "application/json", "{}"), "405 badMethod"})
		}
	}
	return list
}

// most is how much more memory a node may have behind all of it.
const most = 32 << 20

// TestHostileInput sends what no good client sends. Each gets its fault and no other, nothing panics, nobody else notices, no memory stays.
func TestHostileInput(t *testing.T) {
	bothWays(t, func(t *testing.T, w *way) {
		n := w.start(t)
		c := nodetest.Client(t, n, "hostile")
		s := senderOf(c)
		count := 0
		before := memory(t, n)
		for round := range 2 { // the first one fills what is kept for good
			for _, list := range [][]hostile{s.requestLines(), s.headers(), s.framing(), s.sizes(t), s.paths(), s.tokens(c), s.types(), s.inJSON(), s.inXML(), s.others()} {
				for _, x := range list {
					answer := raw(t, n, x.request)
					if got := outcome(answer); !strings.Contains("|"+x.want+"|", "|"+got+"|") {
						t.Errorf("%s: %s, want %s: %.200q answers %.300q", x.what, got, x.want, x.request, answer)
					}
					if regexp.MustCompile(`root:|aaaaaaaaaa.*aaaaaaaaaa|goroutine `).MatchString(answer) {
						t.Errorf("%s: %.300q says what nobody may know", x.what, answer)
					}
					if r, err := get(t, c, "/servers?limit=1"); err != nil || r.Status != http.StatusOK {
						t.Fatalf("a good request behind %s: %v %v", x.what, r, err)
					}
					count++
				}
			}
			if round == 0 {
				before = memory(t, n)
			}
		}
		after := memory(t, n)
		t.Logf("%d hostile inputs twice; memory %d MiB, then %d MiB", count/2, before>>20, after>>20)
		if count/2 < 150 || after-before > most {
			t.Errorf("%d inputs, want 150; memory grew by %d bytes, want at most %d", count/2, after-before, most)
		}
		if strings.Contains(n.Log(), "panicked") {
			t.Error("a request panicked, see the log")
		}
		nodetest.Audit(t, n)
	})
}

// memory is what a node's process has in bytes, right after a garbage collection.
func memory(t *testing.T, n *node.Node) int64 {
	t.Helper()
	if _, err := n.Heap(t.Context()); err != nil {
		t.Fatal(err)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", n.PID()))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^VmRSS:\s+(\d+) kB$`).FindSubmatch(status)
	if m == nil {
		t.Fatalf("%s has no VmRSS", status)
	}
	kib, err := strconv.ParseInt(string(m[1]), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return kib << 10
}

var anyFault = regexp.MustCompile(`^\{"(\w+)":\{"code":(\d+),|<(\w+) xmlns="` + namespace + `" code="(\d+)"`)

// outcome is what came back: "200", or "400 badRequest" for a fault whose code is the status, with a comma between answers.
func outcome(answer string) string {
	var list []string
	in := bufio.NewReader(strings.NewReader(answer))
	for {
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			return strings.Join(list, ", ")
		}
		body, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if res.StatusCode == http.StatusContinue {
			continue
		}
		text := strconv.Itoa(res.StatusCode)
		if m := anyFault.FindStringSubmatch(string(body)); m != nil {
			name, code := m[1]+m[3], m[2]+m[4]
			if code == text {
				text += " " + name
			} else {
				text += " " + name + " with code " + code
			}
		}
		list = append(list, text)
	}
}
