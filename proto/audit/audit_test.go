package audit

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/cim-go/cim/proto"
)

func lines(t *testing.T, b *bytes.Buffer) (list []map[string]any) {
	t.Helper()
	for line := range strings.Lines(b.String()) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		list = append(list, fields)
	}
	b.Reset()
	return list
}

func TestRefusalsAreBoundedAndCounted(t *testing.T) {
	var b bytes.Buffer
	l := New(slog.NewJSONHandler(&b, nil))
	now := time.UnixMilli(0)
	l.now = func() time.Time { return now }
	for range refusalBurst + 500 {
		l.Refused("login", proto.WrongPassword, slog.String(Name, "alice"))
	}
	if got := lines(t, &b); len(got) != refusalBurst || got[0]["msg"] != "login refused" || got[0][Code] != "wrong-password" || got[0][Source] != "audit" {
		t.Fatalf("%d lines, the first %v", len(got), got[0])
	}
	l.Event("login", slog.Int64(User, 5)) // is never left out
	if got := lines(t, &b); len(got) != 1 || got[0][LeftOut] != 500.0 || got[0]["level"] != "INFO" {
		t.Fatalf("%v", got)
	}
	now = now.Add(time.Second)
	for range 100 {
		l.Refused("login", proto.WrongPassword)
	}
	if got := lines(t, &b); len(got) != refusalsPerSecond || got[0][LeftOut] != nil {
		t.Fatalf("%d lines after a second, the first %v", len(got), got[0])
	}
}

func TestValuesAreCut(t *testing.T) {
	var b bytes.Buffer
	New(slog.NewJSONHandler(&b, nil)).Event("login", slog.String(Name, strings.Repeat("é", 1000)))
	if name := lines(t, &b)[0][Name].(string); len(name) > mostText+3 || !strings.HasSuffix(name, "é...") {
		t.Errorf("%q", name)
	}
}

func TestNoLogWritesNothing(t *testing.T) {
	var l *Log
	l.Event("login")
	l.Refused("login", proto.WrongPassword)
}
