package redistest

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
)

// Each kind of harm makes the server refuse writes with another error, leaves reads
// alone, and can be undone.
func TestHarmedServerRefusesWritesOnly(t *testing.T) {
	s, err := Redis(t.Context(), Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	if err := s.ask(t.Context(), "set", "k", "v").Err(); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct{ harm, heal func(context.Context) error }{
		"OOM": {s.Fill, s.Drain}, "NOREPLICAS": {s.Lack, s.Suffice}, "READONLY": {s.Demote, s.Promote},
	}
	for word, test := range tests {
		if err := test.harm(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := s.ask(t.Context(), "set", "k", "w").Err(); err == nil || !strings.HasPrefix(err.Error(), word) {
			t.Errorf("%s: a write is answered %v", word, err)
		}
		if got, err := s.ask(t.Context(), "get", "k").Text(); got != "v" {
			t.Errorf("%s: a read is answered %q, %v", word, got, err)
		}
		if err := test.heal(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := s.ask(t.Context(), "set", "k", "v").Err(); err != nil {
			t.Errorf("%s, healed: %v", word, err)
		}
	}
}

// A server comes back older, with the data of a backup, or empty.
func TestServerComesBackOlderOrEmpty(t *testing.T) {
	s, err := Redis(t.Context(), Config{Dir: t.TempDir(), Persist: true, Args: []string{"--appendfsync", "always"}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	dir := filepath.Join(t.TempDir(), "backup")
	set := func(key string) {
		t.Helper()
		if err := s.ask(t.Context(), "set", key, "1").Err(); err != nil {
			t.Fatal(err)
		}
	}
	has := func(key string) bool {
		t.Helper()
		err := s.ask(t.Context(), "get", key).Err()
		if err != nil && !errors.Is(err, redis.Nil) {
			t.Fatal(err)
		}
		return err == nil
	}
	set("before")
	if err := s.Backup(dir); err != nil {
		t.Fatal(err)
	}
	set("after")
	for _, from := range []string{dir, ""} {
		if err := s.Lose(from); err != nil {
			t.Fatal(err)
		}
		if err := s.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		if has("before") != (from != "") || has("after") {
			t.Errorf("from %q it has before: %t, after: %t", from, has("before"), has("after"))
		}
	}
}
