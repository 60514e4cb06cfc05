package gossip

import (
	"bytes"
	"context"
	"log"
	"log/slog"
	"slices"
	"sync"
	"time"
)

const (
	maxLogLine    = 300 // bytes; memberlist prints whole metadata
	warningsEvery = time.Minute
	warningsMost  = 10 // warnings per warningsEvery; each packet of a stranger causes one
)

// newLogger returns a logger for memberlist. Errors of memberlist are faults of the
// network or of a peer, so they become warnings here. A line gets the level debug if
// there were ten warnings in the last minute. So does a line about an event that this
// package logs itself.
func newLogger(to *slog.Logger) *log.Logger {
	return log.New(&logWriter{log: to}, "", 0)
}

type logWriter struct {
	log *slog.Logger

	// Guarded by mu.
	mu    sync.Mutex
	since time.Time
	count int
}

// Write logs one line.
func (w *logWriter) Write(line []byte) (int, error) {
	level, text := parseLine(line)
	if level == slog.LevelWarn && !w.mayWarn(time.Now()) {
		level = slog.LevelDebug
	}
	if ctx := context.Background(); w.log.Enabled(ctx, level) {
		w.log.Log(ctx, level, "memberlist", "text", string(text[:min(len(text), maxLogLine)]))
	}
	return len(line), nil
}

func (w *logWriter) mayWarn(now time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if now.Sub(w.since) >= warningsEvery {
		w.since, w.count = now, 0
	}
	w.count++
	return w.count <= warningsMost
}

// quiet has the texts of memberlist's lines that are for debugging only. They are about
// events that the delegates and joinLoop log, about this node's restart, and about probes
// at a shutdown.
var quiet = [][]byte{
	[]byte("ignoring alive message"), []byte("Conflicting address"), []byte("Refuting an alive message"),
	[]byte("use of closed network connection"),
}

// parseLine splits "[LEVEL] memberlist: text".
func parseLine(line []byte) (slog.Level, []byte) {
	line = bytes.TrimSpace(line)
	level := slog.LevelDebug
	if rest, ok := bytes.CutPrefix(line, []byte("[")); ok {
		if name, text, ok := bytes.Cut(rest, []byte("] ")); ok {
			line = bytes.TrimPrefix(text, []byte("memberlist: "))
			switch string(name) {
			case "WARN", "ERR", "ERROR":
				level = slog.LevelWarn
			}
		}
	}
	if slices.ContainsFunc(quiet, func(words []byte) bool { return bytes.Contains(line, words) }) {
		level = slog.LevelDebug
	}
	return level, line
}
