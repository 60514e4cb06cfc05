package browser

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/cim-go/cim/proto"
)

// A row is a request, and the code with which a Guard refuses it; zero: it is served.
type row struct {
	host    string
	headers string // name and value, in turn, with a bar between
	want    proto.Code
}

func (c row) request(method string) *http.Request {
	r := httptest.NewRequest(method, "/v1/send", nil)
	r.Host = c.host
	r.Header = pairs(c.headers)
	return r
}

func pairs(text string) http.Header {
	h := make(http.Header)
	if text == "" {
		return h
	}
	for p := range slices.Chunk(strings.Split(text, "|"), 2) {
		h.Add(p[0], p[1])
	}
	return h
}

func guard(t *testing.T, c Config) *Guard {
	t.Helper()
	g, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

var here = &net.TCPAddr{IP: net.IPv4(10, 0, 0, 7), Port: 8083}

const (
	page = proto.ForeignPage
	host = proto.ForeignHost
)

func TestOnLoopbackOnlyItsOwnNamesAndPagesCall(t *testing.T) {
	g := guard(t, Config{Loopback: true, Hosts: []string{"Chat.example.org"}, Origins: []string{"https://App.example.org:443"}})
	for name, c := range map[string]row{
		"a program":                      {"127.0.0.1:8083", "", 0},
		"a program by name":              {"localhost:8083", "", 0},
		"a program by name with a dot":   {"LOCALHOST.:8083", "", 0},
		"another address of loopback":    {"127.1.2.3", "", 0},
		"IPv6":                           {"[::1]:8083", "", 0},
		"IPv4 in IPv6":                   {"[::ffff:127.0.0.1]:8083", "", 0},
		"an allowed name":                {"chat.example.org", "", 0},
		"a rebound name":                 {"rebound.example:8083", "", host},
		"a rebound name, its own origin": {"rebound.example:8083", "Origin|http://rebound.example:8083|Sec-Fetch-Site|same-origin", host},
		"a name that ends as localhost":  {"localhost.example:8083", "", host},
		"a name that begins as one":      {"127.0.0.1.example:8083", "", host},
		"all addresses":                  {"0.0.0.0:8083", "", host},
		"the address of an interface":    {"10.0.0.7:8083", "", 0},
		"another machine's address":      {"10.0.0.8:8083", "", host},
		"no host":                        {"", "", host},
		"its own page":                   {"127.0.0.1:8083", "Origin|http://127.0.0.1:8083", 0},
		"a page on another port":         {"127.0.0.1:8083", "Origin|http://127.0.0.1:9999", page},
		"a page of another name":         {"127.0.0.1:8083", "Origin|http://localhost:8083", page},
		"a foreign page":                 {"127.0.0.1:8083", "Origin|https://foreign.example", page},
		"a page in a sandbox":            {"127.0.0.1:8083", "Origin|null", page},
		"two origins":                    {"127.0.0.1:8083", "Origin|https://foreign.example|Origin|http://127.0.0.1:8083", page},
		"an allowed page":                {"127.0.0.1:8083", "Origin|https://app.example.org|Sec-Fetch-Site|cross-site", 0},
		"an allowed page over http":      {"127.0.0.1:8083", "Origin|http://app.example.org", page},
		"its page behind a proxy":        {"127.0.0.1:8083", "Origin|https://chat.example.org|Sec-Fetch-Site|same-origin", 0},
		"no origin, another site":        {"127.0.0.1:8083", "Sec-Fetch-Site|cross-site", page},
		"no origin, another port":        {"127.0.0.1:8083", "Sec-Fetch-Site|same-site", page},
		"typed by the user":              {"127.0.0.1:8083", "Sec-Fetch-Site|none", 0},
	} {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "OPTIONS"} {
			var got proto.Code
			if failed := g.judge(c.request(method), here); failed != nil {
				got = failed.Code
			}
			if got != c.want {
				t.Errorf("%s, %s: %v, want %v", name, method, got, c.want)
			}
		}
	}
}

func TestWhereOthersConnectNamesAreFreeUntilOneIsNamed(t *testing.T) {
	free, named := guard(t, Config{}), guard(t, Config{Hosts: []string{"chat.example.org", "2001:db8::1"}})
	all := guard(t, Config{Loopback: true, Hosts: []string{AnyHost}})
	for name, c := range map[string]struct {
		g    *Guard
		host string
		want proto.Code
	}{
		"free":                    {free, "anything.example", 0},
		"free, no host":           {free, "", 0},
		"all":                     {all, "anything.example", 0},
		"named":                   {named, "chat.example.org:443", 0},
		"an address that is one":  {named, "[2001:db8::1]:443", 0},
		"its own address":         {named, "10.0.0.7:8083", 0},
		"loopback, by a checker":  {named, "localhost", 0},
		"a name that is not":      {named, "anything.example", host},
		"an address that is none": {named, "192.0.2.1", host},
	} {
		var got proto.Code
		if failed := c.g.judge(row{host: c.host}.request("GET"), here); failed != nil {
			got = failed.Code
		}
		if got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// A link on a page of another site leads to the program, and the page's frames and
// pictures do not.
func TestLinkToTheProgramOpens(t *testing.T) {
	g := guard(t, Config{Loopback: true})
	for headers, want := range map[string]proto.Code{
		"Sec-Fetch-Site|cross-site|Sec-Fetch-Mode|navigate|Sec-Fetch-Dest|document":             0,
		"Sec-Fetch-Site|cross-site|Sec-Fetch-Mode|navigate|Sec-Fetch-Dest|iframe":               page,
		"Sec-Fetch-Site|cross-site|Sec-Fetch-Mode|no-cors|Sec-Fetch-Dest|image":                 page,
		"Origin|null|Sec-Fetch-Site|cross-site|Sec-Fetch-Mode|navigate|Sec-Fetch-Dest|document": page,
	} {
		c := row{"127.0.0.1", headers, want}
		if failed := g.judge(c.request("GET"), here); (failed == nil) != (want == 0) {
			t.Errorf("%s: %v", headers, failed)
		}
		if failed := g.judge(c.request("POST"), here); failed == nil {
			t.Errorf("%s: a form was sent", headers)
		}
	}
}

func TestSocketTakesPagesOfItsClusterOnly(t *testing.T) {
	loop, free := guard(t, Config{Loopback: true}), guard(t, Config{})
	named := guard(t, Config{Origins: []string{"https://app.example.org"}})
	for name, c := range map[string]struct {
		g            *Guard
		host, origin string
		want         proto.Code
	}{
		"no page":                        {loop, "127.0.0.1:11211", "", 0},
		"the route's page":               {loop, "127.0.0.1:11211", "http://127.0.0.1:8083", 0},
		"the same by name":               {loop, "127.0.0.1:11211", "http://localhost:8083", 0},
		"a foreign page":                 {loop, "127.0.0.1:11211", "https://foreign.example", page},
		"a sandbox":                      {loop, "127.0.0.1:11211", "null", page},
		"no origin at all":               {loop, "127.0.0.1:11211", "x\x00", page},
		"a rebound name":                 {loop, "rebound.example:11211", "http://rebound.example:11211", host},
		"any page":                       {free, "node-1.example.org", "https://foreign.example", 0},
		"a page of the host":             {named, "chat.example.org:11211", "https://chat.example.org", 0},
		"an allowed page":                {named, "node-1.example.org", "https://app.example.org", 0},
		"a page that is none of these":   {named, "node-1.example.org", "https://foreign.example", page},
		"a page of loopback, from there": {named, "node-1.example.org", "http://localhost:3000", page},
	} {
		r := row{host: c.host}.request("GET")
		if c.origin != "" {
			r.Header.Set("Origin", c.origin)
		}
		var got proto.Code
		if failed := c.g.Socket(r, here); failed != nil {
			got = failed.Code
		}
		if got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	if hosts, pages := loop.Foreign(); hosts != 1 || pages != 3 {
		t.Errorf("counted %d hosts and %d pages", hosts, pages)
	}
	var none *Guard
	if none.Socket(row{host: "x"}.request("GET"), nil) != nil {
		t.Error("no guard refused")
	}
}

func TestHandlerAnswersPagesAsCORSDemands(t *testing.T) {
	served := 0
	g := guard(t, Config{Loopback: true, Origins: []string{"https://app.example.org"}})
	h := g.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { served++ }))
	ask := func(method, headers string) *http.Response {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, row{host: "127.0.0.1:8083", headers: headers}.request(method))
		return w.Result()
	}
	const allowed, preflight = "Access-Control-Allow-Origin", "|Access-Control-Request-Method|POST"

	a := ask("OPTIONS", "Origin|https://app.example.org"+preflight)
	if a.StatusCode != 204 || served != 0 || a.Header.Get(allowed) != "https://app.example.org" ||
		a.Header.Get("Access-Control-Allow-Headers") == "" || a.Header.Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("preflight: %d, %v", a.StatusCode, a.Header)
	}
	if a := ask("POST", "Origin|https://app.example.org"); a.StatusCode != 200 || served != 1 || a.Header.Get(allowed) == "" || a.Header.Get("Vary") != "Origin" {
		t.Errorf("allowed: %d, %v", a.StatusCode, a.Header)
	}
	if a := ask("POST", "Origin|http://127.0.0.1:8083"); a.StatusCode != 200 || a.Header.Get(allowed) != "" || a.Header.Get("Vary") != "Origin" {
		t.Errorf("own page: %d, %v", a.StatusCode, a.Header)
	}
	for _, method := range []string{"GET", "POST", "OPTIONS"} {
		a := ask(method, "Origin|https://foreign.example"+preflight)
		var answer proto.ErrorAnswer
		if err := json.NewDecoder(a.Body).Decode(&answer); err != nil || a.StatusCode != 403 || answer.Code != proto.ForeignPage || a.Header.Get(allowed) != "" {
			t.Errorf("foreign, %s: %d, %v, %v", method, a.StatusCode, answer, a.Header)
		}
	}
	if served != 2 {
		t.Errorf("served %d", served)
	}
}

func TestListsAreChecked(t *testing.T) {
	for _, c := range []Config{
		{Hosts: []string{""}}, {Hosts: []string{"http://chat.example.org"}}, {Hosts: []string{"*.example.org"}},
		{Origins: []string{"chat.example.org"}}, {Origins: []string{"*"}}, {Origins: []string{"https://*.example.org"}},
		{Origins: []string{"https://chat.example.org/page"}}, {Origins: []string{"null"}}, {Origins: []string{""}},
	} {
		if _, err := New(c); err == nil {
			t.Errorf("%v was accepted", c)
		}
	}
}

// On loopback, each accepted request came to a name of this machine, and not from another
// site.
func FuzzJudge(f *testing.F) {
	f.Add("127.0.0.1:8083", "http://127.0.0.1:8083", "same-origin")
	f.Add("[::1]", "", "none")
	f.Add("localhost.", "null", "")
	f.Add("rebound.example", "http://rebound.example", "same-origin")
	g, err := New(Config{Loopback: true})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, host, origin, site string) {
		r := row{host: host}.request("POST")
		r.Header.Set("Origin", origin)
		r.Header.Set("Sec-Fetch-Site", site)
		if g.judge(r, here) == nil {
			name := hostname(host)
			if !isLoopback(name) && name != here.IP.String() && name != "::ffff:"+here.IP.String() {
				t.Errorf("host %q is accepted", host)
			}
			if u, err := url.Parse(origin); origin != "" && site == "" && (err != nil || u.Host != host) {
				t.Errorf("host %q takes the origin %q", host, origin)
			}
		}
		g.Socket(r, here)
	})
}
