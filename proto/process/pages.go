package process

import (
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/audit"
	"github.com/cim-go/cim/proto/browser"
	"github.com/cim-go/cim/proto/sourceip"
)

// Pages has the flags that say which web pages may call a program, and by which names
// clients know it.
type Pages struct {
	Hosts   words
	Origins words
}

// Flags registers the flags of Pages on fs.
func (p *Pages) Flags(fs *flag.FlagSet) {
	fs.Var(&p.Hosts, "allow-host",
		"`names` of this program in the Host of HTTP and WebSocket requests, separated by commas; *: any.\nEmpty: localhost and loopback addresses if only this machine can connect, else any")
	fs.Var(&p.Origins, "allow-origin",
		"`origins` of other web pages that may call, such as https://chat.example.org, separated by commas;\nempty: only the pages of this program")
}

// Guard returns the guard of a listener on address. The guard writes refusals to log,
// with the address of the client, which proxies may name. An error wraps ErrUsage.
func (p *Pages) Guard(address string, proxies sourceip.Proxies, log *audit.Log) (*browser.Guard, error) {
	return p.guard(browser.Config{Loopback: Loopback(address)}, proxies, log)
}

// FunctionGuard returns the guard of a function, whose callers may come from anywhere.
func (p *Pages) FunctionGuard(proxies sourceip.Proxies, log *audit.Log) (*browser.Guard, error) {
	return p.guard(browser.Config{}, proxies, log)
}

func (p *Pages) guard(c browser.Config, proxies sourceip.Proxies, log *audit.Log) (*browser.Guard, error) {
	c.Hosts, c.Origins = p.Hosts, p.Origins
	c.Refused = func(r *http.Request, why *proto.Error) {
		log.Refused("page", why.Code, slog.String(audit.From, proxies.Client(r).String()), slog.String("host", r.Host), slog.String("origin", r.Header.Get("Origin")))
	}
	g, err := browser.New(c)
	if err != nil {
		return nil, fmt.Errorf("%w: -allow-host, -allow-origin: %w", ErrUsage, err)
	}
	return g, nil
}

// CountForeign registers a counter with this name, which counts the requests that
// guards refused.
func CountForeign(r prometheus.Registerer, name string, guards ...*browser.Guard) {
	count := func(header string, of func(*browser.Guard) int64) {
		r.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: name, ConstLabels: prometheus.Labels{"header": header},
			Help: "Requests refused for a foreign Host or Origin.",
		}, func() float64 {
			sum := int64(0)
			for _, g := range guards {
				sum += of(g)
			}
			return float64(sum)
		}))
	}
	count("host", func(g *browser.Guard) int64 { hosts, _ := g.Foreign(); return hosts })
	count("origin", func(g *browser.Guard) int64 { _, pages := g.Foreign(); return pages })
}

// words is a flag that may be given several times, or once with commas.
type words []string

// String implements flag.Value.
func (w *words) String() string { return strings.Join(*w, ",") }

// Set implements flag.Value.
func (w *words) Set(value string) error {
	for word := range strings.SplitSeq(value, ",") {
		if word = strings.TrimSpace(word); word != "" {
			*w = append(*w, word)
		}
	}
	return nil
}
