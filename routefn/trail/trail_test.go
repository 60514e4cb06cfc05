package trail

import (
	"bytes"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/audit"
	"github.com/cim-go/cim/proto/token"
)

// Bodies have passwords, tokens and notes of moderators about refused decisions. The log has
// the fields that it names, and no others.
func TestTrailHasTheFieldsThatItNames(t *testing.T) {
	alice := token.Token{User: 7, Device: "phone"}
	for name, c := range map[string]struct {
		useCase string
		body    any
		answer  any
		failed  *proto.Error
		want    string // the line, without the time; empty: none
	}{
		"login": {"login", proto.LoginRequest{Name: "alice", Device: "phone", Password: "secret", Token: "secret"},
			&proto.LoginAnswer{User: 7, Name: "alice", Token: "secret", Node: proto.Node{ID: "node-1"}}, nil,
			`level=INFO msg=login log=audit from=192.0.2.1 node=node-1 user=7 name=alice device=phone`},
		"wrong password": {"login", proto.LoginRequest{Name: "alice", Password: "secret"}, nil, proto.Err(proto.WrongPassword, ""),
			`level=WARN msg="login refused" log=audit from=192.0.2.1 name=alice code=wrong-password`},
		"new password": {"password", proto.ChangePassword{Old: "secret", New: "secret"}, nil, nil,
			`level=INFO msg="password change" log=audit from=192.0.2.1 user=7 device=phone`},
		"role": {"role-give", proto.GiveRole{User: 8, Role: "moderator"}, nil, nil,
			`level=INFO msg=role log=audit from=192.0.2.1 by=7 user=8 role=moderator`},
		"decision that was not made": {"report-close", proto.CloseReport{ID: "r1", Decision: "resolve", Note: "secret"}, nil, proto.Err(proto.Forbidden, ""),
			`level=WARN msg="report close refused" log=audit from=192.0.2.1 by=7 report=r1 decision=resolve code=forbidden`},
		"message":           {"send", proto.SendMessage{Text: "secret"}, nil, nil, ""},
		"malformed message": {"send", proto.SendMessage{Text: "secret"}, nil, proto.Err(proto.Invalid, ""), ""},
		"message of nobody": {"send", proto.SendMessage{Text: "secret"}, nil, proto.Err(proto.Unauthorized, ""),
			`level=WARN msg="request refused" log=audit from=192.0.2.1 use_case=send code=unauthorized`},
	} {
		t.Run(name, func(t *testing.T) {
			var written bytes.Buffer
			trail := &Trail{Log: audit.New(slog.NewTextHandler(&written, nil))}
			request := httptest.NewRequest("POST", "/", nil)
			ctx, seen := trail.Begin(t.Context(), c.useCase)
			Note(ctx, alice, c.body)
			trail.End(request, c.useCase, seen, c.answer, c.failed)
			_, got, _ := strings.Cut(strings.TrimSpace(written.String()), " ")
			if got != c.want || strings.Contains(got, "secret") {
				t.Errorf("wrote %s\nwant  %s", got, c.want)
			}
		})
	}
}

func TestWithoutALogNothingIsNoted(t *testing.T) {
	trail := new(Trail)
	ctx, seen := trail.Begin(t.Context(), "login")
	if ctx != t.Context() || seen != nil {
		t.Error("a request is noted")
	}
	Note(ctx, token.Token{}, proto.LoginRequest{})
	trail.End(httptest.NewRequest("POST", "/", nil), "login", seen, nil, proto.Err(proto.WrongPassword, ""))
	trail.Erased(7)
}
