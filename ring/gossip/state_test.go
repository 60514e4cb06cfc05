package gossip

import (
	"fmt"
	"log/slog"
	"testing"
	"time"
)

func TestExchangeReadsBack(t *testing.T) {
	want := exchange{ready: true, boot: 1 << 63, uptime: time.Hour, sig: 7, sigAge: time.Minute, id: "node-1"}
	if got, ok := decodeExchange(want.encode()); !ok || got != want {
		t.Errorf("%+v reads back as %+v, %v", want, got, ok)
	}
}

func FuzzDecodeExchange(f *testing.F) {
	f.Add(exchange{boot: 1, id: "a"}.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if e, ok := decodeExchange(b); ok && (e.uptime < 0 || e.sigAge < 0) {
			t.Errorf("%x reads as %+v", b, e)
		}
	})
}

func TestMemberlistLinesKeepTheirLevels(t *testing.T) {
	for line, want := range map[string]string{
		"[DEBUG] memberlist: Stream connection from=x\n": "DEBUG Stream connection from=x",
		"[INFO] memberlist: Suspect b has failed\n":      "DEBUG Suspect b has failed",
		"[WARN] memberlist: UDP probes failed\n":         "WARN UDP probes failed",
		"[ERR] memberlist: Decrypt packet failed\n":      "WARN Decrypt packet failed",
		"[WARN] memberlist: ignoring alive message x\n":  "DEBUG ignoring alive message x",
		"Err: Could not set the deadline\n":              "DEBUG Err: Could not set the deadline",
		"":                                               "DEBUG ",
	} {
		level, text := parseLine([]byte(line))
		if got := fmt.Sprint(level, " ", string(text)); got != want {
			t.Errorf("%q is logged as %q, want %q", line, got, want)
		}
	}
}

func TestStrangersCannotFloodTheLog(t *testing.T) {
	var lines logLines
	l := newLogger(slog.New(slog.NewTextHandler(&lines, nil)))
	for range 1000 {
		l.Print("[ERR] memberlist: Decrypt packet failed")
	}
	if n := lines.count("Decrypt"); n != warningsMost {
		t.Errorf("%d lines were logged, want %d", n, warningsMost)
	}
}
