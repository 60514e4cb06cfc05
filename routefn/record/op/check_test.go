package op

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/cim-go/cim/routefn/record/servers"
	"github.com/cim-go/cim/routefn/record/storetest"
)

func TestStoreThatEvictsIsRefused(t *testing.T) {
	cfg := at(spawned(t, "--maxmemory-policy", "allkeys-lru").URL())
	cfg.AllowEmbedded = true
	d, err := Dial(t.Context(), cfg)
	if err == nil || !strings.Contains(err.Error(), "allkeys-lru") {
		t.Fatalf("dial: %v, %v", d, err)
	}
	if _, err := Dial(t.Context(), at(storetest.Embedded.URL())); err == nil {
		t.Error("an embedded store passed for a real one")
	}
}

func TestStoreWithoutWaitIsRefused(t *testing.T) {
	cfg := at(storetest.Embedded.URL())
	cfg.AllowEmbedded, cfg.Replicas = true, 1
	d, err := Dial(t.Context(), cfg)
	if err == nil || !strings.Contains(err.Error(), "no replicas to wait for") {
		t.Fatalf("dial: %v, %v", d, err)
	}
}

func TestStoreWithTooFewReplicasIsWarnedOf(t *testing.T) {
	_, primary, _ := replicated(t, shortWait)
	for replicas, want := range map[int]bool{1: false, 2: true} {
		var log bytes.Buffer
		cfg := at(primary.URL())
		cfg.Replicas, cfg.Logger = replicas, slog.New(slog.NewTextHandler(&log, nil))
		dial(t, cfg)
		if got := strings.Contains(log.String(), "too few replicas"); got != want {
			t.Errorf("%d replicas wanted: log is %q", replicas, log.String())
		}
	}
}

func TestWaitMustBeShorterThanARead(t *testing.T) {
	for name, cfg := range map[string]Config{
		"as long":   {Replicas: 1, ReplicaTimeout: time.Second, Config: servers.Config{ReadTimeout: time.Second}},
		"for ever":  {Replicas: 1, ReplicaTimeout: time.Microsecond},
		"for fewer": {Replicas: -1},
	} {
		cfg.URL = storetest.Server.URL()
		if d, err := Dial(t.Context(), cfg); err == nil {
			d.Close()
			t.Errorf("%s: it was accepted", name)
		}
	}
}
