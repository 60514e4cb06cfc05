// Package trail writes requests of a route to the audit log. These are requests that
// change identities or rights, and requests whose caller was refused. The handlers note
// the caller and the body of a request. Trail has a list of the fields that it writes,
// because a body also has passwords and tokens.
package trail

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/audit"
	"github.com/cim-go/cim/proto/sourceip"
	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/routefn/compat"
	"github.com/cim-go/cim/routefn/record"
)

// audited has the use cases that change identities or rights, each with its name in the
// audit log. A request of any other use case gets an entry only if its token was refused.
var audited = map[string]string{
	"register": "register", "login": "login", "logout": "logout",
	"sessions-end": "sessions end", "password": "password change", "account-delete": "account delete", "export": "account export",
	"group-create": "group create", "group-add": "group add", "group-remove": "group remove",
	"report-close": "report close",
	"block":        "block", "unblock": "unblock",
	"group-role": "group role", "role-give": "role",
	"cim-register": "register", "cim-login": "login", "cim-offline": "logout",
}

// refusedIdentity reports whether the code means that a caller's identity was refused.
func refusedIdentity(code proto.Code) bool {
	switch code {
	case proto.Unauthorized, proto.LoggedOut, proto.SessionEnded, proto.WrongPassword, proto.BadTicket:
		return true
	}
	return false
}

// Trail is the audit log of a route. It is safe for concurrent use.
type Trail struct {
	Log     *audit.Log // nil: nothing is written
	Proxies sourceip.Proxies
}

// A Notice has the caller and the body of a request, as a handler noted them.
type Notice struct {
	caller token.Token // zero: the caller proved no identity
	body   any
}

type noticeKey struct{}

// Begin returns the context for the handlers of a request. If the use case is audited,
// the handlers note in this context what they see. The caller passes the Notice to End.
func (t *Trail) Begin(ctx context.Context, useCase string) (context.Context, *Notice) {
	if t.Log == nil || audited[useCase] == "" {
		return ctx, nil
	}
	n := new(Notice)
	return context.WithValue(ctx, noticeKey{}, n), n
}

// Note notes the caller and the decoded body of a request that began with Begin.
func Note(ctx context.Context, caller token.Token, body any) {
	if n, _ := ctx.Value(noticeKey{}).(*Notice); n != nil {
		n.caller, n.body = caller, body
	}
}

// End writes the outcome of a request, which is its answer or the error with which it
// failed. The Notice n comes from Begin.
func (t *Trail) End(r *http.Request, useCase string, n *Notice, answer any, failed *proto.Error) {
	if t.Log == nil || n == nil && (failed == nil || !refusedIdentity(failed.Code)) {
		return
	}
	attrs := []slog.Attr{slog.String(audit.From, t.Proxies.Client(r).String())}
	what := audited[useCase]
	if n == nil {
		t.Log.Refused("request", failed.Code, append(attrs, slog.String("use_case", useCase))...)
		return
	}
	attrs = append(attrs, n.attrs(answer)...)
	if failed != nil {
		t.Log.Refused(what, failed.Code, attrs...)
		return
	}
	t.Log.Event(what, attrs...)
}

// attrs returns the fields to write.
func (n *Notice) attrs(answer any) (list []slog.Attr) {
	number := func(key string, value int64) {
		if value != 0 {
			list = append(list, slog.Int64(key, value))
		}
	}
	text := func(key, value string) {
		if value != "" {
			list = append(list, slog.String(key, value))
		}
	}
	switch q := n.body.(type) {
	case proto.RegisterRequest:
		a, _ := answer.(proto.RegisterAnswer)
		number(audit.User, a.User)
		text(audit.Name, q.Name)
	case proto.LoginRequest:
		user, name := q.User, q.Name
		if a, _ := answer.(*proto.LoginAnswer); a != nil {
			user, name = a.User, a.Name
			text(audit.Node, a.Node.ID)
		}
		number(audit.User, user)
		text(audit.Name, name)
		text(audit.Device, q.Device)
	case proto.LogoutRequest:
		number(audit.User, n.caller.User)
		text(audit.Device, q.Device)
	case proto.EndSessions:
		number(audit.User, n.caller.User)
		text(audit.Device, q.Device)
		list = append(list, slog.Bool("others", q.Others), slog.Bool("all", q.All))
	case proto.ChangePassword:
		number(audit.User, n.caller.User)
		text(audit.Device, n.caller.Device)
	case proto.DeleteAccount:
		number(audit.User, n.caller.User)
		text(audit.Device, n.caller.Device)
	case url.Values: // the query of an export
		number(audit.User, n.caller.User)
		text(audit.Device, n.caller.Device)
	case proto.CreateGroup:
		a, _ := answer.(*proto.CreatedGroup)
		number(audit.By, n.caller.User)
		if a != nil {
			number(audit.Group, a.Group)
		}
	case proto.AddMember:
		number(audit.By, n.caller.User)
		number(audit.Group, q.Group)
		number(audit.User, q.User)
	case proto.RemoveMember:
		number(audit.By, n.caller.User)
		number(audit.Group, q.Group)
		number(audit.User, q.User)
	case proto.ContactChange:
		number(audit.By, n.caller.User)
		number(audit.User, q.User)
	case proto.GiveGroupRole:
		number(audit.By, n.caller.User)
		number(audit.Group, q.Group)
		number(audit.User, q.User)
		text("role", q.Role)
	case proto.GiveRole:
		number(audit.By, n.caller.User)
		number(audit.User, q.User)
		text("role", q.Role)
	case proto.CloseReport:
		number(audit.By, n.caller.User)
		text("report", q.ID)
		text("decision", q.Decision)
		if a, _ := answer.(proto.ReportClosed); a.From != 0 { // the report was closed
			text("note", q.Note)
			number(audit.User, a.From)
			number(audit.Group, a.Group)
		}
	case compat.User:
		a, _ := answer.(compat.User)
		number(audit.User, max(q.UserID, a.UserID))
		text(audit.Name, q.UserName)
	case compat.Offline:
		number(audit.User, q.UserID)
	}
	return list
}

// Ended writes that a request of the session's user, or of another user, has ended the
// session.
func (t *Trail) Ended(user int64, s record.Session, code proto.Code) {
	t.Log.Event("session ended", slog.Int64(audit.User, user), slog.String(audit.Device, s.Device), slog.String(audit.Code, code.String()))
}

// Erased writes that an account was erased, so that only its id is left.
func (t *Trail) Erased(user int64) {
	t.Log.Event("account deleted", slog.Int64(audit.User, user))
}
