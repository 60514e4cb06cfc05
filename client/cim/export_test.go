package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/cim-go/cim/client"
	"github.com/cim-go/cim/proto/wait"
	"github.com/cim-go/cim/routefn/migrate/format"
)

// The SDK writes a whole file for a user, and nothing of another user.
func TestUserTakesItsDataAlong(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	s := newSystem(t, plan{store: redis.URL()})
	ctx := wait.Context(t)
	alice := connectAs(t, client.Config{Routes: []string{s.url}, Name: "alice", Device: "phone"})
	bob := connectAs(t, client.Config{Routes: []string{s.url}, Name: "bob", Device: "phone"})
	carol := connectAs(t, client.Config{Routes: []string{s.url}, Name: "carol", Device: "phone"})
	group, err := bob.CreateGroup(ctx, "friends", alice.Self().User)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 { // more than one page
		if _, err := bob.SendMessage(ctx, client.Outgoing{Group: group.Group, Text: strings.Repeat("x", 60_000+i)}); err != nil {
			t.Fatal(err)
		}
	}
	for user, text := range map[int64]string{alice.Self().User: "for alice", carol.Self().User: "for carol"} {
		if _, err := bob.SendMessage(ctx, client.Outgoing{To: user, Text: text}); err != nil {
			t.Fatal(err)
		}
	}
	var file bytes.Buffer
	if err := alice.Export(ctx, &file); err != nil {
		t.Fatal(err)
	}
	if err := format.Check(bytes.NewReader(file.Bytes())); err != nil {
		t.Fatal(err)
	}
	text := file.String()
	if n := strings.Count(text, `"kind":"message"`); n != 21 || !strings.Contains(text, `"name":"friends"`) || !strings.Contains(text, `"device":"phone"`) {
		t.Errorf("alice gets %d messages in %d bytes", n, file.Len())
	}
	if strings.Contains(text, "carol") || !strings.Contains(text, "for alice") {
		t.Errorf("alice gets what concerns carol, or not what bob wrote")
	}
}
