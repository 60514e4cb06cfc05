package routefn

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/ring"
	"github.com/cim-go/cim/routefn/body"
)

// coded wraps members, the source of members, so that its errors have the code
// Unavailable.
func coded(members func(context.Context) (*ring.View, error)) func(context.Context) (*ring.View, error) {
	return func(ctx context.Context) (*ring.View, error) {
		view, err := members(ctx)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", proto.Err(proto.Unavailable, "The members are not known."), err)
		}
		return view, nil
	}
}

// serveMembers serves GET /v1/members. The answer has the members that this route
// knows, sealed one by one, in the format of package ring/seed. The ETag does not
// depend on the members' loads.
func serveMembers(rt *Route, name string, w http.ResponseWriter, r *http.Request) {
	f := body.Format{Fail: body.Fail, Answer: func(w http.ResponseWriter, answer any) {
		writeMembers(w, answer.(*ring.View), rt.cfg.Keys, strings.Join(r.Header.Values("If-None-Match"), ","))
	}}
	rt.serve(w, r, name, f, func(ctx context.Context) (any, error) { return rt.cfg.Members(ctx) })
}

func writeMembers(w http.ResponseWriter, view *ring.View, keys *ring.Keys, have string) {
	etag := `"` + view.ETag() + `"`
	w.Header().Set("ETag", etag)
	w.Header().Set("Cache-Control", "no-cache") // caches must revalidate the answer
	if strings.Contains(have, etag) {           // the header may list several tags
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
