//go:build unix

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cim-go/cim/client"
	"github.com/cim-go/cim/client/cim/lab/up"
	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/audit"
)

// auditLines reads the events of an audit log.
func auditLines(t *testing.T, path string) (list []map[string]any) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		var line map[string]any
		if err := json.Unmarshal(s.Bytes(), &line); err != nil {
			t.Fatalf("%q: %v", s.Text(), err)
		}
		list = append(list, line)
	}
	return list
}

// hasEvent reports whether a line has all fields.
func hasEvent(lines []map[string]any, what string, fields map[string]any) bool {
	for _, line := range lines {
		matches := line["msg"] == what
		for key, want := range fields {
			matches = matches && fmt.Sprint(line[key]) == fmt.Sprint(want)
		}
		if matches {
			return true
		}
	}
	return false
}

// The audit logs have who came, from where, and why somebody was refused. No log of any
// program has a text, a token, a ticket or a password, at the level debug.
func TestAuditTellsWhoCameAndNoSecret(t *testing.T) {
	t.Parallel()
	const password, wrong, text = "the-right-password-1", "the-wrong-password-2", "a text that no log has"
	dir := t.TempDir()
	routeAudit, nodeAudit := filepath.Join(dir, "route.audit"), filepath.Join(dir, "node.audit")
	clusterKey := newKeyFile(t, oldKey)
	cluster := startCluster(t, up.Config{
		Nodes: 1, Auth: "password",
		ServerFlags: []string{"-log", "debug", "-audit", nodeAudit, "-cluster-key", clusterKey.flag()},
		RouteFlags:  []string{"-log", "debug", "-audit", routeAudit, "-cluster-key", clusterKey.flag()},
	})
	url := cluster.RouteURLs()[0]
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()

	cfg := client.Config{Routes: []string{url}, Name: "alice", Password: password, Device: "phone"}
	alice, err := client.Register(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	bob, err := client.Register(ctx, client.Config{Routes: []string{url}, Name: "bob", Password: password})
	if err != nil {
		t.Fatal(err)
	}
	if code := post(t, url+proto.PathLogin, "", proto.LoginRequest{Name: "alice", Password: wrong, Device: "phone"}, nil); code != proto.WrongPassword {
		t.Fatalf("wrong password: %v", code)
	}
	c, err := client.Connect(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	token := c.Token()
	if _, err := c.Send(ctx, bob.User, text); err != nil {
		t.Fatal(err)
	}
	var login proto.LoginAnswer
	if code := post(t, url+proto.PathLogin, "", proto.LoginRequest{Token: token, Device: "phone"}, &login); code != proto.OK {
		t.Fatalf("login by token: %v", code)
	}
	var group proto.CreatedGroup
	for path, q := range map[string]any{
		proto.PathGroupCreate: proto.CreateGroup{ID: "g", Name: "friends", Members: []int64{bob.User}},
	} {
		if code := post(t, url+path, token, q, &group); code != proto.OK {
			t.Fatalf("%s: %v", path, code)
		}
	}
	if code := post(t, url+proto.PathGroupRemove, token, proto.RemoveMember{Group: group.Group, User: bob.User}, nil); code != proto.OK {
		t.Fatalf("remove: %v", code)
	}
	if code := post(t, url+proto.PathSend, token+"x", proto.SendMessage{ID: "1", To: bob.User, Text: text}, nil); code != proto.Unauthorized {
		t.Fatalf("another token: %v", code)
	}
	foreign, err := http.NewRequestWithContext(ctx, http.MethodPost, url+proto.PathLogin, strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	foreign.Header.Set("Origin", "https://foreign.example")
	if answer, err := http.DefaultClient.Do(foreign); err != nil || answer.StatusCode != http.StatusForbidden {
		t.Fatalf("foreign page: %v, %v", answer, err)
	} else {
		answer.Body.Close()
	}
	clusterKey.write(newKey, oldKey)
	hangup(t, cluster.Nodes()[0].Process, "keys were changed")
	const changed = "the-changed-password-3"
	if code := post(t, url+proto.PathPassword, token, proto.ChangePassword{Old: password, New: changed}, nil); code != proto.OK {
		t.Fatalf("change of the password: %v", code)
	}
	if err := c.Logout(ctx); err != nil {
		t.Fatal(err)
	}

	lines := auditLines(t, routeAudit)
	for _, want := range []struct {
		what   string
		fields map[string]any
	}{
		{"register", map[string]any{audit.Name: "alice", audit.From: "127.0.0.1"}},
		{"login refused", map[string]any{audit.Name: "alice", audit.Device: "phone", audit.Code: "wrong-password", "level": "WARN"}},
		{"login", map[string]any{audit.Name: "alice", audit.User: float64(alice.User), audit.Device: "phone", audit.From: "127.0.0.1", audit.Source: "audit"}},
		{"group create", map[string]any{audit.By: float64(alice.User), audit.Group: float64(group.Group)}},
		{"group remove", map[string]any{audit.By: float64(alice.User), audit.User: float64(bob.User)}},
		{"request refused", map[string]any{audit.Code: "unauthorized", "use_case": "send"}},
		{"page refused", map[string]any{audit.Code: "foreign-page", "origin": "https://foreign.example"}},
		{"password change", map[string]any{audit.User: float64(alice.User), audit.Device: "phone"}},
		{"logout", map[string]any{audit.User: float64(alice.User)}},
		{"session ended", map[string]any{audit.User: float64(alice.User), audit.Code: "logged-out"}},
	} {
		if !hasEvent(lines, want.what, want.fields) {
			t.Errorf("no %s with %v in %v", want.what, want.fields, lines)
		}
	}
	lines = auditLines(t, nodeAudit)
	if !hasEvent(lines, "connection", map[string]any{audit.Name: "alice", audit.Device: "phone", audit.From: "127.0.0.1"}) || !hasEvent(lines, "keys changed", nil) {
		t.Errorf("the node has %v", lines)
	}

	logs := []string{routeAudit, nodeAudit, cluster.Routes()[0].Log, cluster.Nodes()[0].Log}
	for _, path := range logs {
		b, err := os.ReadFile(path)
		if err != nil || len(b) == 0 {
			t.Fatalf("%s: %d bytes, %v", path, len(b), err)
		}
		for what, secret := range map[string]string{
			"password": password, "wrong password": wrong, "changed password": changed, "text": text, "token": token, "later token": login.Token, "ticket": login.Ticket,
			"cluster key": oldKey, "new cluster key": newKey,
		} {
			if strings.Contains(string(b), secret) {
				t.Errorf("%s has the %s", path, what)
			}
		}
		if info, err := os.Stat(path); strings.HasSuffix(path, ".audit") && (err != nil || info.Mode().Perm() != 0o600) {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
}
