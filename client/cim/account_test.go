package main

import (
	"errors"
	"os/exec"
	"strings"
	"testing"

	"github.com/cim-go/cim/client"
	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/wait"
)

// operate runs a command of the operator, such as account, and returns what it printed.
func operate(t *testing.T, command string, args ...string) (string, error) {
	t.Helper()
	program, err := exec.LookPath("cim")
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(wait.Context(t), program, append([]string{command}, args...)...).CombinedOutput()
	return string(out), err
}

// An operator deletes an account on the store. Its connection ends, nobody can log in, and
// the routes free the name.
func TestOperatorDeletesAnAccount(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	s := newSystem(t, plan{store: redis.URL()})
	alice := connectAs(t, client.Config{Routes: []string{s.url}, Name: "alice", Device: "phone"})
	old := alice.Self().User
	if out, err := operate(t, "account", "delete", "-redis", redis.URL(), "alice"); err == nil || !strings.Contains(out, "-yes") {
		t.Errorf("without a confirmation: %v, %s", err, out)
	}
	if out, err := operate(t, "account", "delete", "-redis", redis.URL(), "-yes", "alice"); err != nil || !strings.Contains(out, "alice") {
		t.Fatalf("delete: %v, %s", err, out)
	}
	if code := post(t, s.url+proto.PathLogin, "", proto.LoginRequest{Name: "alice", Device: "phone"}, nil); code != proto.UnknownUser {
		t.Errorf("login: %v", code)
	}
	wait.Until(t, "the connection is closed for good", func() bool { return alice.Err() != nil })
	if refused, ok := errors.AsType[*proto.Error](alice.Err()); !ok || refused.Code != proto.SessionEnded && refused.Code != proto.UnknownUser {
		t.Errorf("the connection ended with %v", alice.Err())
	}
	var again proto.RegisterAnswer
	wait.Until(t, "the name is free", func() bool {
		return post(t, s.url+proto.PathRegister, "", proto.RegisterRequest{Name: "alice"}, &again) == proto.OK
	})
	if again.User == old {
		t.Error("the new account has the id of the old one")
	}
	if out, err := operate(t, "account", "delete", "-redis", redis.URL(), "-yes", "nobody"); err == nil || !strings.Contains(out, "there is no account") {
		t.Errorf("delete nobody: %v, %s", err, out)
	}
}
