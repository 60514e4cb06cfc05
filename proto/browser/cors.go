package browser

import (
	"net/http"

	"github.com/cim-go/cim/proto"
)

// allow sets the CORS headers, without which a browser would not pass the answer to an
// allowed page (Fetch standard, section 3.2). It reports whether the request is a
// preflight. The answer to a preflight has only these headers.
func (g *Guard) allow(h http.Header, r *http.Request) (preflight bool) {
	if len(g.origins) == 0 {
		return false
	}
	h.Add("Vary", "Origin") // a cache must not use the answer for one page for another page
	origin := r.Header.Get("Origin")
	if !g.origins[origin] {
		return false
	}
	h.Set("Access-Control-Allow-Origin", origin)
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		h.Set("Access-Control-Expose-Headers", "ETag, Link, Retry-After")
		return false
	}
	h.Set("Access-Control-Allow-Methods", "GET, HEAD, POST")
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, If-None-Match, "+proto.HeaderRefused+", "+proto.HeaderPriority+", "+proto.HeaderKey)
	h.Set("Access-Control-Max-Age", "600")
	return true
}
