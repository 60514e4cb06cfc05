//go:build unix

package process

import (
	"bytes"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
)

func TestHangupReadsAgainAndEndsNothing(t *testing.T) {
	var out bytes.Buffer
	l := Log{Level: "info", Format: "text"}
	log, err := l.Logger(&out)
	if err != nil {
		t.Fatal(err)
	}
	read := make(chan struct{})
	var level atomic.Value
	level.Store("debug")
	h := OnHangup(slog.New(slog.DiscardHandler), func() (string, error) {
		if level.Load() == "" {
			read <- struct{}{}
			return "", errors.New("no such file")
		}
		return level.Load().(string), nil
	})
	h.Add(func(level string) error {
		defer func() { read <- struct{}{} }()
		return l.SetLevel(level)
	})
	hangup := func() {
		t.Helper()
		if err := syscall.Kill(syscall.Getpid(), syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		<-read
	}
	log.Debug("one")
	hangup()
	log.Debug("two")
	level.Store("") // a failure leaves what was
	hangup()
	log.Debug("three")
	h.Stop()
	if text := out.String(); strings.Contains(text, "one") || !strings.Contains(text, "two") || !strings.Contains(text, "three") {
		t.Errorf("logged is %s", text)
	}
	if err := l.SetLevel("loud"); !errors.Is(err, ErrUsage) {
		t.Errorf("a level that is none: %v", err)
	}
}

// If a signal comes while a program waits for its store, parts that are made later
// still get it.
func TestHangupBeforeAPartIsThereReachesIt(t *testing.T) {
	parsed := make(chan struct{}, 2)
	h := OnHangup(slog.New(slog.DiscardHandler), func() (string, error) {
		parsed <- struct{}{}
		return "new", nil
	})
	var got []string
	take := func(s string) error {
		got = append(got, s)
		return nil
	}
	if err := syscall.Kill(syscall.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	<-parsed
	h.Add(take)
	h.Stop()
	if !slices.Equal(got, []string{"new"}) {
		t.Errorf("the part was told %q", got)
	}
}
