package seed

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/cim-go/cim/ring"
)

// Handler serves the members in table, sealed with keys. The function ready is
// Gossip.Ready. It reports whether this node has found its cluster, and the reason if it
// has not. Until then Handler answers 503, because a node that has just restarted knows
// only itself. If ready is nil, the node is always ready.
func Handler(table *ring.Table, keys *ring.Keys, ready func() (ok bool, reason string)) http.Handler {
	return &handler{table: table, keys: keys, ready: ready}
}

type handler struct {
	table *ring.Table
	keys  *ring.Keys
	ready func() (bool, string)
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	if h.ready != nil {
		if ok, reason := h.ready(); !ok {
			http.Error(w, reason, http.StatusServiceUnavailable)
			return
		}
	}
	view := h.table.Current()
	etag := view.ETag()
	w.Header().Set("ETag", `"`+etag+`"`)
	w.Header().Set("Cache-Control", "no-cache") // caches must revalidate, because their Cim-Loads would be old
	w.Header().Set(loadsHeader, encodeLoads(view.Members(), etag, h.keys))
	if matches(strings.Join(r.Header.Values("If-None-Match"), ","), etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	sealed := make([]ring.Sealed, len(view.Members()))
	for i, m := range view.Members() {
		sealed[i] = h.keys.Sealed(m)
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(sealed) // this fails only if the client is gone
}

// matches reports whether a value of If-None-Match, or several joined by commas, has
// etag.
func matches(header, etag string) bool {
	for tag := range strings.SplitSeq(header, ",") {
		if strings.TrimPrefix(strings.TrimSpace(tag), "W/") == `"`+etag+`"` {
			return true
		}
	}
	return false
}
