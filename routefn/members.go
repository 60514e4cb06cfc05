package routefn

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/cim-go/cim/ring"
)

// Members serves GET /v1/members: the members as this route sees them, each with
// its sealed form, in the form in which nodes tell them (package ring/seed). Its
// ETag does not change with their loads.
func (rt *Route) Members(w http.ResponseWriter, r *http.Request) {
	f := format{fail: failJSON, answer: func(w http.ResponseWriter, body any) {
		writeMembers(w, body.(*ring.View), rt.cfg.Keys, strings.Join(r.Header.Values("If-None-Match"), ","))
	}}
	rt.serve(w, r, "members", f, func(ctx context.Context) (any, error) {
		return rt.members(ctx)
	})
}

func writeMembers(w http.ResponseWriter, view *ring.View, keys *ring.Keys, have string) {
	etag := `"` + view.ETag() + `"`
	w.Header().Set("ETag", etag)
	w.Header().Set("Cache-Control", "no-cache") // to be asked for again, not to be forgotten
	if strings.Contains(have, etag) {           // of one or several
		w.WriteHeader(http.StatusNotModified)
		return
	}
	sealed := make([]ring.Sealed, len(view.Members()))
	for i, m := range view.Members() {
		sealed[i] = keys.Sealed(m)
	}
	b, err := json.Marshal(sealed)
	if err != nil {
		panic(fmt.Sprintf("members cannot be encoded: %v", err))
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(b)
}
