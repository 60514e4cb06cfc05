package browser

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/cim-go/cim/proto"
)

// AnyHost is an element of Config.Hosts that accepts every Host.
const AnyHost = "*"

// Config of a Guard.
type Config struct {
	// Loopback says that only this machine can connect. Then a request's Host must be
	// localhost, an address of loopback, or one of Hosts. If Loopback is false and
	// Hosts is empty, every Host is accepted. If Hosts is not empty, the Host may also
	// be the address to which the client connected.
	Loopback bool
	// Hosts has names or addresses, without a port, by which clients know the program.
	Hosts []string
	// Origins has the sites whose pages may call, as browsers write them:
	// "https://chat.example.org". Pages that the program serves itself may always call.
	Origins []string
	// Refused is called for each request that the Guard refuses. It must not block. nil:
	// it is not called.
	Refused func(r *http.Request, why *proto.Error)
}

// Guard judges requests. Make it with New. It is safe for concurrent use. A nil Guard
// accepts everything.
type Guard struct {
	loopback bool
	anyHost  bool
	hosts    map[string]bool
	origins  map[string]bool
	cross    *http.CrossOriginProtection
	refused  func(*http.Request, *proto.Error)

	foreignHosts, foreignPages atomic.Int64
}

// New returns a Guard, or an error if a host or an origin has a wrong form.
func New(c Config) (*Guard, error) {
	g := &Guard{
		loopback: c.Loopback,
		anyHost:  !c.Loopback && len(c.Hosts) == 0 || slices.Contains(c.Hosts, AnyHost),
		hosts:    make(map[string]bool),
		origins:  make(map[string]bool),
		cross:    http.NewCrossOriginProtection(),
		refused:  c.Refused,
	}
	for _, host := range c.Hosts {
		name := hostname(host)
		if name == "" || host != AnyHost && strings.ContainsAny(host, "/*@ ") {
			return nil, fmt.Errorf("host %q: want a name or an address without a port", host)
		}
		g.hosts[name] = true
	}
	for _, text := range c.Origins {
		origin, err := canonical(text)
		if err != nil {
			return nil, err
		}
		g.origins[origin] = true
		if err := g.cross.AddTrustedOrigin(origin); err != nil {
			return nil, fmt.Errorf("origin %q: %w", text, err)
		}
	}
	return g, nil
}

// canonical returns an origin as browsers write it: lower-case, without a default port.
func canonical(text string) (string, error) {
	u, err := url.Parse(strings.ToLower(strings.TrimSuffix(text, "/")))
	if err != nil || u.Host == "" || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil || strings.Contains(u.Host, "*") {
		return "", fmt.Errorf("origin %q: want a scheme and a host, such as https://chat.example.org", text)
	}
	if u.Scheme == "https" && u.Port() == "443" || u.Scheme == "http" && u.Port() == "80" {
		u.Host = strings.TrimSuffix(u.Host, ":"+u.Port())
	}
	return u.Scheme + "://" + u.Host, nil
}

// Handler returns a handler that calls next for the requests that the Guard accepts. It
// answers the others with status 403 and a proto.ErrorAnswer. It answers preflights of
// allowed pages itself.
func (g *Guard) Handler(next http.Handler) http.Handler {
	if g == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
		if failed := g.count(r, g.judge(r, local)); failed != nil {
			fail(w, failed)
			return
		}
		if g.allow(w.Header(), r) {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// If the request must be refused, judge returns an error with the code ForeignHost or
// ForeignPage.
func (g *Guard) judge(r *http.Request, local net.Addr) *proto.Error {
	switch {
	case !g.knowsHost(r, local):
		return proto.Err(proto.ForeignHost, "")
	case !g.knowsPage(r):
		return proto.Err(proto.ForeignPage, "")
	}
	return nil
}

// count counts a refusal and returns it.
func (g *Guard) count(r *http.Request, failed *proto.Error) *proto.Error {
	switch {
	case failed == nil:
		return nil
	case failed.Code == proto.ForeignHost:
		g.foreignHosts.Add(1)
	default:
		g.foreignPages.Add(1)
	}
	if g.refused != nil {
		g.refused(r, failed)
	}
	return failed
}

// Socket judges a request for a WebSocket that came to the address local. A node serves
// no pages, so the page must come from another program. It may connect if it comes from
// the same host or from an allowed origin. With Loopback, pages of this machine may
// connect, too. Without Loopback and Origins, every page may connect. A stranger's page
// gains nothing by that, because a WebSocket needs a ticket.
func (g *Guard) Socket(r *http.Request, local net.Addr) *proto.Error {
	if g == nil {
		return nil
	}
	failed := g.judge(r, local)
	if failed != nil && failed.Code == proto.ForeignPage && g.mayConnect(r) {
		return nil
	}
	return g.count(r, failed)
}

func (g *Guard) mayConnect(r *http.Request) bool {
	u, err := url.Parse(r.Header.Get("Origin"))
	if err != nil {
		return false
	}
	switch page := hostname(u.Host); {
	case !g.loopback && len(g.origins) == 0:
		return true
	case page == "":
		return false
	default:
		return page == hostname(r.Host) || g.loopback && isLoopback(page)
	}
}

// Foreign returns how many requests were refused for their Host and for their Origin.
func (g *Guard) Foreign() (hosts, pages int64) {
	if g == nil {
		return 0, 0
	}
	return g.foreignHosts.Load(), g.foreignPages.Load()
}

// knowsHost reports whether the Host of a request is acceptable. It accepts a request
// of HTTP/1.0 without a Host, which no browser sends.
func (g *Guard) knowsHost(r *http.Request, local net.Addr) bool {
	name := hostname(r.Host)
	switch {
	case g.anyHost, g.hosts[name], isLoopback(name):
		return true
	case name == "":
		return !r.ProtoAtLeast(1, 1)
	}
	address, err := netip.ParseAddr(name)
	return err == nil && address.Unmap() == addressOf(local)
}

// knowsPage reports whether the page that made the request may call. The rules are the
// same for requests that read and requests that write. But a user may follow a link from
// any page to the program, because then the browser shows the answer only to the user.
func (g *Guard) knowsPage(r *http.Request) bool {
	h := r.Header
	reads := r.Method == http.MethodGet || r.Method == http.MethodHead
	if reads && h.Get("Origin") == "" && h.Get("Sec-Fetch-Mode") == "navigate" && h.Get("Sec-Fetch-Dest") == "document" {
		return true
	}
	writing := *r
	writing.Method = http.MethodPost // CrossOriginProtection lets GET and HEAD pass
	return g.cross.Check(&writing) == nil
}

// hostname returns a host in lower case, without its port, brackets, zone or final dot.
func hostname(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if address, _, ok := strings.Cut(host, "%"); ok {
		host = address
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

func isLoopback(name string) bool {
	address, err := netip.ParseAddr(name)
	return name == "localhost" || err == nil && address.Unmap().IsLoopback()
}

func addressOf(a net.Addr) netip.Addr {
	if a == nil {
		return netip.Addr{}
	}
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap().WithZone("")
}

func fail(w http.ResponseWriter, failed *proto.Error) {
	b, err := json.Marshal(proto.ErrorAnswer{Code: failed.Code, Name: failed.Code.String(), Message: failed.Error()})
	if err != nil {
		panic(fmt.Sprintf("answer cannot be encoded: %v", err)) // this cannot happen, because the answer has a type of this project
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(failed.Code.HTTPStatus())
	_, _ = w.Write(b) // this fails only if the caller has left
}
