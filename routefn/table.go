package routefn

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/body"
)

var (
	post      = []string{http.MethodPost}
	get       = []string{http.MethodGet}
	getOrPost = []string{http.MethodGet, http.MethodPost}
)

// table lists all requests. The metrics use the same names. The section "Where things are"
// in doc.go describes how to add a request. The class of a request is Normal unless
// classOf in admit.go names another one.
func (rt *Route) table() []request {
	u, g, n, c, p, m, x := rt.user, rt.group, rt.node, rt.compat, rt.contact, rt.moderation, rt.takeout
	return []request{
		{"register", post, proto.PathRegister, fromAnybody(u.Register), nil},
		{"login", post, proto.PathLogin, fromAnybody(u.Login), nil},
		{"refresh", post, proto.PathRefresh, fromAnybody(u.Refresh), nil},
		{"logout", post, proto.PathLogout, fromUnjudged(u.Logout), nil},
		{"sessions", get, proto.PathSessions, fromQuery(u.Sessions), nil},
		{"sessions-end", post, proto.PathSessionsEnd, fromUnjudged(u.EndSessions), nil},
		{"password", post, proto.PathPassword, withClient(fromCaller(u.ChangePassword)), nil},
		{"account-delete", post, proto.PathAccountDelete, withClient(fromUnjudged(u.DeleteAccount)), nil},
		{"export", get, proto.PathExport, linesFromQuery(x.Export), nil},
		{"send", post, proto.PathSend, fromKeyed(func(q *proto.SendMessage) *string { return &q.ID }, u.Send), nil},
		{"pull", post, proto.PathPull, fromCaller(u.Pull), nil},
		{"ack", post, proto.PathAck, fromCaller(u.Ack), nil},
		{"delivered", get, proto.PathDelivered, fromQuery(u.Delivered), nil},
		{"online", get, proto.PathOnline, fromQuery(u.Online), nil},
		{"user", get, proto.PathUser, fromQuery(u.User), nil},
		{"role", get, proto.PathRole, fromQuery(u.Role), nil},
		{"role-give", post, proto.PathRole, fromCaller(u.GiveRole), nil},
		{"members", get, proto.PathMembers, serveMembers, nil},
		{"schedule", post, proto.PathSchedule, fromKeyed(func(q *proto.ScheduleMessage) *string { return &q.ID }, u.Schedule), nil},
		{"scheduled", get, proto.PathScheduled, fromQuery(u.Scheduled), nil},
		{"cancel", post, proto.PathCancel, fromCaller(u.Cancel), nil},
		{"groups", get, proto.PathGroups, fromQuery(g.List), nil},
		{"group-create", post, proto.PathGroupCreate, fromCaller(g.Create), nil},
		{"group-join", post, proto.PathGroupJoin, fromCaller(g.Join), nil},
		{"group-leave", post, proto.PathGroupLeave, fromCaller(g.Leave), nil},
		{"group-add", post, proto.PathGroupAdd, fromCaller(g.Add), nil},
		{"group-remove", post, proto.PathGroupRemove, fromCaller(g.Remove), nil},
		{"group-role", post, proto.PathGroupRole, fromCaller(g.GiveRole), nil},
		{"invitations", get, proto.PathInvitations, fromQuery(g.Invitations), nil},
		{"group-accept", post, proto.PathGroupAccept, fromCaller(g.AcceptInvitation), nil},
		{"group-decline", post, proto.PathGroupDecline, fromCaller(g.DeclineInvitation), nil},
		{"group-members", get, proto.PathGroupMembers, fromQuery(g.Members), nil},
		{"contacts", get, proto.PathContacts, fromQuery(p.List), nil},
		{"contact-request", post, proto.PathContactRequest, fromCaller(p.Request), nil},
		{"contact-accept", post, proto.PathContactAccept, fromCaller(p.Accept), nil},
		{"contact-decline", post, proto.PathContactDecline, fromCaller(p.Decline), nil},
		{"contact-remove", post, proto.PathContactRemove, fromCaller(p.Remove), nil},
		{"contact-remark", post, proto.PathContactRemark, fromCaller(p.Remark), nil},
		{"block", post, proto.PathBlock, fromCaller(p.Block), nil},
		{"unblock", post, proto.PathUnblock, fromCaller(p.Unblock), nil},
		{"consent", get, proto.PathConsent, fromQuery(p.Consent), nil},
		{"consent-set", post, proto.PathConsent, fromCaller(p.SetConsent), nil},
		{"report", post, proto.PathReport, fromCaller(m.Report), nil},
		{"reports", get, proto.PathReports, fromQuery(m.List), nil},
		{"report-close", post, proto.PathReportClose, fromCaller(m.Close), nil},
		fromNode(nodeReport, proto.PathNodeReport, n.Report),
		fromNode(nodeSend, proto.PathNodeSend, n.Send),
		fromNode(nodeReconcile, proto.PathNodeReconcile, n.Reconcile),
		fromNode(nodePull, proto.PathNodePull, n.Pull),
		fromNode(nodeMove, proto.PathNodeMove, n.Move),
		fromNode(nodeFire, proto.PathNodeFire, n.Fire),
		{"node-keys", get, proto.PathNodeKeys, serveKeys, nil},
		{"cim-register", post, "/registerAccount", fromCIM(c.Register), nil},
		{"cim-login", post, "/login", fromCIM(c.Login), nil},
		{"cim-offline", post, "/offLine", fromCIM(c.Offline), nil},
		{"cim-group", post, "/groupRoute", messageFromCIM(c.SendToAll), nil},
		{"cim-private", post, "/p2pRoute", messageFromCIM(c.SendToOne), nil},
		{"cim-online", getOrPost, "/onlineUser", fromCIM(c.Online), nil},
		{"cim-fetch", post, "/fetchOfflineMsgs", fromCIM(c.Fetch), nil},
	}
}

// forCIM reports whether CIM's clients send the request. The route believes the user id
// that such a request claims, so it serves these requests in open mode only.
func (q request) forCIM() bool { return strings.HasPrefix(q.name, "cim-") }

// Handler serves every request that the mode allows, the health checks, and streams unless
// Config.PlainHop is set.
func (rt *Route) Handler() http.Handler {
	mux := rt.mount(slices.DeleteFunc(slices.Clone(rt.requests), func(q request) bool {
		return q.forCIM() && rt.cfg.Auth != AuthOpen
	}))
	rt.mountHealth(mux, rt.serveReady)
	if !rt.cfg.PlainHop {
		mux.Get(proto.PathNodeStream, rt.serveStream)
	}
	return mux
}

// ForClients serves the requests of clients, and the health checks without their
// reasons. It is for a route that serves Internal at another address.
func (rt *Route) ForClients() http.Handler {
	mux := rt.mount(slices.DeleteFunc(slices.Clone(rt.requests), func(q request) bool {
		return q.internal() || q.forCIM() && rt.cfg.Auth != AuthOpen
	}))
	rt.mountHealth(mux, withoutReason(rt.serveReady))
	return mux
}

// Internal serves nodes and operators: the requests of nodes, the members, and the
// health checks.
func (rt *Route) Internal() http.Handler {
	mux := rt.mount(slices.DeleteFunc(slices.Clone(rt.requests), func(q request) bool { return !q.internal() }))
	rt.mountHealth(mux, rt.serveReady)
	if !rt.cfg.PlainHop {
		mux.Get(proto.PathNodeStream, rt.serveStream)
	}
	return mux
}

// Only serves the named requests at their usual paths, and the health checks. It is for a
// function that serves one or a few kinds of requests. The names are those in the metrics.
// For an unknown name, Only returns an error.
//
// Clients have register, login, refresh, logout, sessions, sessions-end, password,
// account-delete, export, send, pull, ack, delivered, online, user, role, role-give, schedule,
// scheduled and cancel. For groups they have groups, group-create, group-join,
// group-leave, group-add, group-remove, group-role, group-members, invitations,
// group-accept and group-decline. For contacts they have contacts, contact-request,
// contact-accept, contact-decline, contact-remove, contact-remark, block, unblock, consent
// and consent-set. For moderation they have report, reports and report-close. Nodes and
// operators have members, node-report, node-send, node-reconcile, node-pull, node-move,
// node-fire and node-keys. CIM's clients have, in open mode only, cim-register, cim-login,
// cim-offline, cim-group, cim-private, cim-online and cim-fetch.
func (rt *Route) Only(names ...string) (http.Handler, error) {
	chosen := make([]request, 0, len(names))
	for _, name := range names {
		i := slices.IndexFunc(rt.requests, func(q request) bool { return q.name == name })
		if i < 0 {
			return nil, fmt.Errorf("mount %q: there is no such use case", name)
		}
		if rt.requests[i].forCIM() && rt.cfg.Auth != AuthOpen {
			return nil, fmt.Errorf("mount %q: CIM's clients prove nothing and need open mode", name)
		}
		chosen = append(chosen, rt.requests[i])
	}
	mux := rt.mount(chosen)
	rt.mountHealth(mux, rt.serveReady)
	return mux, nil
}

// internal reports whether only nodes and operators send the request.
func (q request) internal() bool {
	return q.path == proto.PathMembers || strings.HasPrefix(q.path, "/node/")
}

func (rt *Route) mountHealth(mux *chi.Mux, ready http.HandlerFunc) {
	for path, check := range map[string]http.HandlerFunc{proto.PathHealth: rt.serveHealth, proto.PathReady: ready} {
		mux.Get(path, check)
		mux.Head(path, check) // package http leaves out the body
	}
}

func (rt *Route) mount(list []request) *chi.Mux {
	mux := chi.NewMux()
	for _, q := range list {
		for _, method := range q.methods {
			mux.MethodFunc(method, q.path, func(w http.ResponseWriter, r *http.Request) {
				if r := rt.intake(w, r, q); r != nil {
					q.handler(rt, q.name, w, r)
				}
			})
		}
	}
	mux.NotFound(func(w http.ResponseWriter, _ *http.Request) {
		body.Fail(w, http.StatusNotFound, proto.Err(proto.NotFound, ""))
	})
	mux.MethodNotAllowed(func(w http.ResponseWriter, r *http.Request) {
		for _, method := range getOrPost {
			if mux.Match(chi.NewRouteContext(), method, r.URL.Path) {
				w.Header().Add("Allow", method)
			}
		}
		body.Fail(w, http.StatusMethodNotAllowed, proto.Err(proto.NotFound, "The path takes another method."))
	})
	return mux
}
