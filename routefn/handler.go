package routefn

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/cim-go/cim/proto"
)

// A useCase is a handler, the name by which Only knows it, and its place.
type useCase struct {
	name    string
	methods []string
	path    string
	handler func(*Route, http.ResponseWriter, *http.Request)
}

var (
	post      = []string{http.MethodPost}
	get       = []string{http.MethodGet}
	getOrPost = []string{http.MethodGet, http.MethodPost}
)

// useCases are all there are. Names are those of the metrics, too.
var useCases = []useCase{
	{"register", post, proto.PathRegister, (*Route).Register},
	{"login", post, proto.PathLogin, (*Route).Login},
	{"logout", post, proto.PathLogout, (*Route).Logout},
	{"send", post, proto.PathSend, (*Route).Send},
	{"pull", post, proto.PathPull, (*Route).Pull},
	{"ack", post, proto.PathAck, (*Route).Ack},
	{"delivered", get, proto.PathDelivered, (*Route).Delivered},
	{"online", get, proto.PathOnline, (*Route).Online},
	{"user", get, proto.PathUser, (*Route).User},
	{"members", get, proto.PathMembers, (*Route).Members},
	{"schedule", post, proto.PathSchedule, (*Route).Schedule},
	{"scheduled", get, proto.PathScheduled, (*Route).Scheduled},
	{"cancel", post, proto.PathCancel, (*Route).Cancel},
	{"groups", get, proto.PathGroups, (*Route).Groups},
	{"group-create", post, proto.PathGroupCreate, (*Route).GroupCreate},
	{"group-join", post, proto.PathGroupJoin, (*Route).GroupJoin},
	{"group-leave", post, proto.PathGroupLeave, (*Route).GroupLeave},
	{"group-add", post, proto.PathGroupAdd, (*Route).GroupAdd},
	{"group-remove", post, proto.PathGroupRemove, (*Route).GroupRemove},
	{"group-members", get, proto.PathGroupMembers, (*Route).GroupMembers},
	{"node-report", post, proto.PathNodeReport, (*Route).NodeReport},
	{"node-send", post, proto.PathNodeSend, (*Route).NodeSend},
	{"node-reconcile", post, proto.PathNodeReconcile, (*Route).NodeReconcile},
	{"node-pull", post, proto.PathNodePull, (*Route).NodePull},
	{"node-move", post, proto.PathNodeMove, (*Route).NodeMove},
	{"node-fire", post, proto.PathNodeFire, (*Route).NodeFire},
	{"node-keys", get, proto.PathNodeKeys, (*Route).NodeKeys},
	{"cim-register", post, "/registerAccount", (*Route).CIMRegister},
	{"cim-login", post, "/login", (*Route).CIMLogin},
	{"cim-offline", post, "/offLine", (*Route).CIMOffline},
	{"cim-group", post, "/groupRoute", (*Route).CIMGroup},
	{"cim-private", post, "/p2pRoute", (*Route).CIMPrivate},
	{"cim-online", getOrPost, "/onlineUser", (*Route).CIMOnline},
	{"cim-fetch", post, "/fetchOfflineMsgs", (*Route).CIMFetch},
}

// forCIM reports whether the use case trusts a user id, which only open mode does.
func (u useCase) forCIM() bool { return strings.HasPrefix(u.name, "cim-") }

// Handler serves every use case that the mode allows, the health checks, and
// streams unless Config.PlainHop is set.
func (rt *Route) Handler() http.Handler {
	mux := rt.mount(slices.DeleteFunc(slices.Clone(useCases), func(u useCase) bool {
		return u.forCIM() && rt.cfg.Auth != AuthOpen
	}))
	if !rt.cfg.PlainHop {
		mux.Get(proto.PathNodeStream, rt.NodeStream)
	}
	return mux
}

// Only serves the named use cases at their usual paths, and the health checks: a
// function of a cloud has one or a few. Names are those in the metrics: register,
// login, logout, send, pull, ack, delivered, online, user, members, schedule,
// scheduled, cancel, groups, group-create, group-join, group-leave, group-add,
// group-remove, group-members, node-report, node-send, node-reconcile, node-pull,
// node-move, node-fire, node-keys, and in open mode cim-register, cim-login,
// cim-offline, cim-group, cim-private, cim-online, cim-fetch.
func (rt *Route) Only(names ...string) (http.Handler, error) {
	chosen := make([]useCase, 0, len(names))
	for _, name := range names {
		i := slices.IndexFunc(useCases, func(u useCase) bool { return u.name == name })
		if i < 0 {
			return nil, fmt.Errorf("mount %q: there is no such use case", name)
		}
		if useCases[i].forCIM() && rt.cfg.Auth != AuthOpen {
			return nil, fmt.Errorf("mount %q: CIM's clients prove nothing and need open mode", name)
		}
		chosen = append(chosen, useCases[i])
	}
	return rt.mount(chosen), nil
}

func (rt *Route) mount(list []useCase) *chi.Mux {
	mux := chi.NewMux()
	for _, u := range list {
		for _, method := range u.methods {
			mux.MethodFunc(method, u.path, func(w http.ResponseWriter, r *http.Request) { u.handler(rt, w, r) })
		}
	}
	for path, check := range map[string]http.HandlerFunc{proto.PathHealth: rt.Health, proto.PathReady: rt.Ready} {
		mux.Get(path, check)
		mux.Head(path, check) // without the body, as package http sees to
	}
	mux.NotFound(func(w http.ResponseWriter, _ *http.Request) {
		failJSON(w, http.StatusNotFound, proto.Err(proto.NotFound, ""))
	})
	mux.MethodNotAllowed(func(w http.ResponseWriter, r *http.Request) {
		for _, method := range getOrPost {
			if mux.Match(chi.NewRouteContext(), method, r.URL.Path) {
				w.Header().Add("Allow", method)
			}
		}
		failJSON(w, http.StatusMethodNotAllowed, proto.Err(proto.NotFound, "The path takes another method."))
	})
	return mux
}
